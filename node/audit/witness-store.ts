import type { Database } from "better-sqlite3";

import type { CommandHandlers } from "../storage/executor.ts";
import type { WitnessedHead } from "./witness.ts";

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** What this node vouches for of another's log. */
    "audit.witnessed": { payload: string; result: WitnessedHead | undefined };
    /** The notes of all logs that this node vouches for. */
    "audit.all-witnessed": { payload: undefined; result: readonly string[] };
    /** Vouches for a larger tree, if the one vouched for is still of the old size. The result is the size held now. */
    "audit.witness": {
      payload: WitnessedHead & { readonly oldSize: number; readonly nowMs: number };
      result: number;
    };
    /** Keeps two notes that contradict one another. The result says whether they are new. */
    "audit.split-view": {
      payload: { readonly origin: string; readonly vouched: string; readonly offered: string; readonly nowMs: number };
      result: boolean;
    };
  }
}

/** Notes told at a time: they fit into one message, and a network has no more nodes. */
const NOTES_MAX = 100;

/** Split views kept of all logs together: whoever can sign could otherwise fill the disk. */
const SPLIT_VIEWS_MAX = 1_000;

export function makeHandlers(db: Database): CommandHandlers {
  const held = db.prepare<[string], WitnessedHead>(
    "SELECT origin, size, root, note FROM witnessed_log WHERE origin = ?",
  );
  const notes = db.prepare<[], string>(`SELECT note FROM witnessed_log ORDER BY origin LIMIT ${NOTES_MAX}`).pluck();
  const keep = db.prepare(
    `INSERT INTO witnessed_log (origin, size, root, at_ms, note) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, at_ms = excluded.at_ms, note = excluded.note`,
  );
  const keepSplit = db.prepare(
    `INSERT INTO split_view (origin, at_ms, vouched, offered) SELECT ?, ?, ?, ?
     WHERE (SELECT count(*) FROM split_view) < ${SPLIT_VIEWS_MAX} ON CONFLICT DO NOTHING`,
  );
  return {
    "audit.witnessed": (origin) => held.get(origin),
    "audit.all-witnessed": () => notes.all(),
    "audit.witness": ({ origin, oldSize, size, root, note, nowMs }) => {
      const now = held.get(origin)?.size ?? 0;
      if (now !== oldSize) return now;
      keep.run(origin, size, root, nowMs, note);
      return size;
    },
    "audit.split-view": ({ origin, vouched, offered, nowMs }) =>
      keepSplit.run(origin, nowMs, vouched, offered).changes === 1,
  };
}
