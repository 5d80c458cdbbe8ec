import type { Database } from "better-sqlite3";

/** Makes reads agree with one another: they see one state of the store, whatever is written meanwhile. */
export type InOneSnapshot = <Result>(read: () => Result) => Result;

/** For synchronous reads over a read-only connection; one within another is part of it. */
export function makeInOneSnapshot(db: Database): InOneSnapshot {
  const begin = db.prepare("BEGIN");
  const commit = db.prepare("COMMIT");
  return (read) => {
    if (db.inTransaction) return read();
    begin.run();
    try {
      return read();
    } finally {
      commit.run();
    }
  };
}
