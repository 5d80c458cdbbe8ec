import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";

import { percentile } from "./measure.ts";

/** Types of file systems that live in memory, as statfs(2) numbers them. */
const MEMORY_DISKS = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);

const FSYNCS = 300;
const PAGE_BYTES = 4_096;

/** @throws where the folder is on no disk: an fsync there would cost nothing, and the figures would flatter. */
export function refuseMemoryDisk(folder: string): void {
  const name = MEMORY_DISKS.get(statfsSync(folder).type);
  if (name === undefined) return;
  throw new Error(`${folder} is on ${name}, which is memory: put the clone on a real disk to measure it.`);
}

/** The line that figures are read with. */
export function describeMachine(folder: string): string {
  const fsyncs = measureFsyncs(folder);
  const [p50, p99] = [50, 99].map((percent) => percentile(fsyncs, percent).toFixed(2));
  const parts = [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GB memory`,
    `Node.js ${process.version}`,
    `load average ${load()}`,
    `fsync p50 ${p50} ms, p99 ${p99} ms`,
  ];
  return `Machine: ${parts.join("; ")}.`;
}

/** Processes that wanted a core over the last minute. Before a measurement it is what others take away from it. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

/** How long it takes until one more page is durable, in milliseconds. */
function measureFsyncs(folder: string): number[] {
  const path = join(folder, "fsync.probe");
  const file = openSync(path, "w", 0o600);
  const page = Buffer.alloc(PAGE_BYTES, 1);
  try {
    return Array.from({ length: FSYNCS }, () => {
      const startedMs = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - startedMs;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
