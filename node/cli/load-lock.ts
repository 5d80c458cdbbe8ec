import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";

import { Failure } from "../base/failure.ts";

/**
 * Holds a load's progress file for this process, so that a second load of the same files does not write into it and its
 * rejects file as well. One whose process has gone is taken over.
 *
 * @param path of the progress file.
 * @returns gives it back.
 * @throws {Failure} `configuration`: another load holds it, or its folder cannot be written.
 */
export function holdLoad(path: string): () => void {
  const lockPath = `${path}.lock`;
  const holder = holderOf(lockPath);
  if (holder !== undefined && isAlive(holder)) {
    const message = `Another load of these files is under way (process ${holder}): wait for it, or give this one a --rejects in another folder.`;
    throw new Failure("configuration", message, { where: lockPath });
  }
  try {
    if (holder !== undefined) rmSync(lockPath, { force: true });
    const file = openSync(lockPath, "wx", 0o600);
    writeSync(file, `${process.pid}\n`);
    fsyncSync(file);
    closeSync(file);
  } catch (cause) {
    const message =
      "The rejects file cannot be written, nor what is kept beside it: check that its folder is there and yours to write.";
    throw new Failure("configuration", message, { where: lockPath, cause });
  }
  return () => rmSync(lockPath, { force: true });
}

/** 0 for a file that says nothing: it was being written as the machine went down. */
function holderOf(lockPath: string): number | undefined {
  try {
    return Number(readFileSync(lockPath, "utf8")) || 0;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}
