import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { JobKind } from "./job-kind.ts";

/** Tries of one job; with the pauses between them about two minutes. Then people must look at it. */
export const ATTEMPTS_MAX = 8;

const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 60_000;

/** A job that takes longer has failed: it is aborted and tried again. */
export const JOB_TIME_MAX_MS = 30_000;

/** How soon a job is found that nobody told the worker about. */
const POLL_MS = 1_000;

/** Done jobs are remembered so long, so that one that is enqueued again is not done again. */
const REMEMBER_DONE_MS = 30 * 24 * 3_600_000;

export interface JobWorkerNeeds {
  /** The index, for reading. */
  readonly readDb: Database;
  /** Of the store `index`. */
  readonly executor: StoreExecutor;
  readonly clock: Clock;
  readonly kinds: readonly JobKind[];
  /** For the log and the operator. A job given up stays in the outbox. */
  readonly onFault: (
    event: "job-retried" | "job-given-up" | "outbox-unavailable",
    thrown: unknown,
    job?: JobName,
  ) => void;
}

/** Which job, without its payload. */
export interface JobName {
  readonly id: number;
  readonly kind: string;
  readonly attempts: number;
}

export interface JobWorker {
  /** Looks at the outbox now: something may have been added. */
  wake(): void;
  /** Lets the job in hand finish and begins no other; what waits stays in the outbox for the next start. */
  stop(): Promise<void>;
}

interface WaitingJob extends JobName {
  readonly key: string;
  readonly payload: string;
}

/**
 * Drains the outbox in this process, one job at a time, oldest first. Each is done at least once: a job whose success
 * could not be written down is done again. One that fails is tried again after a growing pause, then given up.
 */
export function startJobWorker(needs: JobWorkerNeeds): JobWorker {
  const { clock } = needs;
  const nextDue = makeNextDue(needs.readDb, clock);
  const stopping = new AbortController();
  let draining: Promise<void> | undefined;
  let wakeAgain = false;

  const drain = async (): Promise<void> => {
    try {
      for (let job = nextDue(); job !== undefined && !stopping.signal.aborted; job = nextDue()) await work(job, needs);
    } catch (thrown) {
      needs.onFault("outbox-unavailable", thrown); // tried again at the next poll
    }
    draining = undefined;
    if (wakeAgain) wake();
  };
  const wake = (): void => {
    wakeAgain = draining !== undefined;
    if (!stopping.signal.aborted && draining === undefined) draining = Promise.resolve().then(drain);
  };

  const polling = clock.every(POLL_MS, wake);
  wake();
  return {
    wake,
    async stop() {
      stopping.abort();
      polling.cancel();
      await draining;
    },
  };
}

/**
 * The oldest job that may be tried now. One that is due further ahead than any pause lasts was put off by a clock that
 * has since gone back.
 */
function makeNextDue(readDb: Database, clock: Clock): () => WaitingJob | undefined {
  const select = readDb.prepare<{ nowMs: number; longestMs: number }, WaitingJob>(
    `SELECT id, kind, key, payload, attempts FROM outbox
     WHERE dead IS NULL AND (due_at_ms <= :nowMs OR due_at_ms > :nowMs + :longestMs)
     ORDER BY id LIMIT 1`,
  );
  return () => select.get({ nowMs: clock.wallMs(), longestMs: RETRY_LONGEST_MS });
}

/** Does one job and writes down what became of it. Rejects only where that could not be written. */
async function work(job: WaitingJob, needs: JobWorkerNeeds): Promise<void> {
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

async function writeFailure(job: WaitingJob, thrown: unknown, needs: JobWorkerNeeds): Promise<void> {
  const { clock, executor, onFault } = needs;
  const { id, kind } = job;
  const attempts = job.attempts + 1;
  const failure = asFailure(thrown);
  if (attempts >= ATTEMPTS_MAX || failure.code === "invalid-input") {
    await executor.run("outbox.give-up", { id, why: failure.message });
    return onFault("job-given-up", thrown, { id, kind, attempts });
  }
  const pauseMs = Math.min(RETRY_FIRST_MS * 2 ** job.attempts, RETRY_LONGEST_MS);
  await executor.run("outbox.retry", { id, dueAtMs: clock.wallMs() + pauseMs });
  onFault("job-retried", thrown, { id, kind, attempts });
}

async function runInTime({ kind, key, payload }: WaitingJob, { clock, kinds }: JobWorkerNeeds): Promise<void> {
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
