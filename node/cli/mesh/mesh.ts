import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { nodeFiles } from "../../../certs/layout.ts";
import { type Topology, readTopology } from "../../../topology/topology.ts";
import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import { DEMO_CALLER, FEED_CALLER } from "./demo-caller.ts";
import { type MeshFile, meshFilePath } from "./mesh-file.ts";
import {
  callerDir,
  issueCertificates,
  meshPaths,
  type MeshPaths,
  writeManifest,
  writeNodeConfig,
} from "./network-files.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";
import { checkPortsFree } from "./ports.ts";

const HOST = "127.0.0.1";
const CORRIDOR = fileURLToPath(new URL("../../../bin/corridor", import.meta.url));

export interface MeshOptions {
  readonly topologyPath: string;
  /** Where certificates, configurations, data and logs are kept; made where it is not there. */
  readonly dataDir: string;
  /** The first port; each node takes the next. */
  readonly portBase: number;
  readonly nodesPerProcess: number;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** For trials: what stands in front of a node, by node id, as `host:port`. */
  readonly endpoints?: ReadonlyMap<string, string>;
  /** Settings of a node beside the usual ones, by node id. */
  readonly settings?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** A node of a running mesh. */
export interface MeshNode {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly configPath: string;
  /** Folder of a caller's certificate at this node. */
  readonly callerDir: (name: string) => string;
  /** The process that runs it, shared with others where several run in one. */
  process: NodeProcess;
  /** Starts it again after its process has ended. */
  restart(): Promise<void>;
}

export interface Mesh {
  readonly topology: Topology;
  readonly paths: MeshPaths;
  readonly nodes: readonly MeshNode[];
  node(id: string): MeshNode;
  /** Stops every process; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts every node of a topology on this machine, over mutual TLS, and waits until all listen.
 *
 * Certificates are kept between starts; a fresh manifest is signed at every start. If anything fails, or the signal
 * aborts, whatever was started has been stopped when this rejects.
 *
 * @throws {Failure} `configuration`: the topology is wrong, ports are taken, or a node did not start.
 */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const { clock, say, signal } = options;
  const topology = readTopology(options.topologyPath);
  const present = topology.nodes.filter(({ status }) => status !== "left");
  const ports = present.map((_, index) => options.portBase + index);
  await checkPortsFree(HOST, ports);

  const paths = meshPaths(resolve(options.dataDir));
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(paths.certs)) {
    await issueCertificates(topology, paths.certs, clock);
    say(`Certificates: a root, ${topology.collaboratives.length} issuing authorities, ${present.length} nodes.`);
  }
  checkOwnCertificates(present, paths, options.dataDir);
  const endpoints = new Map(
    present.map(({ id }, index) => [id, [options.endpoints?.get(id) ?? `${HOST}:${ports[index]}`]]),
  );
  await writeManifest(topology, paths, endpoints, clock);
  say("Manifest: signed, fresh.");
  for (const [index, { id }] of present.entries()) {
    const more = options.settings?.get(id);
    writeNodeConfig(paths, { id, port: ports[index]! }, resolve(options.topologyPath), more);
  }
  signal.throwIfAborted();

  const processes = new Set<NodeProcess>();
  const nodes: MeshNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...processes].map((process) => process.stop()));
    processes.clear();
  };
  const start = async (ids: readonly string[]): Promise<NodeProcess> => {
    const name = ids.length === 1 ? ids[0]! : `${ids[0]}-and-${ids.length - 1}-more`;
    const configs = ids.map((id) => paths.config(id));
    const process = await startNodeProcess(
      { command: [CORRIDOR], configs, logFile: paths.log(name), name },
      clock,
      signal,
    );
    processes.add(process);
    return process;
  };
  try {
    const groups = inGroups(present, options.nodesPerProcess);
    const started = await Promise.allSettled(groups.map((group) => start(group.map(({ id }) => id))));
    for (const [index, group] of groups.entries()) {
      const outcome = started[index]!;
      if (outcome.status === "rejected") throw outcome.reason;
      for (const { id, name } of group) {
        const port = ports[present.findIndex((one) => one.id === id)]!;
        const node: MeshNode = {
          ...{ id, name, host: HOST, port, dataDir: paths.data(id), configPath: paths.config(id) },
          callerDir: (caller) => callerDir(paths, id, caller),
          process: outcome.value,
          async restart() {
            node.process = await start([id]);
          },
        };
        nodes.push(node);
      }
    }
    signal.throwIfAborted();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  writeMeshFile(options.dataDir, topology, nodes);
  say(`Nodes: ${nodes.map(({ id, port }) => `${id} on ${port}`).join(", ")}.`);
  const node = (id: string): MeshNode => {
    const found = nodes.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no node ${id} in this mesh`);
    return found;
  };
  return { topology, paths, nodes, node, stop };
}

function writeMeshFile(dataDir: string, topology: Topology, nodes: readonly MeshNode[]): void {
  const file: MeshFile = {
    network: topology.network.name,
    pid: process.pid,
    nodes: nodes.map(({ id, name, host, port, dataDir: data, callerDir: folder }) => ({
      ...{ id, name, host, port, ics: codesOf(topology, id) },
      callers: { [DEMO_CALLER.name]: folder(DEMO_CALLER.name), [FEED_CALLER.name]: folder(FEED_CALLER.name) },
      dataDir: data,
    })),
  };
  writeFileSync(meshFilePath(dataDir), `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
}

/** A folder that another network was started in has no certificates for the nodes of this one. */
function checkOwnCertificates(present: Topology["nodes"], { certs }: MeshPaths, dataDir: string): void {
  const without = present.filter(({ id }) => !existsSync(nodeFiles(certs, id).certificate));
  if (without.length === 0) return;
  const ids = without.map(({ id }) => id).join(", ");
  throw new Failure("configuration", `The folder has no certificates for ${ids}: choose another with --data.`, {
    where: dataDir,
  });
}

function codesOf({ nodes }: Topology, nodeId: string): string[] {
  return [...new Set(nodes.find(({ id }) => id === nodeId)?.ics.map(({ code }) => code))];
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}
