import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import type { Random } from "../../node/base/random.ts";
import { bytesOf, type SystemCall, targetOf } from "./strace.ts";

/** Bytes that a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** A change of a file that was asked for. */
type Change =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "cut"; readonly at: number };

interface FileState {
  /** What a power cut leaves in any case. */
  durable: Buffer;
  /** Asked for since the last sync: each may be there after a power cut, or not. */
  pending: Change[];
}

/** A step of a traced process that matters to its files. */
export type Step =
  | { readonly kind: "change"; readonly file: string; readonly change: Change }
  | { readonly kind: "sync" | "remove"; readonly file: string }
  | { readonly kind: "acked"; readonly value: number };

/** What a trace says of the files of one folder, and of what was acknowledged meanwhile on standard output. */
export function stepsOf(calls: readonly SystemCall[], folder: string): Step[] {
  return calls.flatMap((call): Step[] => {
    if (call.result.startsWith("-1")) return [];
    const target = targetOf(call);
    if (call.name === "write") return ackedIn(call);
    if (call.name === "unlink") {
      const path = bytesOf(/"([^"]*)"/.exec(call.args)?.[1] ?? "").toString();
      return dirname(path) === folder ? [{ kind: "remove", file: basename(path) }] : [];
    }
    if (dirname(target) !== folder || target.endsWith("-shm")) return [];
    const file = basename(target);
    const [, text = "", , at = ""] = /"([^"]*)"(?:\.\.\.)?, (\d+), (\d+)$/.exec(call.args) ?? [];
    switch (call.name) {
      case "pwrite64":
        return [{ kind: "change", file, change: { kind: "write", at: Number(at), bytes: bytesOf(text) } }];
      case "ftruncate":
        return [{ kind: "change", file, change: { kind: "cut", at: Number(/, (\d+)$/.exec(call.args)?.[1]) } }];
      case "fsync":
      case "fdatasync":
        return [{ kind: "sync", file }];
      default:
        return [];
    }
  });
}

function ackedIn({ args }: SystemCall): Step[] {
  const said = bytesOf(/"([^"]*)"/.exec(args)?.[1] ?? "").toString();
  const value = /^acked (\d+)\n$/.exec(said)?.[1];
  return value === undefined ? [] : [{ kind: "acked", value: Number(value) }];
}

/**
 * Writes the files as a power cut after these steps may leave them: everything that was synced, some of the rest, and of
 * the last write of each file only some sectors.
 *
 * @returns what had been acknowledged by then.
 */
export function writeCrashImage(steps: readonly Step[], folder: string, random: Random): number[] {
  const files = new Map<string, FileState>();
  const acked: number[] = [];
  for (const step of steps) {
    if (step.kind === "acked") acked.push(step.value);
    else if (step.kind === "remove") files.delete(step.file);
    else {
      const state = files.get(step.file) ?? { durable: Buffer.alloc(0), pending: [] };
      files.set(step.file, state);
      if (step.kind === "change") state.pending.push(step.change);
      else {
        state.durable = applied(state.durable, state.pending);
        state.pending = [];
      }
    }
  }
  mkdirSync(folder, { mode: 0o700 });
  for (const [name, { durable, pending }] of files) {
    const left = pending.filter(() => random.fraction() < 0.5);
    const last = pending.at(-1);
    if (last !== undefined && left.at(-1) === last) left.splice(-1, 1, torn(last, random));
    writeFileSync(join(folder, name), applied(durable, left), { mode: 0o600 });
  }
  return acked;
}

function torn(change: Change, random: Random): Change {
  if (change.kind === "cut") return change;
  const sectors = Math.floor(random.fraction() * (change.bytes.length / SECTOR_BYTES + 1));
  return { ...change, bytes: change.bytes.subarray(0, sectors * SECTOR_BYTES) };
}

function applied(before: Buffer, changes: readonly Change[]): Buffer {
  const ends = changes.map((change) => (change.kind === "write" ? change.at + change.bytes.length : change.at));
  const room = Buffer.alloc(Math.max(before.length, ...ends, 0));
  before.copy(room);
  let length = before.length;
  for (const change of changes) {
    if (change.kind === "cut") {
      room.fill(0, Math.min(change.at, length));
      length = change.at;
    } else {
      change.bytes.copy(room, change.at);
      length = Math.max(length, change.at + change.bytes.length);
    }
  }
  return room.subarray(0, length);
}
