import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { JobsNeeds } from "./jobs.ts";

/** Tries of one job; with the pauses between them about two minutes. Then people must look at it. */
export const ATTEMPTS_MAX = 8;

const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 60_000;

/** A job that takes longer has failed: it is aborted and tried again. */
export const JOB_TIME_MAX_MS = 30_000;

/** Done jobs are remembered so long, so that one that is enqueued again is not done again. */
const REMEMBER_DONE_MS = 30 * 24 * 3_600_000;

/** Which row of the outbox. The key tells whether it is still the same one, where a backup was restored. */
export interface JobRef {
  readonly id: number;
  readonly key: string;
}

/** A row of the outbox. */
export interface WaitingJob extends JobRef {
  readonly kind: string;
  readonly payload: string;
  /** Tries so far. */
  readonly attempts: number;
}

/** Tries jobs of the outbox, whoever says that it is their turn. */
export interface Tries {
  /** What may be tried now, oldest first, so many at most. */
  due(max: number): readonly WaitingJob[];
  /** That job, if it waits and may be tried now. */
  find(ref: JobRef): WaitingJob | undefined;
  /**
   * Tries a job and writes down what became of it: done, to be tried again after a growing pause, or given up. Asked twice
   * at once, it is tried once. Rejects only where the outcome could not be written; then the job is due still.
   */
  make(job: WaitingJob): Promise<void>;
  /** Resolves when no job is in hand. */
  settled(): Promise<void>;
}

export function makeTries(needs: JobsNeeds): Tries {
  const inHand = new Map<number, Promise<void>>();
  return {
    ...makeFinders(needs.readDb, needs.clock),
    make(job) {
      const already = inHand.get(job.id);
      if (already !== undefined) return already;
      const trying = tryOnce(job, needs).finally(() => inHand.delete(job.id));
      inHand.set(job.id, trying);
      return trying;
    },
    async settled() {
      await Promise.allSettled(inHand.values());
    },
  };
}

/**
 * What may be tried now. A job that is due further ahead than any pause lasts was put off by a clock that has since gone
 * back.
 */
function makeFinders(readDb: Database, clock: Clock): Pick<Tries, "due" | "find"> {
  const columns = "SELECT id, kind, key, payload, attempts FROM outbox";
  const mayBeTried = "dead IS NULL AND (due_at_ms <= :nowMs OR due_at_ms > :nowMs + :longestMs)";
  const select = readDb.prepare<{ nowMs: number; longestMs: number; max: number }, WaitingJob>(
    `${columns} WHERE ${mayBeTried} ORDER BY id LIMIT :max`,
  );
  const one = readDb.prepare<{ nowMs: number; longestMs: number } & JobRef, WaitingJob>(
    `${columns} WHERE id = :id AND key = :key AND ${mayBeTried}`,
  );
  const times = () => ({ nowMs: clock.wallMs(), longestMs: RETRY_LONGEST_MS });
  return {
    due: (max) => select.all({ ...times(), max }),
    find: ({ id, key }) => one.get({ ...times(), id, key }),
  };
}

/** Rejects only where it could not be written what became of the job. */
async function tryOnce(job: WaitingJob, needs: JobsNeeds): Promise<void> {
  const { clock, executor } = needs;
  const { id } = job;
  try {
    await runInTime(job, needs);
  } catch (thrown) {
    return writeFailure(job, thrown, needs);
  }
  const nowMs = clock.wallMs();
  await executor.run("outbox.done", { id, nowMs, forgetBeforeMs: nowMs - REMEMBER_DONE_MS });
}

async function writeFailure(job: WaitingJob, thrown: unknown, { clock, executor, log }: JobsNeeds): Promise<void> {
  const { id, kind } = job;
  const attempts = job.attempts + 1;
  const failure = asFailure(thrown);
  if (attempts >= ATTEMPTS_MAX || failure.code === "invalid-input") {
    await executor.run("outbox.give-up", { id, why: failure.message });
    return log.error("job-given-up", thrown, { id, kind, attempts });
  }
  const pauseMs = Math.min(RETRY_FIRST_MS * 2 ** job.attempts, RETRY_LONGEST_MS);
  await executor.run("outbox.retry", { id, dueAtMs: clock.wallMs() + pauseMs });
  log.error("job-retried", thrown, { id, kind, attempts });
}

async function runInTime({ kind, key, payload }: WaitingJob, { clock, kinds }: JobsNeeds): Promise<void> {
  const known = kinds.find(({ name }) => name === kind);
  if (known === undefined) throw new Failure("invalid-input", `This program knows no ${kind} jobs.`);
  const over = new AbortController();
  const done = new AbortController();
  const timeUp = clock.sleep(JOB_TIME_MAX_MS, done.signal).then(() => {
    if (done.signal.aborted) return;
    over.abort();
    throw new Failure("timed-out", `A ${kind} job took longer than ${JOB_TIME_MAX_MS} ms.`);
  });
  const running = known.run(payload, { key, signal: over.signal });
  try {
    await Promise.race([running, timeUp]);
  } finally {
    done.abort();
    running.catch(() => undefined); // it lost the race; its failure has been told as the time limit's
  }
}
