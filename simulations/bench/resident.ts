import { readFileSync } from "node:fs";

/** Resident set of a process, in MB of a million bytes. Linux only. */
export function residentMegabytes(pid: number): number {
  return megabytesOf(pid, "VmRSS");
}

/** The greatest resident set that a process has had. Linux only. */
export function peakMegabytes(pid: number): number {
  return megabytesOf(pid, "VmHWM");
}

function megabytesOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error("the process has no resident set: has it ended?");
  return (Number(kibibytes) * 1_024) / 1e6;
}
