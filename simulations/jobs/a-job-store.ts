import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";
import { z } from "zod";

import { type Clock, systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { defineJob, type JobContext, type JobKind } from "../../node/jobs/job-kind.ts";
import type { JobsNeeds } from "../../node/jobs/jobs.ts";
import { openDatabase, openStore } from "../../node/storage/database.ts";
import type { StoreExecutor } from "../../node/storage/executor.ts";
import { makeInlineExecutor } from "../../node/storage/inline-executor.ts";
import { enqueue, finishJob, makeHandlers } from "../../node/storage/outbox.ts";
import type { Log, LogFields } from "../../node/telemetry/log.ts";

declare module "../../node/storage/executor.ts" {
  interface StoreCommands {
    /** The effect of a trial's job: a row more, in the transaction that says that the job is done. */
    "trial.effect": { payload: { readonly key: string; readonly nowMs: number }; result: null };
  }
}

const EFFECT = "effect";

/** A real index with an outbox, and jobs whose effect can be counted. */
export interface JobStore {
  readonly folder: string;
  readonly db: Database;
  readonly executor: StoreExecutor;
  /** What was logged: the event, and the job's id where it is of one. */
  readonly logged: string[];
  /** The keys of the jobs that were run, in the order in which they were begun. */
  readonly runs: string[];
  needs(clock?: Clock, kinds?: readonly JobKind[]): JobsNeeds;
  /** A kind of job that does this, and then writes its effect. */
  kind(run?: (key: string, context: JobContext) => Promise<void> | void): JobKind;
  /** Adds jobs `from` to `from + count - 1`, in one transaction. */
  add(count: number, from?: number): void;
  /** Adds one of any kind. */
  addOne(kind: string, key: string, payload?: Readonly<Record<string, string>>): void;
  /** How many jobs wait; those that were given up do not. */
  waiting(): number;
  /** How often each job took effect: keys by count. */
  effects(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** @param at opens the store of a folder that is there already, beside whoever has it open. */
export function openJobStore(at?: string): JobStore {
  const folder = at ?? mkdtempSync(join(tmpdir(), "corridor-jobs-"));
  const path = join(folder, "index.db");
  const db = openStore(path, "index");
  db.exec("CREATE TABLE IF NOT EXISTS effect (key TEXT NOT NULL) STRICT");
  const insert = db.prepare("INSERT INTO effect (key) VALUES (?)");
  const executor = makeInlineExecutor(db, {
    ...makeHandlers(db),
    "trial.effect": ({ key, nowMs }) => {
      if (finishJob(db, { kind: EFFECT, key }, nowMs)) insert.run(key);
      return null;
    },
  });
  const readDb = openDatabase(path, { readonly: true });
  const logged: string[] = [];
  const runs: string[] = [];
  const log = logTo(logged);
  const kind: JobStore["kind"] = (run) =>
    defineJob(EFFECT, z.strictObject({ n: z.string() }), async (_, context) => {
      runs.push(context.key);
      await run?.(context.key, context);
      await executor.run("trial.effect", { key: context.key, nowMs: systemClock.wallMs() });
    });
  const count = readDb.prepare<[], number>("SELECT count(*) FROM outbox WHERE dead IS NULL").pluck();
  const counts = readDb.prepare<[], [string, number]>("SELECT key, count(*) FROM effect GROUP BY key").raw();
  return {
    ...{ folder, db, executor, logged, runs, kind },
    needs: (clock = systemClock, kinds = [kind()]) => ({ readDb, executor, clock, random: systemRandom, kinds, log }),
    add: db.transaction((more: number, from: number = 0) => {
      for (let n = from; n < from + more; n++)
        enqueue(db, { kind: EFFECT, key: `job-${n}`, payload: { n: String(n) } });
    }),
    addOne: (name, key, payload = {}) => enqueue(db, { kind: name, key, payload }),
    waiting: () => count.get() ?? 0,
    effects: () => new Map(counts.all()),
    async close() {
      await executor.close();
      readDb.close();
      if (at === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The machine's clock, for which so many seconds pass in each: what takes minutes is seen in seconds. */
export function hurriedClock(times: number): Clock {
  const { wallMs, monotonicMs, after, every, sleep, until } = systemClock;
  const startMs = wallMs();
  return {
    wallMs: () => startMs + (wallMs() - startMs) * times,
    monotonicMs: () => monotonicMs() * times,
    after: (ms, callback) => after(ms / times, callback),
    every: (ms, callback) => every(ms / times, callback),
    sleep: (ms, signal) => sleep(ms / times, signal),
    until: (atMs) => until(atMs / times),
  };
}

function logTo(lines: string[]): Log {
  const note = (event: string, { id }: LogFields = {}): void =>
    void lines.push(id === undefined ? event : `${event} ${id}`);
  const log: Log = { info: note, warn: note, error: (event, _, fields) => note(event, fields), with: () => log };
  return log;
}
