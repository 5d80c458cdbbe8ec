import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { nodeFiles } from "../../certs/layout.ts";
import { systemClock } from "../../node/base/clock.ts";
import { DEMO_CALLER, FEED_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import {
  callerDir,
  issueCertificates,
  meshPaths,
  writeManifest,
  writeNodeConfig,
} from "../../node/cli/mesh/network-files.ts";
import { type NodeProcess, startNodeProcess } from "../../node/cli/mesh/node-process.ts";
import { readTopology } from "../../topology/topology.ts";
import { topologyText } from "../testing/a-topology.ts";
import { findFreePorts } from "../testing/free-ports.ts";

const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));

/** Asks; the others are its peers, and everybody's. */
export const ASKER = "ash";
export const PEERS = ["birch", "cedar", "dunes", "elm", "fern"] as const;
export const EVERYBODY = [ASKER, ...PEERS] as const;
export type NodeName = (typeof EVERYBODY)[number];

/** Six nodes in six processes that know nobody: every question ends in an answer, and every answer is empty. */
export interface SixNodes {
  readonly folder: string;
  readonly domain: string;
  port(id: NodeName): number;
  process(id: NodeName): NodeProcess;
  /** Folder of a node's own certificate, for whoever stands in for it. */
  certsDir(id: NodeName): string;
  /** Folder of a caller's certificate at a node. */
  callerDir(id: NodeName, caller?: "demo" | "feed"): string;
  /** Starts a node again whose process has ended; or for the first time. */
  start(id: NodeName): Promise<void>;
  stop(): Promise<void>;
}

export interface SixNodesOrder {
  /** Before the command line of each process: the network that it is to run in. */
  readonly enter?: readonly string[];
  /** Those that are started; all, unless said otherwise. */
  readonly started?: readonly NodeName[];
  /** What stands in front of each node, as `host:port`. */
  readonly endpoints?: (ports: ReadonlyMap<NodeName, number>) => Promise<ReadonlyMap<NodeName, string>>;
}

export async function startSixNodes(order: SixNodesOrder = {}): Promise<SixNodes> {
  const folder = mkdtempSync(join(tmpdir(), "corridor-faults-"));
  const processes = new Map<NodeName, NodeProcess>();
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.values()].map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const paths = meshPaths(folder);
    const topologyPath = join(folder, "topology.yaml");
    writeFileSync(topologyPath, topologyText({ areas: EVERYBODY.map(area), agreements: [{ between: EVERYBODY }] }));
    const topology = readTopology(topologyPath);
    const base = await findFreePorts(EVERYBODY.length);
    const ports = new Map(EVERYBODY.map((id, at) => [id, base + at]));
    const port = (id: NodeName): number => ports.get(id)!;
    const inFront = await order.endpoints?.(ports);
    await issueCertificates(topology, paths.certs, systemClock);
    const endpoints = new Map(EVERYBODY.map((id) => [id, [inFront?.get(id) ?? `127.0.0.1:${port(id)}`]]));
    await writeManifest(topology, paths, endpoints, systemClock);
    mkdirSync(join(folder, "logs"));
    const start = async (id: NodeName): Promise<void> => {
      const [program, ...args] = [...(order.enter ?? []), CORRIDOR];
      const spec = {
        command: [program, ...args] as const,
        configs: [paths.config(id)],
        logFile: join(folder, "logs", id),
        name: id,
      };
      processes.set(id, await startNodeProcess(spec, systemClock, new AbortController().signal));
    };
    for (const id of EVERYBODY) writeNodeConfig(paths, { id, port: port(id) }, topologyPath);
    await Promise.all((order.started ?? EVERYBODY).map(start));
    return {
      ...{ folder, domain: topology.network.domain, port, start, stop },
      process: (id) => processes.get(id)!,
      certsDir: (id) => nodeFiles(paths.certs, id).directory,
      callerDir: (id, caller = "demo") => callerDir(paths, id, { demo: DEMO_CALLER, feed: FEED_CALLER }[caller].name),
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

function area(id: NodeName) {
  return { id, name: `${id[0]!.toUpperCase()}${id.slice(1)}dale`, collaborative: "north", region: "Upland" };
}
