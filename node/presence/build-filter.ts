import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { BinaryFuse } from "./binary-fuse.ts";

/** What a filter is built of. Leaves this thread for another of the same process, and no further. */
export interface BuildOrder {
  /** NHS numbers as integers, in any order. */
  readonly numbers: Float64Array;
  readonly key: Uint8Array;
  readonly epoch: number;
  readonly seed: number;
}

/** The thread runs the same kind of file as this one: TypeScript from the clone, JavaScript from a build. */
const THREAD = import.meta.url.endsWith(".ts")
  ? new URL("./build-thread.ts", import.meta.url)
  : new URL("./build-thread.js", import.meta.url);

/** Builds a filter in a thread of its own: this one goes on answering meanwhile. */
export async function buildFilter(order: BuildOrder): Promise<BinaryFuse> {
  const worker = new Worker(THREAD, { workerData: order, name: "presence-filter" });
  try {
    const [filter] = (await once(worker, "message")) as [BinaryFuse];
    return filter;
  } finally {
    await worker.terminate();
  }
}
