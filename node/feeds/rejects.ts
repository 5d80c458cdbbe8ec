import { closeSync, fdatasyncSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";

import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Rejection } from "../requests/load-batch.ts";

/** How many lines were not kept for one reason; it holds no values. */
export interface ReasonCount {
  readonly field: string;
  readonly reason: string;
  readonly count: number;
}

/** How much a rejects file holds: what a load that is taken up again goes on from. */
export interface RejectsSoFar {
  readonly bytes: number;
  readonly reasons: readonly ReasonCount[];
}

/** A file of the lines that were not kept, for the operator alone: it holds patients. Never logged. */
export interface Rejects {
  /** @throws {Failure} `configuration`: the file cannot be written. */
  add(line: number, rejection: Rejection, source: Concealed<string>, entry?: number): void;
  /** How many, by reason, most frequent first. */
  counts(): readonly ReasonCount[];
  /** Makes durable what was added, and says how much that is. */
  keep(): RejectsSoFar;
  close(): void;
}

const NOTHING: RejectsSoFar = { bytes: 0, reasons: [] };

/**
 * Makes a rejects file: one JSON object a line, `{line, entry, field, reason, source}`, readable by its owner alone. Written
 * anew by each load, and only when there is something to write.
 *
 * @param sofar of a load that is taken up again: so much of the file counts, what lies beyond it is dropped.
 * @throws {Failure} `configuration`: the file to go on from is not there, or cannot be written.
 */
export function makeRejects(path: string, sofar: RejectsSoFar = NOTHING): Rejects {
  const naming = <Result>(act: () => Result): Result => {
    try {
      return act();
    } catch (cause) {
      const message = `The rejects file cannot be written: check the folder of ${path}.`;
      throw new Failure("configuration", message, { where: path, cause });
    }
  };
  let { bytes } = sofar;
  let file: number | undefined;
  const counts = new Map(sofar.reasons.map((each) => [`${each.field}\n${each.reason}`, { ...each }]));
  if (bytes === 0)
    naming(() => rmSync(path, { force: true })); // what an earlier load left would read as this one's
  else file = naming(() => openAt(path, bytes));

  return {
    add(line, { field, reason }, source, entry) {
      bytes += naming(() => {
        file ??= openSync(path, "ax", 0o600);
        return writeSync(file, `${JSON.stringify({ line, entry, field, reason, source: source.expose() })}\n`);
      });
      const key = `${field}\n${reason}`;
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { field, reason, count: 1 });
      else known.count++;
    },
    counts: () => sorted(counts.values()),
    keep() {
      if (file !== undefined) fdatasyncSync(file);
      return { bytes, reasons: sorted(counts.values()) };
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

function openAt(path: string, bytes: number): number {
  const file = openSync(path, "r+");
  ftruncateSync(file, bytes);
  closeSync(file);
  return openSync(path, "a");
}

function sorted(counts: Iterable<ReasonCount>): ReasonCount[] {
  return [...counts].sort((one, other) => other.count - one.count);
}
