import { performance } from "node:perf_hooks";

import type { Clock, Timer } from "./clock.ts";

const LOOK_EVERY_MS = 10_000;
const MIB = 1_024 * 1_024;
/**
 * What is worth a stop of some 50 ms, by how much of the time since the last look the event loop had something to do. Under
 * a flood, what is left of its connections would otherwise come to lie everywhere among what stays.
 */
const WORTH = [
  { busyBelow: 0.1, bytes: 8 * MIB },
  { busyBelow: 0.5, bytes: 48 * MIB },
] as const;

/**
 * Gives back what this thread has used so far and needs no more: after a start some 20 MB, which V8 would keep for as long
 * as nothing presses it. Takes up to a tenth of a second, so not while anybody waits. Does nothing where Node.js was
 * started without `--expose-gc`; `bin/corridor` starts it so.
 */
export function giveBackSpareMemory(): void {
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}

/**
 * Gives it back now, and again whenever the process has grown since it last did and few ask: after a flood it is soon as
 * small as before.
 */
export function keepSmall(clock: Pick<Clock, "every">): Timer {
  giveBackSpareMemory();
  let least = process.memoryUsage.rss();
  let lastUse = performance.eventLoopUtilization();
  return clock.every(LOOK_EVERY_MS, () => {
    const use = performance.eventLoopUtilization();
    const { utilization: busy } = performance.eventLoopUtilization(use, lastUse);
    lastUse = use;
    const grown = process.memoryUsage.rss() - least;
    if (!WORTH.some(({ busyBelow, bytes }) => busy < busyBelow && grown >= bytes)) return;
    giveBackSpareMemory();
    least = process.memoryUsage.rss();
  });
}

const CLEARED_EVERY_BYTES = MIB;

/**
 * Clears away the buffers of bytes that only pass through. V8 counts them, but makes so few objects beside them that it hardly ever
 * clears its nursery; so they pile up until it goes over the whole heap, seven times for a record of 20 MB. Clearing the
 * nursery takes a millisecond.
 */
export class PassingBytes {
  #sinceCleared = 0;

  pass(bytes: number): void {
    this.#sinceCleared += bytes;
    if (this.#sinceCleared < CLEARED_EVERY_BYTES) return;
    this.#sinceCleared = 0;
    globalThis.gc?.({ type: "minor", execution: "sync" });
  }
}
