import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { openDatabase, openStore, refuseOldSqlite } from "./database.ts";

describe("openDatabase", () => {
  const place = useFolder();

  it("makes commits durable, relations kept and schemas untrusted", () => {
    using db = closing(openDatabase(place("a.db")));
    const expected = {
      journal_mode: "wal",
      synchronous: 2,
      foreign_keys: 1,
      trusted_schema: 0,
      recursive_triggers: 1,
      cell_size_check: 1,
      mmap_size: 0,
      busy_timeout: 1_000,
      temp_store: 2,
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(db.value.pragma(name, { simple: true }), value, name);
    }
  });

  it("makes files and folders that only their owner can reach, the log's included", () => {
    using db = closing(openDatabase(place("new/deep/a.db")));
    db.value.exec("CREATE TABLE t (a INTEGER) STRICT");
    assert.equal(modeOf(place("new/deep")), 0o700);
    const names = readdirSync(place("new/deep")).sort();
    assert.deepEqual(names, ["a.db", "a.db-shm", "a.db-wal"]);
    for (const name of names) assert.equal(modeOf(place(`new/deep/${name}`)), 0o600, name);
  });

  for (const mode of [0o640, 0o604, 0o660]) {
    it(`refuses a file of mode ${mode.toString(8)} and says which command mends it`, () => {
      writeFileSync(place("a.db"), "");
      chmodSync(place("a.db"), mode);
      assertFails(() => openDatabase(place("a.db")), "configuration", /chmod 600 /, place("a.db"));
      chmodSync(place("a.db"), 0o600);
      openDatabase(place("a.db")).close();
    });
  }

  it("does not make a file that is only to be read", () => {
    const open = (): Database => openDatabase(place("none.db"), { readonly: true });
    assertFails(open, "store-unavailable", /ENOENT.*started once/, place("none.db"));
    assert.deepEqual(readdirSync(place(".")), []);
  });

  it("reads beside the writer, sees what it committed, and cannot write", () => {
    using writer = closing(openDatabase(place("a.db")));
    writer.value.exec("CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1)");
    using reader = closing(openDatabase(place("a.db"), { readonly: true }));
    const count = reader.value.prepare("SELECT count(*) FROM t").pluck();
    assert.equal(count.get(), 1);
    writer.value.exec("INSERT INTO t VALUES (2)");
    assert.equal(count.get(), 2);
    assert.throws(() => reader.value.exec("INSERT INTO t VALUES (3)"), /readonly/);
  });

  it("names a folder that cannot be made", () => {
    writeFileSync(place("file"), "");
    assertFails(() => openDatabase(place("file/a.db")), "store-unavailable", /may be written/, place("file/a.db"));
  });
});

describe("the floor for SQLite (D10)", () => {
  for (const version of ["3.51.2", "3.50.7", "3.7.17", "2.99.99"]) {
    it(`refuses ${version}`, () => {
      assert.throws(() => refuseOldSqlite(version), /too old: 3\.51\.3 or newer/);
    });
  }
  for (const version of ["3.51.3", "3.52.0", "4.0.0"]) it(`takes ${version}`, () => refuseOldSqlite(version));
});

describe("openStore", () => {
  const place = useFolder();

  it("brings a new file up to date once, and then leaves it alone", () => {
    for (const store of ["index", "audit"] as const) {
      const path = place(`${store}.db`);
      const first = describeSchema(path, store);
      assert.ok(first.version > 0 && first.tables.length > 0);
      assert.deepEqual(describeSchema(path, store), first);
    }
  });

  it("keeps nothing of a migration that fails half way", () => {
    openStore(place("audit.db"), "audit").close();
    const db = openDatabase(place("audit.db"));
    db.exec("DROP TABLE audit_log");
    db.pragma("user_version = 0"); // the migration will make audit_log, and then meet seen_attempt
    db.close();
    assert.throws(() => openStore(place("audit.db"), "audit"), Failure);
    using after = closing(openDatabase(place("audit.db")));
    assert.equal(after.value.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'audit_log'").get(), undefined);
    assert.equal(after.value.pragma("user_version", { simple: true }), 0);
  });

  it("refuses tables of a newer program", () => {
    openStore(place("index.db"), "index").close();
    const db = openDatabase(place("index.db"));
    db.pragma("user_version = 4711");
    db.close();
    const open = (): Database => openStore(place("index.db"), "index");
    assertFails(open, "store-unavailable", /newer Corridor.*4711.*restore a backup/, place("index.db"));
  });

  it("refuses another store's file, and a database that is none of ours", () => {
    openStore(place("index.db"), "index").close();
    assertFails(
      () => openStore(place("index.db"), "audit"),
      "store-unavailable",
      /not the audit store/,
      place("index.db"),
    );
    const db = openDatabase(place("other.db"));
    db.exec("CREATE TABLE shopping (item TEXT) STRICT");
    db.close();
    assertFails(
      () => openStore(place("other.db"), "index"),
      "store-unavailable",
      /not the index store/,
      place("other.db"),
    );
  });

  it("refuses a file that is no database", () => {
    writeFileSync(place("index.db"), "surname,given name\n".repeat(500), { mode: 0o600 });
    assertFails(
      () => openStore(place("index.db"), "index"),
      "store-unavailable",
      /is not a Corridor store/,
      place("index.db"),
    );
  });

  it("refuses a file that was cut short", () => {
    fill(place("index.db"), 200);
    truncateSync(place("index.db"), statSync(place("index.db")).size - 4_096);
    assertFails(
      () => openStore(place("index.db"), "index"),
      "store-unavailable",
      /damaged.*restore/,
      place("index.db"),
    );
  });

  it("refuses a file with a damaged page", () => {
    fill(place("index.db"), 2_000);
    const pages = statSync(place("index.db")).size / 4_096;
    for (const page of [1, Math.floor(pages / 2), pages - 1]) {
      copyFileSync(place("index.db"), place("copy.db"));
      overwrite(place("copy.db"), page * 4_096, Buffer.alloc(64, 0xff));
      assertFails(
        () => openStore(place("copy.db"), "index"),
        "store-unavailable",
        /damaged.*restore/,
        place("copy.db"),
      );
    }
    openStore(place("index.db"), "index").close();
  });

  it("finds a damaged root, and a file cut short, in a file too large to be checked whole", () => {
    const path = place("index.db");
    fill(path, 9_000, 4_000);
    const { size } = statSync(path);
    assert.ok(size > 32 * 1024 * 1024);
    openStore(path, "index").close();
    overwrite(path, (rootPageOf(path, "outbox") - 1) * 4_096, Buffer.alloc(64, 0xff));
    assertFails(() => openStore(path, "index"), "store-unavailable", /damaged.*restore/, path);
    truncateSync(path, size - 4_096);
    assertFails(() => openStore(path, "index"), "store-unavailable", /damaged.*restore/, path);
  });
});

function describeSchema(path: string, store: "index" | "audit"): { version: number; tables: unknown[] } {
  using db = closing(openStore(path, store));
  const tables = db.value.prepare("SELECT name, sql FROM sqlite_schema").all();
  return { version: Number(db.value.pragma("user_version", { simple: true })), tables };
}

function rootPageOf(path: string, table: string): number {
  using db = closing(openDatabase(path, { readonly: true }));
  return Number(db.value.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(table));
}

function fill(path: string, jobs: number, jobBytes = 100): void {
  using db = closing(openStore(path, "index"));
  const add = db.value.prepare("INSERT INTO outbox (kind, key, payload) VALUES ('k', ?, ?)");
  db.value.transaction(() => {
    for (let at = 0; at < jobs; at++) add.run(String(at), "x".repeat(jobBytes));
  })();
}

function overwrite(path: string, position: number, bytes: Buffer): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

function assertFails(act: () => unknown, code: Failure["code"], message: RegExp, where: string): void {
  assert.throws(act, (thrown: unknown) => {
    assert.ok(thrown instanceof Failure, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    assert.ok(thrown.message.includes(where), "the message names the file");
    assert.equal(thrown.where, where);
    return true;
  });
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

function closing(db: Database): { readonly value: Database; [Symbol.dispose](): void } {
  return { value: db, [Symbol.dispose]: () => void db.close() };
}

/** A folder of its own for each test; the function gives a path in it. */
function useFolder(): (name: string) => string {
  let folder = "";
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "corridor-database-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
