import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, workerData } from "node:worker_threads";

import type { Database } from "better-sqlite3";

import { systemClock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { openDatabase, openStore } from "./database.ts";
import type { CommandHandlers, StoreExecutor } from "./executor.ts";
import { makeInlineExecutor } from "./inline-executor.ts";
import { startThreadExecutor } from "./thread-executor.ts";
import { serveWriter } from "./writer-thread.ts";

// This file is also the writer thread of its own tests, and the process that one of them kills.

declare module "./executor.ts" {
  interface StoreCommands {
    "probe.add": { payload: number; result: number };
    "probe.add-then-fail": { payload: { value: number; how: "failure" | "error" | "promise" }; result: null };
    "probe.add-much": { payload: { value: number; bytes: number }; result: null };
    "probe.pragma": { payload: string; result: null };
    "probe.end-thread": { payload: null; result: null };
  }
}

/** Handlers of a table of numbers, kept in the order in which they came. */
function makeProbeHandlers(db: Database): CommandHandlers {
  db.exec("CREATE TABLE IF NOT EXISTS probe (at INTEGER PRIMARY KEY, value INTEGER NOT NULL, filler BLOB) STRICT");
  const add = db.prepare("INSERT INTO probe (value) VALUES (?)");
  const addMuch = db.prepare("INSERT INTO probe (value, filler) VALUES (?, zeroblob(?))");
  return {
    "probe.add": (value) => Number(add.run(value).lastInsertRowid),
    "probe.add-then-fail": ({ value, how }) => {
      add.run(value);
      if (how === "failure") throw new Failure("not-covered", "Not for this age.", { where: "age" });
      if (how === "error") throw new TypeError("a mistake");
      return Promise.reject(new Error("later")) as never;
    },
    "probe.add-much": ({ value, bytes }) => {
      addMuch.run(value, bytes);
      return null;
    },
    "probe.pragma": (text) => {
      db.pragma(text);
      return null;
    },
    "probe.end-thread": () => process.exit(7),
  };
}

const OWN_FILE = new URL(import.meta.url);
const ACKING_CHILD = "acking-child";

/** Adds numbers for ever and prints each once it is acknowledged. */
async function addForEver(file: string, firstValue: number): Promise<void> {
  const executor = await startThreadExecutor({ file, store: "index", writer: OWN_FILE });
  for (let value = firstValue; ; value += 8) {
    const group = Array.from({ length: 8 }, async (_, at) => {
      await executor.run("probe.add", value + at);
      writeSync(1, `${value + at}\n`);
    });
    await Promise.all(group);
  }
}

if (!isMainThread && (workerData as { store?: string } | null)?.store !== undefined) {
  await serveWriter({ index: async () => [makeProbeHandlers], audit: async () => [] }, systemClock);
} else if (process.argv[2] === ACKING_CHILD) {
  await addForEver(process.argv[3] ?? "", Number(process.argv[4]));
} else {
  describeExecutors();
}

interface StartOptions {
  readonly file: string;
  readonly onFatal?: (failure: Failure) => void;
}
type Start = (options: StartOptions) => Promise<StoreExecutor>;

function startInline({ file, ...options }: StartOptions): Promise<StoreExecutor> {
  const db = openStore(file, "index");
  return Promise.resolve(makeInlineExecutor(db, makeProbeHandlers(db), options));
}

function startThread(options: StartOptions): Promise<StoreExecutor> {
  return startThreadExecutor({ ...options, store: "index", writer: OWN_FILE });
}

function describeExecutors(): void {
  describeExecutor("the inline executor", startInline);
  describeExecutor("the thread executor", startThread);
  describeThread();
}

function describeExecutor(name: string, start: Start): void {
  describe(name, () => {
    const place = useFolder();
    let executor: StoreExecutor;
    let fatal: Failure[];
    beforeEach(async () => {
      fatal = [];
      executor = await start({ file: place.file(), onFatal: (failure) => fatal.push(failure) });
    });
    afterEach(() => executor.close());

    it("runs commands in the order in which they came, and gives each its own result", async () => {
      const values = Array.from({ length: 500 }, (_, at) => at * 3);
      const results = await Promise.all(values.map((value) => executor.run("probe.add", value)));
      assert.deepEqual(
        results,
        values.map((_, at) => at + 1),
      );
      assert.deepEqual(readValues(place.file()), values);
    });

    it("commits the commands of one turn together, and a lone one by itself", async () => {
      await executor.run("probe.add", 0);
      const before = countCommits(place.file());
      await Promise.all(Array.from({ length: 1_000 }, (_, at) => executor.run("probe.add", at)));
      assert.equal(countCommits(place.file()) - before, 1);
      for (let value = 0; value < 5; value++) await executor.run("probe.add", value);
      assert.equal(countCommits(place.file()) - before, 6);
    });

    it("keeps the rest of a group when one of its commands fails", async () => {
      const [first, failed, last] = await Promise.allSettled([
        executor.run("probe.add", 1),
        executor.run("probe.add-then-fail", { value: 2, how: "failure" }),
        executor.run("probe.add", 3),
      ]);
      assert.deepEqual([first.status, failed.status, last.status], ["fulfilled", "rejected", "fulfilled"]);
      assert.deepEqual(readValues(place.file()), [1, 3]);
    });

    it("hands on a handler's failure with its code, message and place", async () => {
      await assert.rejects(executor.run("probe.add-then-fail", { value: 1, how: "failure" }), (thrown: unknown) => {
        assert.ok(thrown instanceof Failure);
        assert.deepEqual([thrown.code, thrown.message, thrown.where], ["not-covered", "Not for this age.", "age"]);
        return true;
      });
    });

    it("calls any other error internal and keeps its cause for the log alone", async () => {
      await assert.rejects(executor.run("probe.add-then-fail", { value: 1, how: "error" }), (thrown: unknown) => {
        assert.ok(thrown instanceof Failure && thrown.cause instanceof Error);
        assert.equal(thrown.code, "internal");
        assert.doesNotMatch(thrown.message, /a mistake/);
        assert.match(thrown.cause.message, /TypeError: a mistake/);
        return true;
      });
      assert.deepEqual(readValues(place.file()), []);
    });

    it("stops at a handler that returns a promise, and keeps nothing of it", async () => {
      await rejectsAsMistake(executor.run("probe.add-then-fail", { value: 1, how: "promise" }), /without waiting/);
      assert.deepEqual(readValues(place.file()), []);
    });

    it("refuses a command that nobody handles", async () => {
      await rejectsAsMistake(executor.run("probe.unknown" as "probe.add", 1), /has a handler for the command/);
    });

    it("refuses a payload that is no data, and takes the others of its turn", async () => {
      const code = (() => 1) as unknown as number;
      const [first, refused, last] = await Promise.allSettled([
        executor.run("probe.add", 1),
        executor.run("probe.add", code),
        executor.run("probe.add", 3),
      ]);
      assert.deepEqual([first.status, refused.status, last.status], ["fulfilled", "rejected", "fulfilled"]);
      assert.deepEqual(readValues(place.file()), [1, 3]);
      assert.deepEqual(fatal, []);
    });

    it("finishes what was accepted before it closes, and takes nothing more", async () => {
      const accepted = Array.from({ length: 3_000 }, (_, at) => executor.run("probe.add", at));
      const closed = executor.close();
      await assert.rejects(executor.run("probe.add", -1), isFailure("store-unavailable"));
      await Promise.all([...accepted, closed]);
      await executor.close();
      assert.equal(readValues(place.file()).length, 3_000);
      assert.deepEqual(fatal, []);
    });

    it("says that it is overloaded rather than let work pile up for ever", async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 33_000 }, (_, at) => executor.run("probe.add", at)),
      );
      const refused = results.filter(({ status }) => status === "rejected");
      assert.equal(refused.length, 33_000 - 32_768);
      for (const result of refused) assert.ok(result.status === "rejected" && isFailure("overloaded")(result.reason));
      assert.equal(readValues(place.file()).length, 32_768);
    });

    it("waits for nobody's lock for ever, and works on when it is gone", async () => {
      await executor.run("probe.pragma", "busy_timeout = 20");
      const other = openDatabase(place.file());
      other.exec("BEGIN IMMEDIATE");
      await assert.rejects(executor.run("probe.add", 1), isFailure("store-unavailable"));
      other.exec("COMMIT");
      other.close();
      await executor.run("probe.add", 2);
      assert.deepEqual(readValues(place.file()), [2]);
      assert.deepEqual(fatal, []);
    });

    it("gives the store up at a full disk: refuses all that follows, and has lost nothing that it acknowledged", async () => {
      const acknowledged: number[] = [];
      await executor.run("probe.pragma", "max_page_count = 100");
      for (let value = 0; fatal.length === 0; value++) {
        const group = [value, value + 1_000].map(async (each) => {
          await executor.run("probe.add-much", { value: each, bytes: 10_000 });
          acknowledged.push(each);
        });
        await Promise.allSettled(group);
        assert.ok(value < 100, "the disk never filled");
      }

      await assert.rejects(executor.run("probe.add", -1), (thrown: unknown) => {
        assert.ok(isFailure("store-unavailable")(thrown));
        assert.match(thrown.message, /SQLITE_FULL.*start the node again/);
        assert.equal(thrown.where, place.file());
        return true;
      });
      await assert.rejects(executor.run("probe.pragma", "max_page_count = 100000"), isFailure("store-unavailable"));
      await executor.close();
      assert.equal(fatal.length, 1);

      const again = await start({ file: place.file() });
      await again.run("probe.add", 7);
      await again.close();
      assert.ok(acknowledged.length > 4, "some were acknowledged");
      assert.deepEqual(readValues(place.file()), [...acknowledged, 7]);
    });
  });
}

function describeThread(): void {
  describe("the thread executor alone", () => {
    const place = useFolder();

    it("rejects everything that waits when its thread dies, and says so once", async () => {
      const fatal: Failure[] = [];
      const executor = await startThread({ file: place.file(), onFatal: (failure) => fatal.push(failure) });
      await executor.run("probe.add", 1);
      const ending = executor.run("probe.end-thread", null);
      await Promise.resolve(); // so that the next ones wait behind a group under way
      await Promise.resolve();
      const waiting = [executor.run("probe.add", 2), executor.run("probe.add", 3)];
      for (const lost of [ending, ...waiting]) await assert.rejects(lost, isFailure("store-unavailable"));
      await assert.rejects(executor.run("probe.add", 4), isFailure("store-unavailable"));
      assert.equal(fatal.length, 1);
      await executor.close();
      assert.deepEqual(readValues(place.file()), [1]);
    });

    it("does not start on a file that it cannot open, and says why", async () => {
      const file = join(place.folder(), "folder.db");
      rmSync(file, { force: true });
      await (await startThread({ file })).close();
      const db = openDatabase(file);
      db.pragma("user_version = 9999");
      db.close();
      await assert.rejects(startThread({ file }), /newer Corridor/);
    });

    it("loses no acknowledged command when its process is killed", async function () {
      this.timeout(30_000);
      const acknowledged: number[] = [];
      for (let round = 0; round < 5; round++) {
        const values = await killWhileAcking(place.file(), round * 1_000_000, 40 + round * 30);
        assert.ok(values.length > 0, "the child acknowledged something");
        acknowledged.push(...values);
        const db = openStore(place.file(), "index");
        db.close();
        const kept = new Set(readValues(place.file()));
        assert.deepEqual(
          acknowledged.filter((value) => !kept.has(value)),
          [],
        );
      }
    });
  });
}

/** Starts the acking child, kills it some time after its first acknowledgement, and gives what it acknowledged. */
async function killWhileAcking(file: string, firstValue: number, afterMs: number): Promise<number[]> {
  const child = spawn(process.execPath, [fileURLToPath(OWN_FILE), ACKING_CHILD, file, String(firstValue)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await once(child.stdout, "data");
  await sleep(afterMs);
  child.kill("SIGKILL");
  await closed;
  const whole = printed.slice(0, printed.lastIndexOf("\n"));
  return whole.split("\n").map(Number);
}

/**
 * Commits in the write-ahead log, read from the file: a frame that ends a transaction carries the size of the database
 * (https://www.sqlite.org/fileformat2.html#walformat).
 */
function countCommits(file: string): number {
  const log = readFileSync(`${file}-wal`);
  const frameBytes = 24 + log.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameBytes <= log.length; at += frameBytes) {
    const isCurrent = log.subarray(at + 8, at + 16).equals(log.subarray(16, 24));
    if (isCurrent && log.readUInt32BE(at + 4) !== 0) commits++;
  }
  return commits;
}

function readValues(file: string): number[] {
  const db = openDatabase(file, { readonly: true });
  const values = db.prepare<[], number>("SELECT value FROM probe ORDER BY at").pluck().all();
  db.close();
  return values;
}

function isFailure(code: Failure["code"]): (thrown: unknown) => thrown is Failure {
  return (thrown): thrown is Failure => thrown instanceof Failure && thrown.code === code;
}

async function rejectsAsMistake(running: Promise<unknown>, what: RegExp): Promise<void> {
  await assert.rejects(running, (thrown: unknown) => {
    assert.ok(isFailure("internal")(thrown) && thrown.cause instanceof Error);
    assert.match(thrown.cause.message, /check failed/);
    assert.match(thrown.cause.message, what);
    return true;
  });
}

/** A folder of its own for each test. */
function useFolder(): { readonly folder: () => string; readonly file: () => string } {
  let folder = "";
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "corridor-executor-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return { folder: () => folder, file: () => join(folder, "index.db") };
}
