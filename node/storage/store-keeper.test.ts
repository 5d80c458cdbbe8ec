import assert from "node:assert/strict";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../base/clock.ts";
import { forgetBehind, readBehind } from "./behind.ts";
import { openDatabase, openStore } from "./database.ts";
import { makeGroupRunner } from "./group-runner.ts";
import { sealPathOf } from "./seal.ts";
import { keepStore, type KeptStore } from "./store-keeper.ts";

const PAGE_BYTES = 4_096;
const STORE_FILES = ["", "-wal", "-seal"];

describe("a kept store", () => {
  let folder: string;
  let alarms: string[];
  const open: KeptStore[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-keeper-"));
    alarms = [];
  });
  afterEach(() => {
    for (const kept of open.splice(0)) kept.letGo();
    rmSync(folder, { recursive: true, force: true });
  });

  const place = (name: string): string => join(folder, name);
  function keep(name: string): KeptStore {
    const kept = keepStore(place(name), "audit", systemClock, ({ event }) => alarms.push(event));
    open.push(kept);
    return kept;
  }
  function close(kept: KeptStore): void {
    kept.close();
    open.splice(open.indexOf(kept), 1);
  }
  /** One group each, like a writer's. */
  function write(kept: KeptStore, groups: number, bytes = 100): void {
    kept.db.exec("CREATE TABLE IF NOT EXISTS t (filler BLOB) STRICT");
    const add = kept.db.prepare("INSERT INTO t VALUES (randomblob(?))");
    const handlers = { add: (size: number) => void add.run(size) };
    const runGroup = makeGroupRunner(kept.db, handlers as object, kept);
    for (let group = 0; group < groups; group++) {
      assert.deepEqual(runGroup([{ name: "add", payload: bytes }]).broken, undefined);
      kept.foldIfDue();
    }
  }
  /** The files as a killed process leaves them. */
  function copy(from: string, to: string, endings = STORE_FILES): void {
    for (const ending of endings) {
      if (existsSync(place(from + ending))) copyFileSync(place(from + ending), place(to + ending));
    }
  }
  function flip(name: string, at: number): void {
    const byte = readFileSync(place(name))[at]!;
    const fd = openSync(place(name), "r+");
    writeSync(fd, Buffer.from([byte ^ 0x10]), 0, 1, at);
    closeSync(fd);
  }
  const rows = (kept: KeptStore): number => Number(kept.db.prepare("SELECT count(*) FROM t").pluck().get());

  it("has nothing to say of a file that holds all that was acknowledged, closed in order or not", () => {
    const kept = keep("a.db");
    write(kept, 5);
    copy("a.db", "killed.db");
    close(kept);
    for (const name of ["a.db", "killed.db"]) {
      const again = keep(name);
      assert.equal(rows(again), 5);
      write(again, 1);
    }
    assert.deepEqual(alarms, []);
    assert.equal(readBehind(place("a.db")), undefined);
  });

  it("says that acknowledged groups are gone, keeps the note until it is taken away, and goes on", () => {
    const kept = keep("a.db");
    write(kept, 3);
    copy("a.db", "older.db", ["", "-wal"]);
    write(kept, 2);
    copy("a.db", "older.db", ["-seal"]);
    const older = keep("older.db");
    assert.deepEqual(alarms, ["acknowledged-writes-lost"]);
    assert.equal(rows(older), 3);
    const note = readBehind(place("older.db"));
    assert.ok(note !== undefined && note.why === "lost" && note.heldToMs > 0 && note.heldToMs <= note.notedMs);
    write(older, 1);
    close(older);
    keep("older.db");
    assert.deepEqual(alarms, ["acknowledged-writes-lost"], "said once");
    assert.deepEqual(readBehind(place("older.db")), note, "and noted");
    forgetBehind(place("older.db"));
    assert.equal(readBehind(place("older.db")), undefined);
  });

  it("counts as behind where its seal is gone: nobody knows what was acknowledged", () => {
    const kept = keep("a.db");
    write(kept, 2);
    close(kept);
    rmSync(sealPathOf(place("a.db")));
    keep("a.db");
    assert.deepEqual(alarms, ["acknowledged-writes-lost"]);
    assert.equal(readBehind(place("a.db"))?.why, "lost");
  });

  it("takes a torn mark for the one before it, and two torn ones for none", () => {
    const kept = keep("a.db");
    write(kept, 4);
    const places = [100, 612];
    for (const at of places) {
      copy("a.db", "torn.db");
      flip("torn.db-seal", at);
      close(keep("torn.db"));
      assert.deepEqual(alarms, [], `byte ${at}`);
    }
    copy("a.db", "torn.db");
    for (const at of places) flip("torn.db-seal", at);
    keep("torn.db");
    assert.deepEqual(alarms, ["acknowledged-writes-lost"]);
  });

  it("refuses a file in which one byte has changed, and goes on refusing it", () => {
    const kept = keep("a.db");
    write(kept, 50, 3_000);
    close(kept);
    const { size } = statSync(place("a.db"));
    for (const at of [18, 100, PAGE_BYTES + 1, Math.floor(size / 2), size - 1]) {
      copy("a.db", "flipped.db");
      flip("flipped.db", at);
      assert.throws(() => keep("flipped.db"), /damaged|not a Corridor store/, `byte ${at}`);
      flip("flipped.db", at);
      if (at > 100) assert.throws(() => keep("flipped.db"), /page \d+ is not what was written/, "even when it is back");
      rmSync(place("flipped.db-seal"));
    }
  });

  it("finds a byte that changes while it is open, within one round", () => {
    const kept = keep("a.db");
    write(kept, 50, 3_000);
    close(kept);
    const again = keep("a.db");
    for (let stretch = 0; stretch < 5; stretch++) again.verifyStretch();
    flip("a.db", 3 * PAGE_BYTES + 77);
    assert.throws(() => again.verifyStretch(), /page 4 is not what was written/);
  });

  it("folds its log in as it grows, and every page is still known after it", () => {
    const kept = keep("a.db");
    write(kept, 60, 300_000);
    assert.ok(statSync(place("a.db-wal")).size < 8 * 2 ** 20, "the log began anew");
    assert.ok(statSync(place("a.db")).size > 10 * 2 ** 20);
    for (let stretch = 0; stretch < 50; stretch++) kept.verifyStretch();
    copy("a.db", "killed.db");
    const again = keep("killed.db");
    assert.equal(rows(again), 60);
    assert.deepEqual(alarms, []);
  });

  it("takes a log that another program folded in, after SQLite's own check, and says so", () => {
    const kept = keep("a.db");
    write(kept, 20, 3_000);
    copy("a.db", "looked-at.db");
    const other = openDatabase(place("looked-at.db"));
    other.prepare("SELECT count(*) FROM t").get();
    other.close();
    assert.ok(!existsSync(place("looked-at.db-wal")));
    const again = keep("looked-at.db");
    assert.equal(rows(again), 20);
    assert.deepEqual(alarms, ["store-folded-by-another"]);
    close(again);
    alarms = [];
    keep("looked-at.db");
    assert.deepEqual(alarms, [], "once is enough");
  });

  it("learns a file anew that a tool has written", () => {
    const kept = keep("a.db");
    write(kept, 5);
    close(kept);
    const tool = openStore(place("a.db"), "audit");
    tool.exec("DELETE FROM t");
    tool.close();
    const again = keep("a.db");
    assert.equal(rows(again), 0);
    assert.deepEqual(alarms, []);
  });
});
