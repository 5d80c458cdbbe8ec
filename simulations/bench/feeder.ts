import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { CORRIDOR, type HolderNetwork } from "./network.ts";
import { peakMegabytes } from "./resident.ts";

const LOOK_EVERY_MS = 200;

export interface Loaded {
  /** The command's own summary. */
  readonly accepted: number;
  readonly rejected: number;
  /** From its start to its end. */
  readonly seconds: number;
  /** The greatest resident set of the command itself. */
  readonly peakMegabytes: number;
}

/** `corridor load` of one file into the holder, as a feed runs it. */
export interface Feeder {
  /** @throws where the command failed, with its words. */
  readonly loaded: Promise<Loaded>;
  /** Ends it in the middle of its load. */
  kill(): Promise<void>;
}

export function startFeeder(network: HolderNetwork, path: string): Feeder {
  const args = ["load", path, "--via", network.url, "--certs", network.feedDir, "--json"];
  const startedMs = performance.now();
  const child = spawn(CORRIDOR, args, { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[code: number | null]>;
  return {
    loaded: watch(child, closed, startedMs),
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

async function watch(child: ChildProcess, closed: Promise<[code: number | null]>, startedMs: number): Promise<Loaded> {
  let [stdout, stderr, peak, running] = ["", "", 0, true];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-1_000)));
  void closed.then(() => (running = false));
  while (running) {
    try {
      peak = peakMegabytes(child.pid!);
    } catch {
      break; // it has just ended
    }
    await Promise.race([closed, sleep(LOOK_EVERY_MS)]);
  }
  const [code] = await closed;
  const seconds = (performance.now() - startedMs) / 1_000;
  if (code === null) return { accepted: 0, rejected: 0, seconds, peakMegabytes: peak }; // killed, as was wanted
  if (code !== 0) throw new Error(`corridor load ended with ${code}: ${stderr}`);
  const summary = JSON.parse(stdout) as { accepted: number; rejected: number };
  return { accepted: summary.accepted, rejected: summary.rejected, seconds, peakMegabytes: peak };
}
