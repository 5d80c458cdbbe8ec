import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { LOG_COLUMNS } from "./log-columns.ts";
import { addCheckpoint, addEntries, aNoteKey, anAuditLog } from "./testing/an-audit-log.ts";
import { leafOf, type LogValues } from "./tree/leaf.ts";
import { nodeHash, rootOf } from "./tree/merkle.ts";
import { fillTree, openSubtrees, treeSize } from "./tree/tree-store.ts";
import { type LogFault, verifyLog } from "./verify-log.ts";

/** Two kept subtrees and some more; checkpoints fall inside and between them. */
const ENTRIES = 700;
const CHECKPOINTS = [100, 256, 600];

/** What an administrator of the machine can do who knows the format: nothing in the file is sacred to him. */
const ATTACKS: readonly [what: string, attack: (db: Database) => void, first: LogFault][] = [
  ["a byte of an entry", (db) => change(db, 300), { what: "entry-changed", from: 300, to: 300 }],
  [
    "when something happened",
    (db) => db.exec("UPDATE audit_log SET at_ms = at_ms + 1 WHERE seq = 5"),
    { what: "entry-changed", from: 5, to: 5 },
  ],
  [
    "a part that was not there",
    (db) => db.exec("UPDATE audit_log SET why = 'held' WHERE seq = 7"),
    { what: "entry-changed", from: 7, to: 7 },
  ],
  [
    "an entry is deleted",
    (db) => db.exec("DELETE FROM audit_log WHERE seq = 42"),
    { what: "entry-missing", from: 42, to: 42 },
  ],
  [
    "an entry is deleted with its leaf",
    (db) => db.exec("DELETE FROM audit_log WHERE seq = 42; DELETE FROM audit_leaf WHERE place = 41"),
    { what: "entry-missing", from: 42, to: 42 },
  ],
  [
    "two entries change places",
    (db) =>
      db.exec(
        "UPDATE audit_log SET seq = 9999 WHERE seq = 20; UPDATE audit_log SET seq = 20 WHERE seq = 21; UPDATE audit_log SET seq = 21 WHERE seq = 9999",
      ),
    { what: "entry-changed", from: 20, to: 20 },
  ],
  ["an entry is put between others", (db) => putBetween(db, 50), { what: "entry-changed", from: 50, to: 50 }],
  [
    "the end is cut off",
    (db) => db.exec("DELETE FROM audit_log WHERE seq > 590; DELETE FROM audit_leaf WHERE place >= 590"),
    { what: "log-cut-short", from: 591, to: 600 },
  ],
  ["an entry with its leaf", (db) => changeWithLeaf(db, 30), { what: "checkpoint-contradicted", from: 1, to: 100 }],
  [
    "an entry with its leaf and the tree above",
    (db) => changeWithTree(db, 300),
    { what: "checkpoint-contradicted", from: 257, to: 600 },
  ],
  [
    "a kept subtree",
    (db) => db.exec("UPDATE audit_subtree SET hash = zeroblob(32) WHERE level = 8 AND place = 1"),
    { what: "tree-changed", from: 257, to: 512 },
  ],
  [
    "what a checkpoint says",
    (db) => db.exec("UPDATE audit_checkpoint SET note = replace(note, '256', '255') WHERE size = 256"),
    { what: "checkpoint-not-signed", from: 101, to: 256 },
  ],
  [
    "a retention that nobody decided",
    (db) => db.exec("UPDATE audit_retention SET erased_to = 10; DELETE FROM audit_log WHERE seq <= 10"),
    { what: "entry-missing", from: 1, to: 1 },
  ],
];

describe("verifying the log", () => {
  const signer = aNoteKey();
  let dir: string;
  let db: Database;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-audit-"));
    db = anAuditLog(dir, 0);
    for (const size of CHECKPOINTS) {
      addEntries(db, size - treeSize(db));
      addCheckpoint(db, signer);
    }
    addEntries(db, ENTRIES - treeSize(db));
  });
  afterEach(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });

  it("finds nothing wrong with what the node wrote", () => {
    assert.deepEqual(verifyLog(db, signer.noteKey), { entries: ENTRIES, checkpoints: 3, provenTo: 600, faults: [] });
  });

  it("takes no other log for it, and no other key", () => {
    const first = (name: string, key = signer.noteKey.key) => verifyLog(db, { name, key }).faults[0]?.what;
    assert.equal(first("wm-cw.corridor.example/audit"), "checkpoint-not-signed");
    assert.equal(first(signer.noteKey.name, aNoteKey().noteKey.key), "checkpoint-not-signed");
  });

  for (const [what, attack, first] of ATTACKS) {
    it(`A2: names the first bad entry: ${what}`, () => {
      dropGuards(db);
      attack(db);
      assert.deepEqual(verifyLog(db, signer.noteKey).faults[0], first);
    });
  }

  it("gives a log that was begun without a tree the same one", () => {
    const root = rootOf(ENTRIES, openSubtrees(db));
    dropGuards(db);
    db.exec("DELETE FROM audit_leaf; DELETE FROM audit_subtree");
    fillTree(db);
    assert.deepEqual(rootOf(ENTRIES, openSubtrees(db)), root);
  });

  it("is kept by the store itself from changing entries and leaves, short of its own schema", () => {
    for (const sql of [
      "UPDATE audit_log SET why = 'x' WHERE seq = 1",
      "DELETE FROM audit_log WHERE seq = 1",
      "UPDATE audit_leaf SET hash = zeroblob(32) WHERE place = 1",
      "DELETE FROM audit_leaf WHERE place = 1",
      "INSERT OR REPLACE INTO audit_leaf VALUES (1, zeroblob(32))",
    ]) {
      assert.throws(() => db.exec(sql), /audit/, sql);
    }
  });
});

function dropGuards(db: Database): void {
  const names = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all();
  for (const name of names) db.exec(`DROP TRIGGER "${name}"`);
}

function change(db: Database, seq: number): void {
  db.prepare("UPDATE audit_log SET evidence_payload = ? WHERE seq = ?").run(Buffer.from("another story"), seq);
}

function putBetween(db: Database, seq: number): void {
  const columns = LOG_COLUMNS.join(", ");
  db.exec(
    `CREATE TEMP TABLE moved AS SELECT * FROM audit_log WHERE seq >= ${seq}; DELETE FROM audit_log WHERE seq >= ${seq}`,
  );
  db.exec(`INSERT INTO audit_log (seq, ${columns}) SELECT seq + 1, ${columns} FROM moved`);
  db.exec(`INSERT INTO audit_log (seq, ${columns}) SELECT ${seq}, ${columns} FROM moved WHERE seq = ${seq + 3}`);
}

function changeWithLeaf(db: Database, seq: number): void {
  change(db, seq);
  const values = db
    .prepare<[number], LogValues>(`SELECT ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq = ?`)
    .raw()
    .get(seq);
  db.prepare("UPDATE audit_leaf SET hash = ? WHERE place = ?").run(leafOf(values!), seq - 1);
}

function changeWithTree(db: Database, seq: number): void {
  changeWithLeaf(db, seq);
  const leaves = openSubtrees(db);
  const place = Math.floor((seq - 1) / 256);
  const [left, right] = [leaves.hashOf(7, 2 * place), leaves.hashOf(7, 2 * place + 1)];
  db.prepare("UPDATE audit_subtree SET hash = ? WHERE level = 8 AND place = ?").run(nodeHash(left, right), place);
}
