import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { openStore } from "./database.ts";
import { enqueue, type Job } from "./outbox.ts";

describe("enqueue", () => {
  let folder: string;
  let db: Database;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-outbox-"));
    db = openStore(join(folder, "index.db"), "index");
  });
  afterEach(() => {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const job = (key: string): Job => ({ kind: "follow-up", key, payload: { loadId: `load-${key}` } });
  const waiting = (): unknown[] => db.prepare("SELECT kind, key, payload, attempts, dead FROM outbox").all();

  it("writes a job once, however often it is asked for", () => {
    enqueue(db, job("a"));
    enqueue(db, job("a"));
    assert.deepEqual(waiting(), [
      { kind: "follow-up", key: "a", payload: '{"loadId":"load-a"}', attempts: 0, dead: null },
    ]);
  });

  it("keeps the job exactly where its cause is kept", () => {
    assert.throws(
      db.transaction(() => {
        enqueue(db, job("a"));
        throw new Error("the cause failed");
      }),
    );
    assert.deepEqual(waiting(), []);
  });

  it("takes no patient's number, neither as an id nor as a key", () => {
    const number = "9000000009";
    assert.throws(() => enqueue(db, job(number)), /never a patient's number/);
    assert.throws(() => enqueue(db, { ...job("a"), payload: { patient: "900 000 0009" } }), /never a patient's number/);
    assert.deepEqual(waiting(), []);
  });
});
