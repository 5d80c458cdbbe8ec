import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { syncFolder } from "./sync-folder.ts";

/** Why a store may hold less than was once acknowledged, and since when. Times are milliseconds since the epoch. */
export interface Behind {
  /** `restored`: from a backup. `lost`: it holds fewer groups of commands than its seal says were acknowledged. */
  readonly why: "restored" | "lost";
  /** What was acknowledged after this moment may be missing. */
  readonly heldToMs: number;
  readonly notedMs: number;
}

/** Where it is noted that a store file is behind. The note stays until people say that the sources were loaded again. */
export function behindPathOf(file: string): string {
  return `${file}-behind`;
}

/** Notes that a store is behind; of two notes the earlier `heldToMs` counts. Durable when it returns. */
export function noteBehind(file: string, behind: Behind): void {
  const known = readBehind(file);
  const heldToMs = Math.min(behind.heldToMs, known?.heldToMs ?? Infinity);
  const path = behindPathOf(file);
  const fd = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(fd, `${JSON.stringify({ ...behind, heldToMs })}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncFolder(dirname(path));
}

/** The note, if there is one. One that cannot be read counts as from the beginning of time. */
export function readBehind(file: string): Behind | undefined {
  const path = behindPathOf(file);
  if (!existsSync(path)) return undefined;
  try {
    const { why, heldToMs, notedMs } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if ((why === "restored" || why === "lost") && typeof heldToMs === "number" && typeof notedMs === "number") {
      return { why, heldToMs, notedMs };
    }
  } catch {
    // As below: somebody wrote it, so something is missing.
  }
  return { why: "lost", heldToMs: 0, notedMs: 0 };
}

/** The note in words, with what to do; for the operator. */
export function behindText(file: string, { why, heldToMs }: Behind): string {
  const since = heldToMs === 0 ? "any time" : new Date(heldToMs).toISOString();
  const how = why === "restored" ? "was restored from a backup" : "lost writes that had been acknowledged";
  return `${file} ${how}: what was written after ${since} may be missing. Load its sources again from before then, then run 'corridor restore --caught-up'.`;
}

/** Takes the note away. */
export function forgetBehind(file: string): void {
  rmSync(behindPathOf(file), { force: true });
}
