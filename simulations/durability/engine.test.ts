import assert from "node:assert/strict";

import Sqlite from "better-sqlite3";

import { refuseOldSqlite } from "../../node/storage/database.ts";
import { catalogueRow } from "../testing/catalogue.ts";

describe("the database engine", () => {
  catalogueRow({ id: "D10", title: "is new enough, and an older one is refused", quick: 1, full: 1 }, async () => {
    const db = new Sqlite(":memory:");
    refuseOldSqlite(String(db.prepare("SELECT sqlite_version()").pluck().get()));
    db.close();
    assert.throws(() => refuseOldSqlite("3.51.2"), /too old/);
    return {};
  });
});
