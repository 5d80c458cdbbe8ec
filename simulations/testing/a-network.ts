import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { assertionPublicKey } from "../../certs/fingerprint.ts";
import { authorityFiles, nodeFiles } from "../../certs/layout.ts";
import { type AuditEntry, openAuditReader } from "../../node/audit/audit-reader.ts";
import { type Clock, systemClock, today } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { ProtocolVersion } from "../../node/base/words.ts";
import { loadPeople } from "../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../node/cli/mesh/mesh.ts";
import { writeManifest, writeNodeConfig } from "../../node/cli/mesh/network-files.ts";
import { type NodeProcess, startNodeProcess } from "../../node/cli/mesh/node-process.ts";
import { readFeedFile } from "../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../node/feeds/rejects.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { readUnverified, signManifest } from "../../topology/manifest.ts";
import { approveManifest } from "../../topology/manifest-approval.ts";
import { parseTopology } from "../../topology/topology.ts";
import { type TopologyOrder, topologyText } from "./a-topology.ts";
import { findFreePorts } from "./free-ports.ts";
import { type TrialPerson, writePeople } from "./people.ts";

const OTHER_VERSION_NODE = fileURLToPath(new URL("./other-version-node.ts", import.meta.url));
const DAY_MS = 86_400_000;
/** By then every node has taken a manifest that was put in its place. */
const SECOND_NAMED_MS = 2_500;

export interface NetworkOrder extends TopologyOrder {
  readonly people: readonly TrialPerson[];
}

/** A small network of real processes in a folder of its own. */
export interface TestNetwork {
  /** Where `corridor locate --mesh` finds it. */
  readonly folder: string;
  readonly mesh: Mesh;
  /** What a node's audit holds about one request, oldest first. */
  entries(nodeId: string, requestId: string): readonly AuditEntry[];
  /** How many entries a node's audit has. */
  entryCount(nodeId: string): number;
  /** Path of a node's audit. */
  auditPath(nodeId: string): string;
  /** Puts a newer manifest in the place of the one that all nodes share: the order's, with these changes. */
  publish(change?: Partial<TopologyOrder>): Promise<void>;
  /**
   * Starts a node again on a manifest of its own, issued so many days ago, which nobody renews: it believes another
   * authority, so that it takes none from its peers.
   */
  keepManifest(nodeId: string, ageDays?: number): Promise<void>;
  /** Starts a node again on a manifest of its own, issued so many days ago, in the place of which its peers' may come. */
  fallBehind(nodeId: string, ageDays: number): Promise<void>;
  /** Starts a node again on the manifest that all share. */
  shareManifest(nodeId: string): Promise<void>;
  /** Starts a node again as one of another protocol version, 2.0 unless said otherwise. */
  startOtherVersion(nodeId: string, version?: ProtocolVersion): Promise<void>;
  /** Stops every process and removes the folder. */
  stop(): Promise<void>;
}

/**
 * Starts a network and loads its people through each node's own door.
 *
 * Whatever goes wrong, nothing of it is left: no process, no file.
 */
export async function startNetwork(order: NetworkOrder): Promise<TestNetwork> {
  const folder = mkdtempSync(join(tmpdir(), "corridor-network-"));
  const topologyPath = join(folder, "topology.yaml");
  writeFileSync(topologyPath, topologyText(order));
  let mesh: Mesh;
  try {
    mesh = await startOnFreePorts(folder, topologyPath, order.areas.length);
  } catch (thrown) {
    rmSync(folder, { recursive: true, force: true });
    throw thrown;
  }
  const network = asNetwork(order, folder, topologyPath, mesh);
  try {
    await load(order, folder, mesh);
    return network;
  } catch (thrown) {
    await network.stop();
    throw thrown;
  }
}

async function startOnFreePorts(folder: string, topologyPath: string, count: number): Promise<Mesh> {
  const options = { topologyPath, dataDir: folder, nodesPerProcess: 1, clock: systemClock, say() {}, signal: never() };
  for (let attempt = 1; ; attempt++) {
    try {
      return await startMesh({ ...options, portBase: await findFreePorts(count) });
    } catch (thrown) {
      // Somebody else may have taken a port meanwhile.
      if (attempt === 3 || !(thrown instanceof Failure && /in use|EADDRINUSE/.test(thrown.message))) throw thrown;
    }
  }
}

async function load(order: NetworkOrder, folder: string, mesh: Mesh): Promise<void> {
  const peopleDir = join(folder, "people");
  const areas = order.areas.map(({ id }) => id);
  writePeople(peopleDir, areas, order.people);
  await loadPeople({
    ...{ mesh, peopleDir, clock: systemClock, signal: never() },
    connect: (target) => connectCaller(target, systemClock),
    feeds: { read: (path) => readFeedFile(path, { today: today(systemClock) }), makeRejects },
  });
}

function asNetwork(order: NetworkOrder, folder: string, topologyPath: string, mesh: Mesh): TestNetwork {
  const { paths } = mesh;
  const extra: NodeProcess[] = [];
  const endpoints = new Map(mesh.nodes.map(({ id, host, port }) => [id, [`${host}:${port}`]]));
  // A manifest's sequence is the second of its issue: two of one second would be the same one.
  const newestMs = { value: systemClock.wallMs() };
  const nextSecond = (): number => (newestMs.value = Math.max(systemClock.wallMs(), newestMs.value + 1_000));
  // Steps that stop care, or take many away, need a second person, whom the manifest before must name.
  const second = generateKeyPairSync("ed25519");
  const approver = assertionPublicKey(second.publicKey.export({ type: "spki", format: "pem" }).toString());
  const sign = async (change: Partial<TopologyOrder>, path: string, atMs: number): Promise<void> => {
    const clock: Clock = { ...systemClock, wallMs: () => atMs };
    const topology = parseTopology(topologyText({ ...order, ...change }), "topology.yaml");
    const draft = `${path}.draft`;
    await writeManifest(topology, { ...paths, manifest: draft }, endpoints, clock);
    const manifest = { ...readUnverified(readFileSync(draft, "utf8")), approvers: [approver] };
    const jws = await signManifest(manifest, readFileSync(authorityFiles(paths.certs).manifestKey, "utf8"));
    const approval = await approveManifest(jws, second.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    writeFileSync(draft, `${jws}\n${approval}\n`);
    renameSync(draft, path);
  };
  let isSecondNamed = false;
  const publish = async (change: Partial<TopologyOrder> = {}): Promise<void> => {
    if (!isSecondNamed) {
      await sign({}, paths.manifest, nextSecond());
      isSecondNamed = true;
      await sleep(SECOND_NAMED_MS);
    }
    await sign(change, paths.manifest, nextSecond());
  };
  const restartOn = async (nodeId: string, manifest: string): Promise<void> => {
    const node = mesh.node(nodeId);
    await node.process.stop();
    // It would not start on a manifest older than one that it has enforced: let it be one that has seen no other.
    rmSync(join(node.dataDir, "manifest.sequence"), { force: true });
    writeNodeConfig({ ...paths, manifest }, { id: nodeId, port: node.port }, topologyPath);
    await node.restart();
  };
  const believedBy = (nodeId: string): string => nodeFiles(paths.certs, nodeId).manifestPublic;
  const auditPath = (nodeId: string): string => join(mesh.node(nodeId).dataDir, "audit.db");
  const readAudit = <Result>(nodeId: string, read: (audit: ReturnType<typeof openAuditReader>) => Result): Result => {
    const audit = openAuditReader(auditPath(nodeId));
    try {
      return read(audit);
    } finally {
      audit.close();
    }
  };

  return {
    folder,
    mesh,
    auditPath,
    entries: (nodeId, requestId) => readAudit(nodeId, (audit) => audit.byRequest(requestId)),
    entryCount: (nodeId) => readAudit(nodeId, (audit) => audit.count()),
    publish,
    async keepManifest(nodeId, ageDays = 0) {
      const own = join(folder, `${nodeId}.manifest.jws`);
      await sign({}, own, systemClock.wallMs() - ageDays * DAY_MS);
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const otherPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      writeFileSync(own, await signManifest(readUnverified(readFileSync(own, "utf8")), otherPem));
      writeFileSync(believedBy(nodeId), publicKey.export({ type: "spki", format: "pem" }));
      await restartOn(nodeId, own);
    },
    async fallBehind(nodeId, ageDays) {
      const own = join(folder, `${nodeId}.manifest.jws`);
      await sign({}, own, systemClock.wallMs() - ageDays * DAY_MS);
      await restartOn(nodeId, own);
    },
    async shareManifest(nodeId) {
      copyFileSync(authorityFiles(paths.certs).manifestPublic, believedBy(nodeId));
      await restartOn(nodeId, paths.manifest);
    },
    async startOtherVersion(nodeId, { major, minor } = { major: 2, minor: 0 }) {
      const node = mesh.node(nodeId);
      await node.process.stop();
      const command = [process.execPath, OTHER_VERSION_NODE, `--protocol=${major}.${minor}`] as const;
      const spec = { command, configs: [node.configPath], logFile: paths.log(nodeId), name: nodeId };
      node.process = await startNodeProcess(spec, systemClock, never());
      extra.push(node.process);
    },
    async stop() {
      await Promise.all([mesh.stop(), ...extra.map((process) => process.stop())]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function never(): AbortSignal {
  return new AbortController().signal;
}
