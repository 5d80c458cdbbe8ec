import { drain } from "./in-process.ts";
import type { Jobs, JobsNeeds, RedisOrder } from "./jobs.ts";
import { makeQueueSender } from "./queue-sender.ts";
import { startQueueWorker } from "./queue-worker.ts";
import { startRounds } from "./rounds.ts";
import { makeTries, type Tries } from "./tries.ts";

/** So many jobs are in Redis at most; the rest waits in the outbox. Bounds Redis' memory and what a sweep sends. */
const IN_REDIS_MAX = 256;

/** How often all jobs that should be in Redis are handed to it again, with up to a third less: it may have lost them. */
const SWEEP_MS = 15_000;

/** How soon a Redis that took no jobs is tried again, with up to a half less. */
const AWAY_MS = 3_000;

/** A worker that took nothing for so long, while jobs wait in Redis, is replaced, and the jobs are done in this process. */
const STUCK_MS = 10_000;

/**
 * Drains the outbox through BullMQ. The outbox is the truth: a round copies what is due into Redis, the worker takes it
 * from there and looks it up in the outbox again. Where Redis is away, full or stuck, the round does the jobs itself.
 *
 * @throws {Failure} `configuration`: this Redis may not hold jobs.
 */
export async function startBullmq(needs: JobsNeeds, redis: RedisOrder): Promise<Jobs> {
  const { clock, random, log } = needs;
  const tries = makeTries(needs);
  const sender = makeQueueSender(redis, {
    clock,
    random,
    onWarning: (text) => log.warn("redis-not-durable", { text }),
  });
  try {
    await sender.firstLook();
  } catch (thrown) {
    await sender.close();
    throw thrown;
  }

  let stopped = false;
  const worker = startQueueWorker(redis, {
    clock,
    random,
    onEmpty: () => rounds.wake(),
    async run(ref) {
      const job = stopped ? undefined : tries.find(ref);
      if (job === undefined) return; // done meanwhile, or not due yet: the outbox knows
      await tries.make(job).catch((thrown: unknown) => log.error("outbox-unavailable", thrown));
    },
  });
  const copy = makeCopy(tries, needs, sender.send);
  const rounds: Jobs = startRounds(async (stopping) => {
    if (!(await copy.handOver())) return drain(tries, stopping);
    if (Math.min(copy.waitingMs(), worker.idleMs()) < STUCK_MS) return;
    log.warn("redis-worker-replaced", { idleMs: Math.round(worker.idleMs()) });
    worker.replace();
    await drain(tries, stopping);
  }, needs);

  return {
    wake: rounds.wake,
    async stop() {
      stopped = true;
      await rounds.stop();
      await tries.settled();
      await worker.stop();
      await sender.close();
    },
  };
}

/** What this process believes to be in Redis. */
interface Copy {
  /** Hands over what is due and not there. False where Redis does not take it. */
  handOver(): Promise<boolean>;
  /** How long there has been something, milliseconds. */
  waitingMs(): number;
}

function makeCopy(
  tries: Tries,
  { clock, random, log }: JobsNeeds,
  send: (jobs: ReturnType<Tries["due"]>) => Promise<void>,
): Copy {
  /** By row, the try that was handed over last. */
  let sent: ReadonlyMap<number, number> = new Map();
  let sinceMs = clock.monotonicMs();
  let sweepAtMs = 0;
  let away = false;
  let askAgainAtMs = 0;

  async function handOverAt(nowMs: number): Promise<void> {
    const due = tries.due(IN_REDIS_MAX);
    const isSweep = nowMs >= sweepAtMs;
    await send(isSweep ? due : due.filter(({ id, attempts }) => sent.get(id) !== attempts));
    if (isSweep) sweepAtMs = nowMs + SWEEP_MS * (1 - random.fraction() / 3);
    if (sent.size === 0) sinceMs = nowMs;
    sent = new Map(due.map(({ id, attempts }) => [id, attempts]));
  }

  return {
    async handOver() {
      const nowMs = clock.monotonicMs();
      if (nowMs < askAgainAtMs) return false;
      try {
        await handOverAt(nowMs);
        if (away) log.info("redis-back");
        away = false;
        return true;
      } catch (thrown) {
        if (!away) log.error("redis-away", thrown);
        away = true;
        sent = new Map();
        askAgainAtMs = nowMs + AWAY_MS * (1 - random.fraction() / 2);
        return false;
      }
    },
    waitingMs: () => (sent.size === 0 ? 0 : clock.monotonicMs() - sinceMs),
  };
}
