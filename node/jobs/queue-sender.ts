import { once } from "node:events";

import { type JobsOptions, Queue } from "bullmq";

import type { Clock } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { RedisOrder } from "./jobs.ts";
import { checkRedis, makeProducerClient, placeOf } from "./redis-client.ts";
import type { JobRef, WaitingJob } from "./tries.ts";

/** Before the names of all that Corridor keeps in a Redis. */
export const KEY_PREFIX = "corridor";

/** BullMQ tells of each step of a job in a stream that nobody reads here; it is kept short. */
const EVENTS_KEPT = 100;

/** How long a start waits for Redis. */
const FIRST_LOOK_MS = 2_000;

/** Hands jobs to Redis. */
export interface QueueSender {
  /**
   * Looks at Redis for the first time. One that does not answer is looked at again when a job is handed to it.
   *
   * @throws {Failure} `configuration`: see {@link checkRedis}.
   */
  firstLook(): Promise<void>;
  /**
   * Hands jobs to Redis; those that it has already, it does not take twice. None is too few: then it is only seen that
   * Redis is there, has not changed, and takes jobs.
   *
   * @throws {Failure} `configuration`, `overloaded`, `unreachable`: some may have been taken.
   */
  send(jobs: readonly WaitingJob[]): Promise<void>;
  close(): Promise<void>;
}

export interface QueueSenderNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Told once what is not as it should be. */
  readonly onWarning: (warning: string) => void;
}

export function makeQueueSender({ url, queue: name }: RedisOrder, needs: QueueSenderNeeds): QueueSender {
  const place = placeOf(url.expose());
  const client = makeProducerClient(url.expose(), needs.random);
  const queue = new Queue<JobRef, void>(name, {
    connection: client,
    prefix: KEY_PREFIX,
    skipVersionCheck: true, // looked at in checkRedis; here one that does not answer would be held against it for ever
    skipWaitingForReady: true,
    streams: { events: { maxLen: EVENTS_KEPT } },
  });
  queue.on("error", () => {}); // whoever sends is told
  let checked = false;
  let warned: string | undefined;
  client.on("close", () => (checked = false));

  async function check(): Promise<void> {
    const warning = await checkRedis(client, place);
    checked = true;
    if (warning !== undefined && warning !== warned) needs.onWarning(warning);
    warned = warning;
  }
  const away = (thrown: unknown): Failure => {
    if (thrown instanceof Failure) return thrown;
    return new Failure("unreachable", `Redis at ${place} takes no jobs (${reasonIn(thrown)}).`, { where: "redis.url" });
  };

  return {
    async firstLook() {
      const late = new AbortController();
      const timer = needs.clock.after(FIRST_LOOK_MS, () => late.abort());
      try {
        await once(client, "ready", { signal: late.signal });
        await check();
      } catch (thrown) {
        if (thrown instanceof Failure && thrown.code === "configuration") throw thrown;
      } finally {
        timer.cancel();
      }
    },
    async send(jobs) {
      try {
        if (!checked) await check();
        if (jobs.length > 0) await queue.addBulk(jobs.map(asQueueJob));
      } catch (thrown) {
        checked = false;
        throw away(thrown);
      }
    },
    async close() {
      client.disconnect();
      await queue.close().catch(() => {});
    },
  };
}

/**
 * Ids only. The id is that of one try of one row: Redis takes it once. Nothing that is finished is kept there: it would
 * stand in the way of the same id, and the outbox knows better.
 */
function asQueueJob({ id, key, kind, attempts }: WaitingJob): {
  name: string;
  data: JobRef;
  opts: JobsOptions;
} {
  return {
    name: kind,
    data: { id, key },
    opts: { jobId: `row-${id}-try-${attempts}`, removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 },
  };
}

/** The client's own words for what is wrong; its errors hold no address, user or password but in other fields. */
function reasonIn(thrown: unknown): string {
  const { message } = thrown instanceof Error ? thrown : asFailure(thrown);
  return message === "" ? "no connection" : message;
}
