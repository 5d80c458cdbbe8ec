import { join } from "node:path";

import { openDatabase } from "../../node/storage/database.ts";

/** What a node keeps, counted from beside it while it runs. */
export interface Kept {
  readonly identities: number;
  readonly pointers: number;
  readonly objections: number;
  /** Audit entries that gate something: questions, refusals, answers. */
  readonly gates: number;
}

export function countKept(dataDir: string): Kept {
  const index = openDatabase(join(dataDir, "index.db"), { readonly: true });
  const audit = openDatabase(join(dataDir, "audit.db"), { readonly: true });
  const count = (db: typeof index, sql: string): number =>
    db.prepare<[], number>(`SELECT count(*) ${sql}`).pluck().get()!;
  try {
    return {
      identities: count(index, "FROM identity_record"),
      pointers: count(index, "FROM pointer"),
      objections: count(index, "FROM objection"),
      gates: count(audit, "FROM audit_log WHERE kind <> 'outcomes'"),
    };
  } finally {
    index.close();
    audit.close();
  }
}
