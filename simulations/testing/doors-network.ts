import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { stringify } from "yaml";

import { initNetwork, readIssuingAuthority } from "../../certs/authority.ts";
import type { CallerRights } from "../../certs/caller-rights.ts";
import { assertionPublicKey, caFingerprint } from "../../certs/fingerprint.ts";
import { issueCaller, issueNode } from "../../certs/issue.ts";
import { authorityFiles, callerFiles, collaborativeFiles, nodeFiles } from "../../certs/layout.ts";
import { nodeDns, nodeUri } from "../../certs/profile.ts";
import { type LeafShape, forgeLeaf } from "../../certs/testing/network.ts";
import { systemClock } from "../../node/base/clock.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { type TlsFiles, readCallerTls, readNodeTls } from "../../node/wire/tls-files.ts";
import { buildManifest } from "../../topology/build-manifest.ts";
import { signManifest } from "../../topology/manifest.ts";
import { parseTopology } from "../../topology/topology.ts";

export const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));

export const DOMAIN = "doors.corridor.example";
/** The one node that runs: whose doors are tried. */
export const HOLDER = "holder-one";
/** Members that the tests play: with an agreement, with another authority, without an agreement, suspended. */
export const ASKER = "asker-one";
export const OTHER = "other-one";
export const LONELY = "lonely-one";
export const SUSPENDED = "suspended-one";
/** Has a certificate of the network and is in no manifest. */
export const STRANGER = "stranger-one";

/** The provider that feeds the holder, one whose feed is paused, and one for which the feeder may not speak. */
export const PROVIDER = "RAA";
export const PAUSED_PROVIDER = "RPP";
export const OTHERS_PROVIDER = "RQQ";

const MEMBERS = [HOLDER, ASKER, OTHER, LONELY, SUSPENDED] as const;
const COLLABORATIVE_OF: Readonly<Record<string, string>> = { [OTHER]: "health" };
const NOBODY_LISTENS = "127.0.0.1:1";
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 8_000;

const NO_RIGHTS: CallerRights = {
  ...{ roles: [], settings: [], organisations: [] },
  ...{ feed: false, operate: false, sandbox: false },
};
/** R9999 is in no table: a caller that may claim it gets as far as the access decision. */
const CALLERS: Readonly<Record<string, CallerRights>> = {
  ward: { ...NO_RIGHTS, roles: ["R8000", "R8001", "R9999"], settings: ["emergency"], organisations: [PROVIDER] },
  feed: { ...NO_RIGHTS, feed: true, organisations: [PROVIDER, PAUSED_PROVIDER] },
  operator: { ...NO_RIGHTS, operate: true },
  reviewer: { ...NO_RIGHTS, review: true, roles: ["R8010"] },
};

/** A network on paper, of which only the holder runs: real certificates, a real signed manifest, a real process. */
export interface DoorNetwork {
  readonly dir: string;
  readonly certsDir: string;
  readonly configPath: string;
  readonly dataDir: string;
  nodeTls(id: string): TlsFiles;
  callerDir(name: string, nodeId?: string): string;
  callerTls(name: string, nodeId?: string): TlsFiles;
  /** Signs as that member's assertion key does. */
  sign(id: string, payload: Uint8Array): Promise<Uint8Array>;
  /** A certificate with a member's names that no honest authority would give. */
  forge(id: string, by: "care" | "health" | "itself", shape?: LeafShape): Promise<TlsFiles>;
  /**
   * Starts the holder.
   *
   * @param env for its process alone.
   * @param fileBlocksMax how large any file may grow that it writes, in blocks of 512 bytes: a disk that fills up.
   */
  start(env?: Readonly<Record<string, string>>, fileBlocksMax?: number): Promise<DoorNode>;
  remove(): void;
}

/** The holder's process. */
export interface DoorNode {
  readonly pid: number;
  readonly port: number;
  /** All that it has written to standard output and standard error. */
  output(): string;
  isAlive(): boolean;
  /** Its exit code, once it has ended; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Asks it to stop, and gives its exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export async function makeDoorNetwork(): Promise<DoorNetwork> {
  const dir = mkdtempSync(join(tmpdir(), "corridor-doors-"));
  try {
    return await makeIn(dir);
  } catch (thrown) {
    rmSync(dir, { recursive: true, force: true });
    throw thrown;
  }
}

async function makeIn(dir: string): Promise<DoorNetwork> {
  const certsDir = join(dir, "certs");
  await issueAll(certsDir);
  const topologyPath = join(dir, "topology.yaml");
  writeFileSync(topologyPath, topologyText());
  const manifestPath = join(dir, "manifest.jws");
  await writeManifestOf(certsDir, manifestPath);
  const configPath = join(dir, "node.yaml");
  const dataDir = join(dir, "data");
  const settings = {
    ...{ id: HOLDER, dataDir, listen: { port: 0 }, certs: { dir: nodeFiles(certsDir, HOLDER).directory } },
    ...{ manifest: manifestPath, topology: topologyPath },
  };
  writeFileSync(configPath, stringify(settings));

  const callerDir = (name: string, nodeId = HOLDER): string => callerFiles(certsDir, nodeId, name).directory;
  return {
    ...{ dir, certsDir, configPath, dataDir, callerDir },
    nodeTls: (id) => readNodeTls(nodeFiles(certsDir, id).directory),
    callerTls: (name, nodeId) => readCallerTls(callerDir(name, nodeId)),
    sign: (id, payload) =>
      makeAssertionSigner(readFileSync(nodeFiles(certsDir, id).assertionKey, "utf8")).sign(payload),
    async forge(id, by, shape = {}) {
      const names = { uris: [nodeUri(DOMAIN, id)], dns: [nodeDns(DOMAIN, id)] };
      const signer = by === "itself" ? by : readIssuingAuthority(certsDir, by);
      const { cert, key } = await forgeLeaf({ names, ...shape }, signer);
      return { certificate: cert, key, trust: readNodeTls(nodeFiles(certsDir, HOLDER).directory).trust };
    },
    start: (env = {}, fileBlocksMax) => startProcess(configPath, env, fileBlocksMax),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Issues every certificate of such a network into a folder: called twice, it makes two networks of the same names. */
export async function issueAll(certsDir: string): Promise<void> {
  const clock = systemClock;
  await initNetwork(certsDir, { domain: DOMAIN, collaboratives: ["care", "health"], clock });
  const ids = [...MEMBERS, STRANGER];
  await Promise.all(ids.map((id) => issueNode(certsDir, { id, collaborative: COLLABORATIVE_OF[id] ?? "care", clock })));
  const callers = Object.entries(CALLERS).map(([name, rights]) => ({ node: HOLDER as string, name, rights, clock }));
  const foreign = { node: ASKER as string, name: "ward", rights: CALLERS["ward"]!, clock };
  await Promise.all([...callers, foreign].map((order) => issueCaller(certsDir, order)));
}

async function writeManifestOf(certsDir: string, path: string): Promise<void> {
  const read = (file: string): string => readFileSync(file, "utf8");
  const manifest = buildManifest(parseTopology(topologyText(), "topology.yaml"), {
    sequence: 1,
    issuedAt: new Date().toISOString(),
    endpoints: new Map(MEMBERS.map((id) => [id, [NOBODY_LISTENS]])),
    issuingCas: new Map(
      ["care", "health"].map((id) => [id, caFingerprint(read(collaborativeFiles(certsDir, id).certificate))]),
    ),
    assertionKeys: new Map(
      MEMBERS.map((id) => [id, assertionPublicKey(read(nodeFiles(certsDir, id).assertionPublic))]),
    ),
  });
  writeFileSync(`${path}.new`, await signManifest(manifest, read(authorityFiles(certsDir).manifestKey)));
  renameSync(`${path}.new`, path);
}

function topologyText(): string {
  return stringify({
    network: { name: "Doors record network", domain: DOMAIN, authority: "Doors Authority (invented)" },
    collaboratives: [
      { id: "care", name: "Care" },
      { id: "health", name: "Health" },
    ],
    nodes: MEMBERS.map((id, at) => ({
      ...{ id, name: `Area ${at}`, collaborative: COLLABORATIVE_OF[id] ?? "care", region: "The region" },
      ...{ population: 500_000, ages: { from: 0 }, status: id === SUSPENDED ? "suspended" : "live" },
      ics: [{ code: `Z1${at}`, name: `Area ${at}`, from: "2024-04-01" }],
      coverageContact: { name: `Area ${at} record desk`, phone: "01632 960000", hours: "24 hours" },
    })),
    providers: [
      ...[aProvider(PROVIDER, "feeding", HOLDER), aProvider(PAUSED_PROVIDER, "paused", HOLDER)],
      aProvider(OTHERS_PROVIDER, "feeding", HOLDER),
      ...[ASKER, OTHER, LONELY, SUSPENDED].map((id, at) => aProvider(`RB${at}`, "feeding", id)),
    ],
    agreements: [
      {
        ...{ id: "direct-care", title: "Direct care", members: [HOLDER, ASKER, OTHER, SUSPENDED] },
        controllers: [{ code: PROVIDER, joined: "2024-04-01" }],
        ...{ processors: [], dpo: "An officer (invented)", lawfulBasis: "UK GDPR article 6(1)(e)", dpia: "DPIA-1" },
        ...{ purposes: ["TREAT", "ETREAT", "CAREMGT"], recordTypes: "all", roleGroups: "all" },
        ...{ consentModel: "implied", adultsOnly: false, demographicQuestions: false, reviewDate: "2099-01-01" },
      },
    ],
  });
}

function aProvider(code: string, state: "feeding" | "paused", node: string) {
  const feeds = [{ node, state, recordTypes: "all" }];
  return { code, name: `Hospital ${code}`, type: "acute", phone: "01632 960001", feeds };
}

/** Starts a node as an operator does, and waits until it listens. */
async function startProcess(
  configPath: string,
  env: Readonly<Record<string, string>>,
  fileBlocksMax?: number,
): Promise<DoorNode> {
  const limit = fileBlocksMax === undefined ? "" : `ulimit -f ${fileBlocksMax}; `;
  const child = spawn("sh", ["-c", `${limit}exec "$0" node --config "$1" --until-stdin-closes`, CORRIDOR, configPath], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  child.stdin.on("error", () => {}); // it may end first
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  const port = new Promise<number>((resolve, reject) => {
    const fail = (): void => reject(new Error(`the node did not listen: ${output}`));
    const late = setTimeout(fail, READY_WITHIN_MS);
    let listens = false;
    const read = (text: string): void => {
      output += text;
      if (listens) return;
      const listening = /"event":"listening"[^\n]*"port":(\d+)/.exec(output);
      if (listening === null) return;
      listens = true;
      clearTimeout(late);
      resolve(Number(listening[1]));
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("close", () => {
      clearTimeout(late);
      fail();
    });
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    return {
      ...{ pid: child.pid ?? 0, port: await port, isAlive, kill, ended },
      output: () => output,
      async stop() {
        child.kill("SIGTERM");
        const late = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
        const code = await ended;
        clearTimeout(late);
        return code;
      },
    };
  } catch (thrown) {
    await kill();
    throw thrown;
  }
}
