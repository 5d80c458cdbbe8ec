import { join } from "node:path";

import { openDatabase } from "../../node/storage/database.ts";

/** What a node keeps, counted from beside it while it runs. */
export interface Kept {
  readonly identities: number;
  readonly pointers: number;
  readonly objections: number;
  /** How far the providers are complete, all together, in milliseconds since the epoch. */
  readonly completeMs: number;
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
      completeMs: index.prepare<[], number>("SELECT coalesce(sum(as_of_ms), 0) FROM feed_state").pluck().get()!,
      gates: count(audit, "FROM audit_log WHERE kind <> 'outcomes'"),
    };
  } finally {
    index.close();
    audit.close();
  }
}
