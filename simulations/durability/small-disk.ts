import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Why no file system of a size of its own can be mounted here; `undefined` where one can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return "only the administrator may mount a file system";
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no file system may be mounted here";
  }
}

/** Runs with a folder that has so many MiB and no more. Whoever uses it must have ended when the run does. */
export async function withSmallDisk<Result>(folder: string, mib: number, run: () => Promise<Result>): Promise<Result> {
  mkdirSync(folder, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=700`, "tmpfs", folder]);
  try {
    return await run();
  } finally {
    execFileSync("umount", ["--lazy", folder]);
  }
}
