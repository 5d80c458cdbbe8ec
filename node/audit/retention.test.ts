import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeHandlers } from "./audit-store.ts";
import { EVIDENCE_REACH_MS } from "./evidence.ts";
import { exportLog, verifyExport } from "./export-log.ts";
import { erase } from "./retention.ts";
import { addCheckpoint, addEntries, aNoteKey, anAuditLog, anEntry, STARTED_MS } from "./testing/an-audit-log.ts";
import { verifyLog } from "./verify-log.ts";

describe("retention", () => {
  const signer = aNoteKey();
  let dir: string;
  let db: Database;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-retention-"));
    db = anAuditLog(dir, 2_500);
    addCheckpoint(db, signer);
    addEntries(db, 500);
  });
  afterEach(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });

  /** Entry n is written n milliseconds after the start. */
  function eraseBefore(n: number, isClockTrusted = true): Promise<void> {
    return erase({
      executor: makeInlineExecutor(db, makeHandlers(db)),
      clock: makeFakeClock(STARTED_MS + n + 1_000 + EVIDENCE_REACH_MS),
      keepMs: 1_000,
      isClockTrusted: () => isClockTrusted,
      makeEntry: () => ({ ...anEntry(9_999), kind: "retention", outcome: "erased" }),
      alarm: () => {},
    });
  }

  const kept = (): [first: number, last: number] =>
    db.prepare<[], [number, number]>("SELECT min(seq), max(seq) FROM audit_log").raw().get()!;

  it("erases what is older, says up to where, and leaves a log that is verified as before", async () => {
    await eraseBefore(1_300);
    assert.deepEqual(kept(), [1_300, 3_001], "and an entry that says so");
    assert.deepEqual(verifyLog(db, signer.noteKey).faults, []);
    addCheckpoint(db, signer);
    const { fault, erased } = await verifyExport(exportLog(db), signer.noteKey, []);
    assert.deepEqual([fault, erased], [undefined, 1_299]);
  });

  it("erases nothing that no signature vouches for, and nothing twice", async () => {
    await eraseBefore(2_900);
    assert.deepEqual(kept(), [2_501, 3_001]);
    await eraseBefore(2_900);
    assert.deepEqual(kept(), [2_501, 3_001]);
  });

  it("erases nothing while the peers' clocks do not agree: a clock that is years ahead must not cost the audit", async () => {
    await eraseBefore(2_000, false);
    assert.deepEqual(kept(), [1, 3_000]);
  });

  it("erases cases of emergency access that are as old, with their letters, once they are reviewed", async () => {
    const add = (id: string, openedAtMs: number, outcome: string | null): void => {
      db.prepare(
        `INSERT INTO emergency_case (case_id, side, asker, user_id, role, organisation, patient, opened_at_ms, due_on, outcome)
         VALUES (?, 'asker', 'a', 'u', 'R8000', 'RRK', 'token', ?, '2026-01-01', ?)`,
      ).run(id, openedAtMs, outcome);
      db.prepare("INSERT INTO emergency_request (request_id, case_id) VALUES (?, ?)").run(`of-${id}`, id);
    };
    add("old", STARTED_MS + 1, "appropriate");
    add("waiting", STARTED_MS + 1, null);
    add("new", STARTED_MS + 2_000, "appropriate");
    await eraseBefore(1_300, false);
    const cases = () => db.prepare("SELECT case_id FROM emergency_case ORDER BY case_id").pluck().all();
    assert.deepEqual(cases(), ["new", "old", "waiting"]);
    await eraseBefore(1_300);
    assert.deepEqual(cases(), ["new", "waiting"]);
    assert.deepEqual(db.prepare("SELECT count(*) FROM emergency_request").pluck().get(), 2);
  });

  it("cannot be used to hide an entry: what is gone beyond what the log says is missing", async () => {
    await eraseBefore(1_000);
    db.exec("UPDATE audit_retention SET erased_to = 1200; DELETE FROM audit_log WHERE seq <= 1200");
    assert.deepEqual(verifyLog(db, signer.noteKey).faults[0], { what: "entry-missing", from: 1_000, to: 1_000 });
  });
});
