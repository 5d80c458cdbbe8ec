import { existsSync } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../config/settings.ts";
import { makeLetterReader } from "../requests/dead-letter-store.ts";
import { openDatabase } from "../storage/database.ts";
import type { Finding } from "./doctor.ts";

/** Messages that the node could not take wait for somebody, and only for thirty days. */
export function checkLetters({ dataDir }: Pick<Settings, "dataDir">): Finding | string {
  const none = "no message waits that could not be taken";
  const path = join(dataDir, "index.db");
  if (!existsSync(path)) return none;
  const db = openDatabase(path, { readonly: true });
  try {
    // An older program's file, before the node has been started again.
    if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'dead_letter'").get() === undefined) return none;
    const { letters, oldestMs } = makeLetterReader(db).count();
    if (oldestMs === undefined) return none;
    const since = new Date(oldestMs).toISOString().slice(0, 10);
    const text = `${letters} messages could not be taken, the first on ${since}; 'corridor mpi dead-letters' says why; each goes after 30 days`;
    return { what: "dead letters", state: "warning", text };
  } finally {
    db.close();
  }
}
