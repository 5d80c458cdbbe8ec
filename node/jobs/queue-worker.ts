import { Worker as BullWorker } from "bullmq";
import type { Redis } from "ioredis";
import { z } from "zod";

import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { RedisOrder } from "./jobs.ts";
import { KEY_PREFIX } from "./queue-sender.ts";
import { makeWorkerClient } from "./redis-client.ts";
import type { JobRef } from "./tries.ts";

const LOCK_MS = 30_000;

/** A job whose worker died is looked for so often. */
const STALLED_CHECK_MS = 10_000;

/** How often a job may lose its worker. Far more than it ever will: the outbox counts the tries that failed. */
const STALLED_MAX = 1_000;

/** A worker that Redis keeps from closing is left to itself after this. */
const CLOSE_MS_MAX = 2_000;

/** A queue is a stranger. */
const jobRef = z.strictObject({ id: z.int().positive(), key: z.string() });

/** Takes jobs from Redis, one at a time. */
export interface QueueWorker {
  /** How long it has taken none, milliseconds; 0 while one is in hand. */
  idleMs(): number;
  /** Puts a new worker, with new connections, in the place of one that may have got stuck. */
  replace(): void;
  /** Takes no more. */
  stop(): Promise<void>;
}

export interface QueueWorkerNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Does a job; never rejects. */
  readonly run: (ref: JobRef) => Promise<void>;
  /** Told when Redis has no more jobs. */
  readonly onEmpty: () => void;
}

export function startQueueWorker(order: RedisOrder, needs: QueueWorkerNeeds): QueueWorker {
  const { clock, random, run, onEmpty } = needs;
  const { lockMs = LOCK_MS } = order;
  let inHand = 0;
  let lastAtMs = clock.monotonicMs();

  const take = async ({ data }: { readonly data: unknown }): Promise<void> => {
    const ref = jobRef.safeParse(data);
    if (!ref.success) return; // not one of ours
    inHand++;
    try {
      await run(ref.data);
    } finally {
      inHand--;
      lastAtMs = clock.monotonicMs();
    }
  };
  const start = (): { readonly worker: BullWorker; readonly client: Redis } => {
    lastAtMs = clock.monotonicMs();
    const client = makeWorkerClient(order.url.expose(), random);
    const worker = new BullWorker(order.queue, take, {
      connection: client,
      prefix: KEY_PREFIX,
      skipVersionCheck: true, // looked at in checkRedis
      lockDuration: lockMs,
      stalledInterval: Math.min(STALLED_CHECK_MS, lockMs),
      maxStalledCount: STALLED_MAX,
    });
    worker.on("error", () => {}); // the sender tells of a Redis that does not work; a worker that does not, is replaced
    worker.on("drained", onEmpty);
    return { worker, client };
  };
  const end = async ({ worker, client }: ReturnType<typeof start>): Promise<void> => {
    const closed = worker.close(client.status !== "ready");
    await Promise.race([closed.catch(() => {}), clock.sleep(CLOSE_MS_MAX)]);
    client.disconnect();
  };

  let current = start();
  return {
    idleMs: () => (inHand > 0 ? 0 : clock.monotonicMs() - lastAtMs),
    replace() {
      void end(current);
      current = start();
    },
    stop: () => end(current),
  };
}
