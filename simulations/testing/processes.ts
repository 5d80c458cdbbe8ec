import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Command lines of the running processes of this machine that hold a text; each with its process id. */
export function processesWith(marker: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const line = commandLineOf(pid);
      return line.includes(marker) ? [`${pid}: ${line}`] : [];
    });
}

/** The same once there are none, or after so many milliseconds. */
export async function processesLeftWith(marker: string, withinMs: number): Promise<string[]> {
  const untilMs = performance.now() + withinMs;
  let left = processesWith(marker);
  while (left.length > 0 && performance.now() < untilMs) {
    await sleep(50);
    left = processesWith(marker);
  }
  return left;
}

/** Empty for one that has ended, whether or not it has been waited for. */
function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
