import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Sqlite, { type Database } from "better-sqlite3";

import { LOG_COLUMNS } from "../../node/audit/log-columns.ts";
import { addCheckpoint, addEntries, aNoteKey, anAuditLog } from "../../node/audit/testing/an-audit-log.ts";
import { leafOf, type LogValues } from "../../node/audit/tree/leaf.ts";
import { fillTree, treeSize } from "../../node/audit/tree/tree-store.ts";
import { type LogFault, verifyLog } from "../../node/audit/verify-log.ts";
import { type Random, seededRandom } from "../../node/base/random.ts";
import { catalogueRow } from "../testing/catalogue.ts";

/** Entries between two checkpoints, and how many checkpoints; some entries follow the last. */
const STRETCH = 130;
const CHECKPOINTS = 4;
const SIGNED = STRETCH * CHECKPOINTS;
const ENTRIES = SIGNED + 20;

/** What is done to a log by somebody who may write its file and knows its format; returns the first entry that it is about. */
type Attack = (db: Database, random: Random) => number;

const ATTACKS: Readonly<Record<string, Attack>> = {
  flip(db, random) {
    const seq = among(random, ENTRIES);
    const column = LOG_COLUMNS[Math.floor(random.fraction() * LOG_COLUMNS.length)]!;
    const value = db.prepare(`SELECT "${column}" FROM audit_log WHERE seq = ?`).pluck().get(seq);
    db.prepare(`UPDATE audit_log SET "${column}" = ? WHERE seq = ?`).run(otherThan(value, column), seq);
    return seq;
  },
  delete(db, random) {
    const seq = among(random, ENTRIES - 1);
    db.prepare("DELETE FROM audit_log WHERE seq = ?").run(seq);
    return seq;
  },
  insert(db, random) {
    const seq = among(random, ENTRIES);
    move(db, seq, ENTRIES, 1);
    const columns = LOG_COLUMNS.join(", ");
    db.exec(
      `INSERT INTO audit_log (seq, ${columns}) SELECT ${seq}, ${columns} FROM audit_log WHERE seq = ${seq === 1 ? 3 : 1}`,
    );
    return seq;
  },
  reorder(db, random) {
    const seq = among(random, ENTRIES - 1);
    db.exec(
      `UPDATE audit_log SET seq = 0 WHERE seq = ${seq}; UPDATE audit_log SET seq = ${seq} WHERE seq = ${seq + 1}`,
    );
    db.exec(`UPDATE audit_log SET seq = ${seq + 1} WHERE seq = 0`);
    return seq;
  },
  truncate(db, random) {
    const kept = among(random, SIGNED - 1);
    db.exec(`DELETE FROM audit_log WHERE seq > ${kept}; DELETE FROM audit_leaf WHERE place >= ${kept}`);
    return kept + 1;
  },
  /** The whole tree is mended afterwards, so that only what was signed can tell. */
  rewrite(db, random) {
    const seq = among(random, SIGNED);
    db.prepare("UPDATE audit_log SET user_id = 'somebody-else' WHERE seq = ?").run(seq);
    db.exec("DELETE FROM audit_leaf; DELETE FROM audit_subtree");
    fillTree(db);
    return seq;
  },
  /** The same without a trace in the tree: the entry and its leaf alone. */
  mend(db, random) {
    const seq = among(random, SIGNED);
    db.prepare("UPDATE audit_log SET outcome = 'records' WHERE seq = ?").run(seq);
    const values = db
      .prepare<[number], LogValues>(`SELECT ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq = ?`)
      .raw()
      .get(seq);
    db.prepare("UPDATE audit_leaf SET hash = ? WHERE place = ?").run(leafOf(values!), seq - 1);
    return seq;
  },
};

describe("an audit that somebody has tampered with", () => {
  const signer = aNoteKey();
  let dir: string;
  let whole: string;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-tampering-"));
    const db = anAuditLog(dir, 0);
    for (let at = 0; at < CHECKPOINTS; at++) {
      addEntries(db, STRETCH);
      addCheckpoint(db, signer);
    }
    addEntries(db, ENTRIES - treeSize(db));
    whole = db.name;
    db.close();
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  catalogueRow(
    { id: "A2", title: "is found out, and the first bad entry is named", quick: 70, full: 500 },
    async (trials) => {
      const named = { exactly: 0, "by its stretch": 0 };
      for (const trial of trials) {
        const [what, attack] = Object.entries(ATTACKS)[trial % Object.keys(ATTACKS).length]!;
        const path = join(dir, `${trial}.db`);
        copyFileSync(whole, path);
        const db = new Sqlite(path);
        try {
          for (const name of db
            .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .pluck()
            .all()) {
            db.exec(`DROP TRIGGER "${name}"`);
          }
          const seq = attack(db, seededRandom(Number.parseInt(trials.seed(trial).slice(3), 10)));
          const [first] = verifyLog(db, signer.noteKey).faults;
          assert.ok(first !== undefined, `${what} at ${seq} was not found`);
          assert.ok(names(first, seq), `${what} at ${seq} was called ${JSON.stringify(first)}`);
          named[first.from === first.to ? "exactly" : "by its stretch"]++;
        } finally {
          db.close();
          rmSync(path);
        }
      }
      return { counts: { found: trials.count, ...named } };
    },
  );
});

/** Where the leaf was mended, nobody can come nearer than the kept subtree above it, or what lies between two checkpoints. */
function names({ what, from, to }: LogFault, seq: number): boolean {
  if (what === "tree-changed") return from <= seq && seq <= to && to - from < 256;
  if (what === "checkpoint-contradicted") return from <= seq && seq <= to && to - from < STRETCH;
  return from === seq || (what === "log-cut-short" && seq <= from);
}

function among(random: Random, count: number): number {
  return 1 + Math.floor(random.fraction() * count);
}

function otherThan(value: unknown, column: string): unknown {
  if (typeof value === "number") return value + 1;
  if (value instanceof Uint8Array) return Buffer.from(value).map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  if (typeof value === "string") return `${value}x`;
  if (column === "evidence_of") return 1;
  if (column === "salt" || column === "patient_nonce") return Buffer.alloc(16, 9);
  if (column.startsWith("evidence")) return Buffer.from("x");
  return column === "clock_behind_ms" ? 1 : "x";
}

function move(db: Database, from: number, to: number, by: number): void {
  for (let seq = to; seq >= from; seq--) db.prepare("UPDATE audit_log SET seq = ? WHERE seq = ?").run(seq + by, seq);
}
