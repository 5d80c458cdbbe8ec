import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { makeHandlers, type NewEntry } from "./audit-store.ts";
import { anAuditLog, anEntry, STARTED_MS } from "./testing/an-audit-log.ts";
import { unusual } from "./unusual.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The beginning of an hour, so that a test's minutes stay within it. */
const FROM_MS = Math.ceil(STARTED_MS / HOUR_MS) * HOUR_MS + 10 * DAY_MS;
const WHOLE = { fromMs: FROM_MS, toMs: FROM_MS + DAY_MS };

describe("the report of unusual access", () => {
  let dir: string;
  let db: Database;
  let append: (entry: NewEntry) => number;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-unusual-"));
    db = anAuditLog(dir, 0);
    append = makeHandlers(db)["audit.append"] as typeof append;
  });
  afterEach(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });

  /** One user's questions about so many patients in one hour. */
  function ask(userId: string, patients: number, atMs: number, more: Partial<NewEntry> = {}): number[] {
    const each = (_: unknown, at: number): number =>
      append({ ...anEntry(1), kind: "question", userId, wallMs: atMs + at, patient: `t:${at}`, ...more });
    return db.transaction(() => Array.from({ length: patients }, each))();
  }

  it("holds each user's hours against their own usual ones, not against anybody else's", () => {
    for (let day = 9; day >= 1; day--) {
      ask("triage", 30, FROM_MS - day * DAY_MS);
      ask("ward", 6, FROM_MS - day * DAY_MS + HOUR_MS);
    }
    ask("triage", 40, FROM_MS);
    ask("ward", 23, FROM_MS + HOUR_MS);
    ask("ward", 24, FROM_MS + 2 * HOUR_MS);
    ask("new", 19, FROM_MS + 3 * HOUR_MS);
    ask("machine", 500, FROM_MS + 4 * HOUR_MS, { trigger: "automatic" });
    assert.deepEqual(unusual(db, WHOLE), [
      { what: "volume", userId: "ward", atMs: FROM_MS + 2 * HOUR_MS, count: 24, usual: 6 },
    ]);
  });

  it("counts patients, not questions: somebody who asks again about one patient is at work", () => {
    for (let at = 0; at < 60; at++) ask("ed", 1, FROM_MS + at);
    assert.deepEqual(unusual(db, WHOLE), []);
  });

  it("names those who asked about themselves or about their own name, where it is known who they are", () => {
    ask("nurse", 1, FROM_MS, { patient: "9000000009" });
    ask("nurse", 1, FROM_MS + 1, { patient: "9000000009" });
    ask("doctor", 1, FROM_MS + 2, { patient: "9000000017" });
    ask("doctor", 1, FROM_MS + 3, { patient: "9000000025" });
    const kinship = (userId: string, patient: string) => {
      if (userId === "nurse") return "self" as const;
      return patient === "9000000017" ? ("same-surname" as const) : undefined;
    };
    assert.deepEqual(unusual(db, { ...WHOLE, kinship }), [
      { what: "own-record", userId: "nurse", atMs: FROM_MS, count: 2 },
      { what: "same-surname", userId: "doctor", atMs: FROM_MS + 2, count: 1 },
    ]);
  });

  it("names those of whose claims several are borne out by nobody", () => {
    const list = db.prepare("INSERT INTO claim_to_review VALUES (?, ?, 0)");
    for (const seq of ask("often", 3, FROM_MS)) list.run(seq, "no-attendance");
    for (const seq of ask("seldom", 2, FROM_MS + HOUR_MS)) list.run(seq, "attendance-of-another");
    for (const seq of ask("social", 5, FROM_MS + 2 * HOUR_MS)) list.run(seq, "self-claimed");
    assert.deepEqual(unusual(db, WHOLE), [{ what: "unmatched-claims", userId: "often", atMs: FROM_MS, count: 3 }]);
  });
});
