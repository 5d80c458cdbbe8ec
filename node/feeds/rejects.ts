import { closeSync, openSync, rmSync, writeSync } from "node:fs";

import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Rejection } from "../requests/load-batch.ts";

/** A file of the lines that were not kept, for the operator alone: it holds patients. Never logged. */
export interface Rejects {
  /** @throws {Failure} `configuration`: the file cannot be written. */
  add(line: number, rejection: Rejection, source: Concealed<string>): void;
  /** How many, by reason, most frequent first; the reasons hold no values. */
  counts(): readonly { readonly field: string; readonly reason: string; readonly count: number }[];
  close(): void;
}

/**
 * Makes a rejects file: one JSON object a line, `{line, field, reason, source}`, readable by its owner alone. Written
 * anew by each load, and only when there is something to write.
 */
export function makeRejects(path: string): Rejects {
  rmSync(path, { force: true }); // what an earlier load left would read as this one's
  let file: number | undefined;
  const counts = new Map<string, { field: string; reason: string; count: number }>();

  return {
    add(line, { field, reason }, source) {
      try {
        file ??= openSync(path, "wx", 0o600);
        writeSync(file, `${JSON.stringify({ line, field, reason, source: source.expose() })}\n`);
      } catch (thrown) {
        throw new Failure("configuration", `The rejects file cannot be written: check the folder of ${path}.`, {
          where: path,
          cause: thrown,
        });
      }
      const key = `${field}\n${reason}`;
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { field, reason, count: 1 });
      else known.count++;
    },
    counts: () => [...counts.values()].sort((one, other) => other.count - one.count),
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
