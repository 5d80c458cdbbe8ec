import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { nodeFiles } from "../../certs/layout.ts";
import { systemClock } from "../../node/base/clock.ts";
import { issueCertificates, meshPaths, writeManifest, writeNodeConfig } from "../../node/cli/mesh/network-files.ts";
import { type NodeProcess, startNodeProcess } from "../../node/cli/mesh/node-process.ts";
import { readTopology } from "../../topology/topology.ts";
import { topologyText } from "../testing/a-topology.ts";
import { findFreePorts } from "../testing/free-ports.ts";

const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));

const SLOW_NODE = fileURLToPath(new URL("./slow-node.ts", import.meta.url));

export const HOLDER = "ash";
/** Ten members that ask it and are played by a crowd. */
export const ASKERS = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"] as const;
export type AskerName = (typeof ASKERS)[number];

/** One real node that knows nobody, among ten on paper. */
export interface OneHolder {
  readonly domain: string;
  readonly port: number;
  readonly pid: number;
  certsDir(id: AskerName): string;
  assertionKey(id: AskerName): string;
  /** What the node's process holds in memory, in megabytes. */
  residentMegabytes(): number;
  stop(): Promise<void>;
}

/** @param isSlow on a machine that a few askers can ask for more than it can do. */
export async function startOneHolder(isSlow = false): Promise<OneHolder> {
  const folder = mkdtempSync(join(tmpdir(), "corridor-load-"));
  let holder: NodeProcess | undefined;
  const stop = async (): Promise<void> => {
    await holder?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const paths = meshPaths(folder);
    const topologyPath = join(folder, "topology.yaml");
    const ids = [HOLDER, ...ASKERS];
    const areas = ids.map((id) => ({ id, name: `${id} area`, collaborative: "north", region: "Upland" }));
    writeFileSync(topologyPath, topologyText({ areas, agreements: [{ between: ids }] }));
    const topology = readTopology(topologyPath);
    const port = await findFreePorts(1);
    await issueCertificates(topology, paths.certs, systemClock);
    // Whoever is not up is at the holder's address too: nobody asks them.
    await writeManifest(topology, paths, new Map(ids.map((id) => [id, [`127.0.0.1:${port}`]])), systemClock);
    writeNodeConfig(paths, { id: HOLDER, port }, topologyPath);
    appendFileSync(paths.config(HOLDER), `quota: { patientsPerMillion: ${10 ** 9} }\n`);
    const logFile = paths.log(HOLDER);
    const spec = {
      command: isSlow ? ([process.execPath, SLOW_NODE] as const) : ([CORRIDOR] as const),
      configs: [paths.config(HOLDER)],
      logFile,
      name: HOLDER,
    };
    holder = await startNodeProcess(spec, systemClock, new AbortController().signal);
    const { pid } = holder;
    return {
      ...{ domain: topology.network.domain, port, pid, stop },
      certsDir: (id) => nodeFiles(paths.certs, id).directory,
      assertionKey: (id) => nodeFiles(paths.certs, id).assertionKey,
      residentMegabytes() {
        const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        return Number(kilobytes) / 1_024;
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
