import type { Database } from "better-sqlite3";

import type { CommandHandlers } from "../storage/executor.ts";
import type { NewEntry } from "./audit-store.ts";

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /**
     * Decides to erase what is older, and says so in the log; erases no entry yet. The result is the last such entry. Cases of
     * emergency access that are as old, and reviewed, are erased at once: there are few.
     */
    "audit.decide-retention": {
      payload: { readonly entry: NewEntry; readonly beforeMs: number };
      result: number;
    };
    /** Erases some of what was decided. The result says whether there was anything left to erase. */
    "audit.erase-some": { payload: undefined; result: boolean };
  }
}

/** Entries erased in one command: no answer waits for more. */
const ERASED_AT_ONCE = 1_000;

/** @param append adds an entry to the log, in its own time. */
export function retentionHandlers(db: Database, append: (entry: NewEntry) => number): CommandHandlers {
  const bounds = db.prepare<[], { readonly erasedTo: number; readonly newest: number; readonly signed: number }>(
    `SELECT (SELECT erased_to FROM audit_retention) AS erasedTo, (SELECT coalesce(max(seq), 0) FROM audit_log) AS newest,
       (SELECT coalesce(max(size), 0) FROM audit_checkpoint) AS signed`,
  );
  const timeOf = db.prepare<[number], number>("SELECT at_ms FROM audit_log WHERE seq = ?").pluck();
  const mark = db.prepare("UPDATE audit_retention SET erased_to = ?");
  const eraseSome = db.prepare(
    `DELETE FROM audit_log WHERE seq IN
       (SELECT seq FROM audit_log WHERE seq <= (SELECT erased_to FROM audit_retention) ORDER BY seq LIMIT ${ERASED_AT_ONCE})`,
  );

  const oldCases = `SELECT case_id FROM emergency_case WHERE outcome IS NOT NULL AND opened_at_ms < ?`;
  const dropCases = ["emergency_letter", "emergency_request", "emergency_case"].map((table) =>
    db.prepare<[number]>(`DELETE FROM ${table} WHERE case_id IN (${oldCases})`),
  );

  /** The last entry before a moment, of those that a signature vouches for: entries are in the order of their times. */
  function lastBefore(beforeMs: number): number {
    const { erasedTo, newest, signed } = bounds.get()!;
    let [low, high] = [erasedTo, Math.min(newest, signed)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((timeOf.get(middle) ?? 0) < beforeMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  return {
    "audit.decide-retention": ({ entry, beforeMs }) => {
      for (const drop of dropCases) drop.run(beforeMs);
      const erasedTo = lastBefore(beforeMs);
      if (erasedTo > bounds.get()!.erasedTo) {
        append({ ...entry, detail: JSON.stringify({ erasedTo, before: new Date(beforeMs).toISOString() }) });
        mark.run(erasedTo);
      }
      return erasedTo;
    },
    "audit.erase-some": () => eraseSome.run().changes > 0,
  };
}
