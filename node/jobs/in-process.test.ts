import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";
import { z } from "zod";

import { Failure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { enqueue, makeHandlers } from "../storage/outbox.ts";
import { type LogFields, silentLog } from "../telemetry/log.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { defineJob, type JobContext, type JobKind } from "./job-kind.ts";
import { startInProcess } from "./in-process.ts";
import type { Jobs } from "./jobs.ts";
import { ATTEMPTS_MAX, JOB_TIME_MAX_MS } from "./tries.ts";

describe("draining the outbox in process", () => {
  let folder: string;
  let db: Database;
  let readDb: Database;
  let executor: StoreExecutor;
  let clock: FakeClock;
  let faults: string[];
  let workers: Jobs[];
  /** The number of each job that was run, and when, in milliseconds from the start. */
  let runs: { n: string; atMs: number }[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-jobs-"));
    db = openStore(join(folder, "index.db"), "index");
    executor = makeInlineExecutor(db, makeHandlers(db));
    readDb = openDatabase(join(folder, "index.db"), { readonly: true });
    clock = makeFakeClock();
    [faults, workers, runs] = [[], [], []];
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await executor.close();
    readDb.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const counting = (run: (n: string, context: JobContext) => Promise<void> | void = () => undefined): JobKind =>
    defineJob("count", z.strictObject({ n: z.string() }), async ({ n }, context) => {
      runs.push({ n, atMs: clock.monotonicMs() });
      await run(n, context);
    });
  const start = (kinds: readonly JobKind[], through: StoreExecutor = executor): Jobs => {
    const log = {
      ...silentLog,
      error: (event: string, _thrown: unknown, { id }: LogFields = {}) =>
        void faults.push(id === undefined ? event : `${event} ${id}`),
    };
    const worker = startInProcess({ readDb, executor: through, clock, random: seededRandom(1), kinds, log });
    workers.push(worker);
    return worker;
  };
  const add = (n: string): void => enqueue(db, { kind: "count", key: `key-${n}`, payload: { n } });
  const numbers = (): string[] => runs.map(({ n }) => n);
  const times = (): number[] => runs.map(({ atMs }) => atMs);
  const outbox = (): unknown[] => readDb.prepare("SELECT key, attempts, dead FROM outbox ORDER BY id").all();

  const done = (): unknown[] => readDb.prepare("SELECT key FROM job_done").pluck().all();

  it("does what waits, oldest first, and then no more", async () => {
    for (const n of ["1", "2", "3"]) add(n);
    start([counting()]);
    await clock.advance(10_000);
    assert.deepEqual(numbers(), ["1", "2", "3"]);
    assert.deepEqual(outbox(), []);
    assert.deepEqual(faults, []);
  });

  it("finds a job within a second, or at once when it is woken", async () => {
    const worker = start([counting()]);
    await clock.advance(100);
    add("1");
    await clock.advance(900);
    assert.deepEqual(times(), [1_000]);
    add("2");
    worker.wake();
    await clock.advance(1);
    assert.deepEqual(times(), [1_000, 1_000]);
  });

  it("does not do again what was done, when it is asked for again", async () => {
    add("1");
    start([counting()]);
    await clock.advance(10);
    add("1");
    await clock.advance(5_000);
    assert.deepEqual(numbers(), ["1"]);
  });

  it("forgets after thirty days what was done", async () => {
    add("1");
    start([counting()]);
    await clock.advance(10);
    assert.deepEqual(done(), ["key-1"]);
    clock = makeFakeClock(clock.wallMs() + 31 * 24 * 3_600_000);
    add("2");
    start([counting()]);
    await clock.advance(10);
    assert.deepEqual(done(), ["key-2"]);
  });

  it("tries a failing job again after growing pauses, and lets the others pass", async () => {
    add("1");
    add("2");
    let left = 3;
    start([
      counting((n) => {
        if (n === "1" && left-- > 0) throw new Failure("unreachable", "Not now.");
      }),
    ]);
    await clock.advance(20_000);
    assert.deepEqual(numbers(), ["1", "2", "1", "1", "1"]);
    assert.deepEqual(times(), [0, 0, 1_000, 3_000, 7_000]);
    assert.deepEqual(faults, ["job-retried 1", "job-retried 1", "job-retried 1"]);
    assert.deepEqual(outbox(), []);
  });

  it("gives a job up after its last try, keeps it, and tells why without what was thrown", async () => {
    add("1");
    start([
      counting(() => {
        throw new Error("something of somebody's");
      }),
    ]);
    await clock.advance(10 * 60_000);
    assert.equal(runs.length, ATTEMPTS_MAX);
    assert.equal(faults.at(-1), "job-given-up 1");
    const [row] = outbox() as { attempts: number; dead: string }[];
    assert.equal(row?.attempts, ATTEMPTS_MAX);
    assert.match(row?.dead ?? "", /went wrong/);
    assert.doesNotMatch(row?.dead ?? "", /somebody/);
  });

  it("gives up at once what no trying can mend: a payload of another form, a kind that it does not know", async () => {
    enqueue(db, { kind: "count", key: "a", payload: { m: "1" } });
    enqueue(db, { kind: "unheard-of", key: "b", payload: {} });
    db.prepare("INSERT INTO outbox (kind, key, payload) VALUES ('count', 'c', '{')").run();
    add("4");
    start([counting()]);
    await clock.advance(10);
    assert.deepEqual(faults, ["job-given-up 1", "job-given-up 2", "job-given-up 3"]);
    assert.deepEqual(numbers(), ["4"]);
  });

  it("ends a job that takes too long, and goes on", async () => {
    let aborted = 0;
    add("1");
    add("2");
    start([
      counting(async (n, { signal }) => {
        if (n !== "1" || aborted > 0) return;
        signal.addEventListener("abort", () => aborted++);
        await new Promise(() => undefined);
      }),
    ]);
    await clock.advance(JOB_TIME_MAX_MS + 5_000);
    assert.equal(aborted, 1);
    assert.deepEqual(numbers(), ["1", "2", "1"]);
    assert.deepEqual(outbox(), []);
  });

  it("leaves no timer behind for a job that was done in time", async () => {
    add("1");
    const worker = start([counting()]);
    await clock.advance(10);
    await worker.stop();
    assert.equal(clock.pending(), 0);
  });

  it("stops after the job in hand; the next start does the rest", async () => {
    const gate = Promise.withResolvers<void>();
    add("1");
    add("2");
    const worker = start([counting(() => gate.promise)]);
    await clock.advance(10);
    const stopped = worker.stop();
    gate.resolve();
    await stopped;
    await clock.advance(5_000);
    assert.deepEqual(numbers(), ["1"]);
    start([counting()]);
    await clock.advance(10);
    assert.deepEqual(numbers(), ["1", "2"]);
  });

  it("does a job again, under the same key, when its success could not be written", async () => {
    const keys: string[] = [];
    let refusals = 1;
    const refusing: StoreExecutor = {
      run: (name, payload) =>
        name === "outbox.done" && refusals-- > 0
          ? Promise.reject(new Failure("store-unavailable", "Not now."))
          : executor.run(name, payload),
      close: () => executor.close(),
    };
    add("1");
    start([counting((_, { key }) => void keys.push(key))], refusing);
    await clock.advance(5_000);
    assert.deepEqual(keys, ["key-1", "key-1"]);
    assert.deepEqual(faults, ["outbox-unavailable"]);
    assert.deepEqual(outbox(), []);
  });

  it("does not leave a job lying because the clock has gone back", async () => {
    add("1");
    db.prepare("UPDATE outbox SET due_at_ms = ?").run(clock.wallMs() + 3_600_000);
    start([counting()]);
    await clock.advance(10);
    assert.deepEqual(numbers(), ["1"]);
  });
});
