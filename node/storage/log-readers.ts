import { readFileSync, statSync } from "node:fs";

/** Bytes of the shared memory file that readers lock: https://www.sqlite.org/walformat.html#wal_locks */
const READ_LOCKS = { from: 123, to: 127 } as const;

/**
 * Process ids of those, other than this one, who are reading a state of a store file now. Empty where the system does not
 * say: it is for a message, no more.
 */
export function processesReading(file: string): number[] {
  try {
    const { ino } = statSync(`${file}-shm`);
    const pids = readFileSync("/proc/locks", "utf8")
      .split("\n")
      .flatMap((line) => readerIn(line, ino));
    return [...new Set(pids)].filter((pid) => pid > 0 && pid !== process.pid);
  } catch {
    return [];
  }
}

/** A line is `1: POSIX  ADVISORY  READ 4242 fe:00:1234 124 124`. */
function readerIn(line: string, inode: number): number[] {
  const [, , , kind, pid, place = "", first, last] = line.trim().split(/\s+/);
  const isOfFile = place.split(":").at(-1) === String(inode);
  const isReading = kind === "READ" && Number(first) <= READ_LOCKS.to && Number(last) >= READ_LOCKS.from;
  return isOfFile && isReading ? [Number(pid)] : [];
}
