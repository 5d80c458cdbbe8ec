import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { CommandHandlers } from "./executor.ts";

/** Work to be done after the transaction that asks for it. */
export interface Job {
  readonly kind: string;
  /** What makes it the same job: enqueued twice, it is done once. */
  readonly key: string;
  /** Ids only: whoever reads the queue learns nothing about a person. */
  readonly payload: Readonly<Record<string, string>>;
}

declare module "./executor.ts" {
  interface StoreCommands {
    /** The job was done; done jobs older than `forgetBeforeMs` are forgotten. */
    "outbox.done": { payload: { id: number; nowMs: number; forgetBeforeMs: number }; result: null };
    /** The job failed and is to be tried again; its count of attempts goes up. */
    "outbox.retry": { payload: { id: number; dueAtMs: number }; result: null };
    /** The job is given up; it stays for people to look at. */
    "outbox.give-up": { payload: { id: number; why: string }; result: null };
  }
}

/** Done jobs forgotten at a time, so that no commit waits for a long clean-up. */
const FORGET_AT_A_TIME = 100;

/**
 * Writes a job in the transaction that is its cause, so that the two are kept or lost together. Called by command
 * handlers only. A job that waits already, or that was done, is not added again.
 */
export function enqueue(db: Database, job: Job): void {
  for (const value of [job.key, ...Object.values(job.payload)]) {
    check(NhsNumber.parse(value) === undefined, `the job ${job.kind} carries ids, never a patient's number`);
  }
  db.prepare(
    `INSERT INTO outbox (kind, key, payload)
     SELECT :kind, :key, :payload WHERE NOT EXISTS (SELECT 1 FROM job_done WHERE kind = :kind AND key = :key)
     ON CONFLICT (kind, key) DO NOTHING`,
  ).run({ kind: job.kind, key: job.key, payload: JSON.stringify(job.payload) });
}

/**
 * Says that a job is done, in the transaction of its effect. Called by command handlers only.
 *
 * @returns false where it was done before: then its effect has been written, and is not to be written again.
 */
export function finishJob(db: Database, job: Pick<Job, "kind" | "key">, nowMs: number): boolean {
  const marked = db
    .prepare("INSERT OR IGNORE INTO job_done (kind, key, done_at_ms) VALUES (:kind, :key, :nowMs)")
    .run({ kind: job.kind, key: job.key, nowMs });
  db.prepare("DELETE FROM outbox WHERE kind = :kind AND key = :key").run({ kind: job.kind, key: job.key });
  return marked.changes === 1;
}

/** Handlers of the worker's own commands. */
export function makeHandlers(db: Database): CommandHandlers {
  const markDone = db.prepare(
    "INSERT OR IGNORE INTO job_done (kind, key, done_at_ms) SELECT kind, key, :nowMs FROM outbox WHERE id = :id",
  );
  const remove = db.prepare("DELETE FROM outbox WHERE id = :id");
  const forget = db.prepare(
    `DELETE FROM job_done WHERE (kind, key) IN
       (SELECT kind, key FROM job_done WHERE done_at_ms < ? ORDER BY done_at_ms LIMIT ${FORGET_AT_A_TIME})`,
  );
  const retry = db.prepare("UPDATE outbox SET attempts = attempts + 1, due_at_ms = :dueAtMs WHERE id = :id");
  const giveUp = db.prepare("UPDATE outbox SET attempts = attempts + 1, dead = :why WHERE id = :id");
  return {
    "outbox.done": ({ id, nowMs, forgetBeforeMs }) => {
      markDone.run({ id, nowMs });
      remove.run({ id });
      forget.run(forgetBeforeMs);
      return null;
    },
    "outbox.retry": (payload) => {
      retry.run(payload);
      return null;
    },
    "outbox.give-up": (payload) => {
      giveUp.run(payload);
      return null;
    },
  };
}
