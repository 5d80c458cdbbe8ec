import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../node/base/clock.ts";
import { startNodeProcess } from "../../node/cli/mesh/node-process.ts";
import type { TestNetwork } from "../testing/a-network.ts";

const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));
const SHIFTED_DATE = new URL("./shifted-date.ts", import.meta.url).href;
/** Several readings of the file, on a busy machine. */
const SETTLE_MS = 100;

/** The wall clock of one node's process. */
export interface WrongClock {
  /** Puts it so far ahead of the true time; negative: behind. */
  set(aheadMs: number): Promise<void>;
}

/** Starts a node of a network again, on a machine whose wall clock can be put wrong. */
export async function giveWrongClock(network: TestNetwork, nodeId: string): Promise<WrongClock> {
  const node = network.mesh.node(nodeId);
  const file = join(network.folder, `${nodeId}.shift`);
  writeFileSync(file, "0");
  await node.process.stop();
  const options = `NODE_OPTIONS=--import=${SHIFTED_DATE}`;
  const command = ["env", options, `SHIFTED_DATE=${file}`, CORRIDOR] as const;
  const logFile = join(network.folder, `${nodeId}.log`);
  const spec = { command, configs: [node.configPath], logFile, name: nodeId };
  node.process = await startNodeProcess(spec, systemClock, new AbortController().signal);
  return {
    async set(aheadMs) {
      writeFileSync(`${file}.new`, String(aheadMs));
      renameSync(`${file}.new`, file);
      await sleep(SETTLE_MS);
    },
  };
}
