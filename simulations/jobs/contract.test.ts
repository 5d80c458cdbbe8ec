import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { z } from "zod";

import { type Clock, systemClock } from "../../node/base/clock.ts";
import { Concealed } from "../../node/base/concealed.ts";
import { Failure } from "../../node/base/failure.ts";
import { type Jobs, type RedisOrder, startJobs } from "../../node/jobs/jobs.ts";
import { ATTEMPTS_MAX, JOB_TIME_MAX_MS } from "../../node/jobs/tries.ts";
import { defineJob, type JobKind } from "../../node/jobs/job-kind.ts";
import type { StoreExecutor } from "../../node/storage/executor.ts";
import { NO_REDIS, startRedis, type TestRedis } from "../testing/a-redis.ts";
import { hurriedClock, type JobStore, openJobStore } from "./a-job-store.ts";

/** Minutes of pauses between tries in seconds, where a test has any. */
const HURRY = 40;

interface Way {
  readonly name: string;
  readonly cannot?: string | undefined;
  readonly setUp: () => Promise<void>;
  readonly order: () => RedisOrder | undefined;
  readonly tearDown: () => Promise<void>;
}

let redis: TestRedis;
let queues = 0;
const WAYS: readonly Way[] = [
  { name: "in process", setUp: async () => {}, order: () => undefined, tearDown: async () => {} },
  {
    name: "by BullMQ",
    cannot: NO_REDIS,
    setUp: async () => void (redis = await startRedis()),
    order: () => ({ url: new Concealed(redis.url), queue: `node-${queues++}` }),
    async tearDown() {
      const keys = await redis.ask((client) => client.keys("corridor:*:events"));
      const events = await redis.ask((client) => Promise.all(keys.map((key) => client.xrange(key, "-", "+"))));
      const handedOut = events.flat().filter(([, fields]) => fields.includes("completed"));
      await redis.stop();
      assert.ok(handedOut.length > 100, `of 600 jobs and more, Redis handed out at least ${handedOut.length}`);
    },
  },
];

for (const way of WAYS) {
  if (way.cannot !== undefined) {
    it.skip(`draining the outbox ${way.name} (skipped since ${way.cannot})`);
    continue;
  }
  describe(`draining the outbox ${way.name}`, () => {
    let store: JobStore;
    let jobs: Jobs | undefined;

    before(way.setUp);
    after(way.tearDown);
    beforeEach(() => {
      store = openJobStore();
    });
    afterEach(async () => {
      await jobs?.stop();
      jobs = undefined;
      await store.close();
    });

    const start = async (kind: JobKind = store.kind(), clock: Clock = systemClock, order = way.order()) => {
      jobs = await startJobs(store.needs(clock, [kind]), order);
    };
    /** What was said of the jobs; of Redis something may be, where the machine is busy. */
    const told = (): readonly string[] => store.logged.filter((event) => !event.startsWith("redis-"));
    const drained = async (): Promise<void> => {
      while (store.waiting() > 0) await sleep(5);
    };
    const once = (count: number): ReadonlyMap<string, number> =>
      new Map(Array.from({ length: count }, (_, n) => [`job-${n}`, 1]));

    it("does each job once, oldest first", async () => {
      store.add(30);
      await start();
      await drained();
      assert.deepEqual(store.effects(), once(30));
      assert.deepEqual(
        store.runs,
        Array.from({ length: 30 }, (_, n) => `job-${n}`),
      );
      assert.deepEqual(told(), []);
    });

    it("finds what was added, woken or not", async () => {
      await start();
      store.add(1);
      await drained();
      store.add(1, 1);
      jobs?.wake();
      await drained();
      assert.deepEqual(store.effects(), once(2));
    });

    it("does more than fits into one round", async () => {
      store.add(600);
      await start();
      await drained();
      assert.deepEqual(store.effects(), once(600));
    }).timeout(60_000);

    it("does not do again what was done, when it is asked for again", async () => {
      store.add(2);
      await start();
      await drained();
      store.add(2);
      assert.equal(store.waiting(), 0);
      assert.deepEqual(store.runs, ["job-0", "job-1"]);
    });

    it("tries a failing job again, and lets the others pass", async () => {
      store.add(3);
      let left = 3;
      await start(
        store.kind((key) => {
          if (key === "job-0" && left-- > 0) throw new Failure("unreachable", "Not now.");
        }),
        hurriedClock(HURRY),
      );
      await drained();
      assert.deepEqual(store.runs, ["job-0", "job-1", "job-2", "job-0", "job-0", "job-0"]);
      assert.deepEqual(told(), ["job-retried 1", "job-retried 1", "job-retried 1"]);
      assert.deepEqual(store.effects(), once(3));
    });

    it("gives a job up after its last try, and keeps it", async () => {
      store.add(1);
      await start(
        store.kind(() => {
          throw new Error("something of somebody's");
        }),
        hurriedClock(HURRY),
      );
      await drained();
      assert.equal(store.runs.length, ATTEMPTS_MAX);
      assert.equal(told().at(-1), "job-given-up 1");
      const row = store.db.prepare("SELECT attempts, dead FROM outbox").get() as { attempts: number; dead: string };
      assert.equal(row.attempts, ATTEMPTS_MAX);
      assert.match(row.dead, /went wrong/);
      assert.doesNotMatch(row.dead, /somebody/);
    });

    it("gives up at once what no trying can mend", async () => {
      store.addOne("effect", "other-form", { m: "1" });
      store.addOne("unheard-of", "unknown");
      await start();
      await drained();
      assert.deepEqual(told(), ["job-given-up 1", "job-given-up 2"]);
    });

    it("ends a job that takes too long, and goes on", async () => {
      store.add(2);
      let aborted = 0;
      await start(
        store.kind(async (key, { signal }) => {
          if (key !== "job-0" || aborted > 0) return;
          signal.addEventListener("abort", () => aborted++);
          await sleep((JOB_TIME_MAX_MS / HURRY) * 1.5);
          throw new Error("never heard of");
        }),
        hurriedClock(HURRY),
      );
      await drained();
      assert.equal(aborted, 1);
      assert.deepEqual(store.effects(), once(2));
    });

    it("does a job again when its success could not be written", async () => {
      store.add(2);
      let refusals = 1;
      const executor: StoreExecutor = {
        run: (name, payload) =>
          name === "outbox.done" && refusals-- > 0
            ? Promise.reject(new Failure("store-unavailable", "Not now."))
            : store.executor.run(name, payload),
        close: () => store.executor.close(),
      };
      const keys: string[] = [];
      const kind = defineJob("effect", z.object({}), async (_, { key }) => void keys.push(key));
      jobs = await startJobs({ ...store.needs(hurriedClock(HURRY), [kind]), executor }, way.order());
      await drained();
      assert.deepEqual(keys.toSorted(), ["job-0", "job-0", "job-1"]);
      assert.deepEqual(told(), ["outbox-unavailable"]);
    });

    it("stops after the job in hand; the next start does the rest", async () => {
      store.add(3);
      const gate = Promise.withResolvers<void>();
      const order = way.order();
      await start(
        store.kind(() => gate.promise),
        systemClock,
        order,
      );
      while (store.runs.length === 0) await sleep(5);
      const stopped = jobs?.stop();
      gate.resolve();
      await stopped;
      assert.deepEqual(store.effects(), once(1));
      await start(store.kind(), systemClock, order);
      await drained();
      assert.deepEqual(store.effects(), once(3));
    });
  });
}
