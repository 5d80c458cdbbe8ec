import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import type { Random } from "../base/random.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { Log } from "../telemetry/log.ts";
import { startInProcess } from "./in-process.ts";
import type { JobKind } from "./job-kind.ts";

/** What drains the outbox. */
export interface Jobs {
  /** Looks at the outbox soon: something may have been added. Costs its caller nothing, and asks nobody anything. */
  wake(): void;
  /** Lets the jobs in hand finish and begins no other; what waits stays in the outbox for the next start. */
  stop(): Promise<void>;
}

export interface JobsNeeds {
  /** The index, for reading. */
  readonly readDb: Database;
  /** Of the store `index`. */
  readonly executor: StoreExecutor;
  readonly clock: Clock;
  readonly random: Random;
  readonly kinds: readonly JobKind[];
  /** Retries, jobs given up, a store or a Redis that does not work. A job given up stays in the outbox. */
  readonly log: Log;
}

/** A Redis that hands the jobs out. */
export interface RedisOrder {
  readonly url: Concealed<URL>;
  /** The node's own queue: nodes may share a Redis. Letters, digits and hyphens. */
  readonly queue: string;
  /** How long a worker may be silent before its job is given to another, milliseconds; 30,000 where absent. */
  readonly lockMs?: number;
}

/**
 * Drains the outbox: in this process, or through BullMQ where there is a Redis. Each job is done at least once, and its
 * effect, written together with `finishJob`, exactly once.
 *
 * @throws {Failure} `configuration`: this Redis may forget jobs (its eviction policy is not `noeviction`), or is too old.
 */
export async function startJobs(needs: JobsNeeds, redis?: RedisOrder): Promise<Jobs> {
  if (redis === undefined) return startInProcess(needs);
  const { startBullmq } = await import("./bullmq.ts"); // only then: a node without a Redis stays small
  return startBullmq(needs, redis);
}
