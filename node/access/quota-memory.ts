import { readFileSync } from "node:fs";

import { z } from "zod";

import { replaceFile } from "../base/replace-file.ts";
import { makeTurns } from "../base/turns.ts";

const fileSchema = z.strictObject({
  atMs: z.number(),
  askers: z.record(
    z.string(),
    z.strictObject({
      usual: z.number().nonnegative(),
      spent: z.number().nonnegative(),
      urgentSpent: z.number().nonnegative(),
    }),
  ),
});

/** What is kept of one asker: its usual hour, and what it has spent. No patient is. */
export interface KeptQuota {
  /** Mean of an hour's patients. */
  readonly usual: number;
  readonly spent: number;
  readonly urgentSpent: number;
}

/** Remembers quotas across restarts: whoever makes a node restart gains what was spent in the last minute, at most. */
export interface QuotaMemory {
  /** What was kept last before this start. */
  readonly before: { readonly atMs: number; readonly askers: Readonly<Record<string, KeptQuota>> };
  /** Resolves in any case: that the file could not be written is told to `onFault`, and tried again the next time. */
  keep(atMs: number, askers: Readonly<Record<string, KeptQuota>>): Promise<void>;
}

/**
 * Opens the memory in a file of the node's data folder. One that cannot be read is begun anew: a node without its quotas'
 * memory is better than no node.
 *
 * @param onFault told what is wrong, once for each cause.
 */
export function openQuotaMemory(path: string, onFault: (text: string) => void): QuotaMemory {
  let lastFault = "";
  const sayOnce = (text: string): void => {
    if (text !== lastFault) onFault(text);
    lastFault = text;
  };
  const inTurn = makeTurns(1);
  return {
    before: readKept(path, sayOnce),
    keep: (atMs, askers) =>
      inTurn(async () => {
        try {
          await replaceFile(path, `${JSON.stringify({ atMs, askers })}\n`);
          lastFault = "";
        } catch (thrown) {
          sayOnce(`Quotas cannot be kept in ${path}: ${String(thrown)}.`);
        }
      }),
  };
}

function readKept(path: string, sayOnce: (text: string) => void): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (thrown) {
    const isNew = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
    if (!isNew) sayOnce(`Quotas begin anew: ${path} cannot be read.`);
    return { atMs: 0, askers: {} };
  }
}
