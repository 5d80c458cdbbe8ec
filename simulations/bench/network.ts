import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type NodeFiles, callerFiles, nodeFiles } from "../../certs/layout.ts";
import { type Topology, readTopology } from "../../topology/topology.ts";
import { systemClock } from "../../node/base/clock.ts";
import { FEED_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { issueCertificates, meshPaths, writeManifest, writeNodeConfig } from "../../node/cli/mesh/network-files.ts";
import { type NodeProcess, startNodeProcess } from "../../node/cli/mesh/node-process.ts";
import { type Vitals, lookAt, vitalsEnv } from "../testing/doors-vitals.ts";
import type { Bench } from "./bench-row.ts";
import { HOLDER_ID } from "./people.ts";

export const WEST_MIDLANDS = fileURLToPath(new URL("../../topology/west-midlands.yaml", import.meta.url));
export const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));
const HOST = "127.0.0.1";

/** One real node with a filled index, in the directory of the whole network, of whom nobody else is up. */
export interface HolderNetwork {
  readonly topology: Topology;
  readonly manifestPath: string;
  readonly auditPath: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Folder of the certificate that may load data into it. */
  readonly feedDir: string;
  /** How it fared since the last look; only of a holder that is watched. */
  vitals(): Promise<Vitals>;
  filesOf(nodeId: string): NodeFiles;
  readonly holder: NodeProcess;
}

export interface HolderOptions {
  /** Its process looks how long its event loop is held up. */
  readonly watched?: boolean;
  /** A module that its process loads before anything else. */
  readonly preload?: string;
}

/** @param dataDir the holder's, with its index. Its audit is begun anew. */
export async function startHolder(
  bench: Bench,
  dataDir: string,
  { watched = false, preload }: HolderOptions = {},
): Promise<HolderNetwork> {
  const folder = join(bench.folder, "holder");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths = { ...meshPaths(folder), data: () => dataDir };
  const topology = readTopology(WEST_MIDLANDS);
  await issueCertificates(topology, paths.certs, systemClock);
  const port = await freePort();
  // Whoever is not up is at the holder's address too: nobody asks them.
  const endpoints = new Map(topology.nodes.map(({ id }) => [id as string, [`${HOST}:${port}`]]));
  await writeManifest(topology, paths, endpoints, systemClock);
  writeNodeConfig(paths, { id: HOLDER_ID, port }, WEST_MIDLANDS);
  // One asker asks in minutes what a whole network does in days: its quota is counted like any, and large enough.
  appendFileSync(paths.config(HOLDER_ID), `quota: { patientsPerMillion: ${10 ** 9} }\n`);

  const auditPath = join(dataDir, "audit.db");
  for (const end of ["", "-wal", "-shm", "-seal"]) rmSync(`${auditPath}${end}`, { force: true });
  const command = commandOf(bench, watched ? folder : undefined, preload);
  const holder = await startNodeProcess(
    {
      command,
      configs: [paths.config(HOLDER_ID)],
      logFile: paths.log(HOLDER_ID),
      name: HOLDER_ID,
    },
    systemClock,
    new AbortController().signal,
  );
  const filesOf = (nodeId: string): NodeFiles => nodeFiles(paths.certs, nodeId);
  return {
    ...{ topology, manifestPath: paths.manifest, auditPath, filesOf, holder },
    ...{ host: HOST, port, url: `https://${HOST}:${port}` },
    feedDir: callerFiles(paths.certs, HOLDER_ID, FEED_CALLER.name).directory,
    vitals: () => lookAt({ pid: holder.pid, output: () => readFileSync(paths.log(HOLDER_ID), "utf8") }),
  };
}

/** `corridor`, as operators start it. */
function commandOf(
  { profileFolder }: Bench,
  watchedFrom: string | undefined,
  preload: string | undefined,
): readonly [string, ...string[]] {
  const options = [
    ...(profileFolder === undefined ? [] : [`--cpu-prof --cpu-prof-dir=${profileFolder}`]),
    ...(watchedFrom === undefined ? [] : [vitalsEnv(watchedFrom)["NODE_OPTIONS"]!]),
    ...(preload === undefined ? [] : [`--import=${preload}`]),
  ];
  return options.length === 0 ? [CORRIDOR] : ["env", `NODE_OPTIONS=${options.join(" ")}`, CORRIDOR];
}

async function freePort(): Promise<number> {
  const probe = createServer().listen({ host: HOST, port: 0 });
  await once(probe, "listening");
  const address = probe.address();
  const closed = once(probe, "close");
  probe.close();
  await closed;
  if (address === null || typeof address === "string") throw new Error("no free port was given");
  return address.port;
}
