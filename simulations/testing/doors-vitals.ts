import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { DoorNode } from "./doors-network.ts";

/** How a running node fares, seen from within its process. */
export interface Vitals {
  /** The longest time for which the event loop was held up since the last look, in milliseconds. */
  readonly stallMs: number;
  /**
   * The most processor time that the event loop's thread spent between two turns since the last look, in milliseconds: how
   * long it would have been held up on a machine with nothing else to do.
   */
  readonly busyMs: number;
  /** What its objects and buffers take now, in bytes; without what is garbage, where that is collected first. */
  readonly held: number;
  /** Memory of the process now, in bytes. */
  readonly rss: number;
}

/**
 * Loaded into the node's process before anything else; its threads are left alone. It does next to nothing until asked, so
 * as not to be the stall that it looks for.
 */
const WATCHER = `
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";
if (isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const spentMs = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1e3; };
  let busyMs = 0;
  let lastMs = spentMs();
  setInterval(() => {
    const nowMs = spentMs();
    busyMs = Math.max(busyMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 1).unref();
  const figures = () => {
    const times = { stallMs: delays.max / 1e6, busyMs };
    if (process.env.CORRIDOR_COLLECT === "1") globalThis.gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { ...times, held: heapUsed + external, rss };
  };
  process.on("SIGUSR2", () => {
    process.stderr.write("vitals " + JSON.stringify(figures()) + "\\n");
    delays.reset();
    busyMs = 0;
    lastMs = spentMs();
  });
}
`;
const FIGURES = /^vitals (.+)$/gm;
const LOOK_WITHIN_MS = 10_000;

/**
 * What a node must be started with to be looked at.
 *
 * @param dir for a file.
 * @param collects garbage at every look, so that only what is held counts; that holds the event loop up.
 */
export function vitalsEnv(dir: string, collects = false): Readonly<Record<string, string>> {
  const watcher = join(dir, "vitals.mjs");
  writeFileSync(watcher, WATCHER);
  const preload = `--import=${pathToFileURL(watcher).href}`;
  return collects ? { NODE_OPTIONS: `--expose-gc ${preload}`, CORRIDOR_COLLECT: "1" } : { NODE_OPTIONS: preload };
}

/** Looks at a node that was started with {@link vitalsEnv}. */
export async function lookAt(node: Pick<DoorNode, "pid" | "output">): Promise<Vitals> {
  const figures = (): string[] => [...node.output().matchAll(FIGURES)].map(([, json]) => json!);
  const before = figures().length;
  process.kill(node.pid, "SIGUSR2");
  for (const startedMs = Date.now(); figures().length === before;) {
    if (Date.now() - startedMs > LOOK_WITHIN_MS) throw new Error("the node does not say how it fares");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return JSON.parse(figures().at(-1)!) as Vitals;
}
