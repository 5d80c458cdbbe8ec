import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";

/** Which index this is: 32 hexadecimal digits that say nothing else. */
export function readStoreId(db: Database): string {
  const id = db.prepare<[], string>("SELECT id FROM store_id").pluck().get();
  check(id !== undefined, "an index has its id from the beginning");
  return id;
}

/** From now on it is another one: it may hold less than was acknowledged before. One that is too old to have an id gets its first. */
export function renewStoreId(db: Database): void {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'store_id'").get() === undefined) return;
  db.prepare("UPDATE store_id SET id = lower(hex(randomblob(16)))").run();
}
