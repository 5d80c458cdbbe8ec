import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

import { type Clock, systemClock } from "../../node/base/clock.ts";
import { Concealed } from "../../node/base/concealed.ts";
import { Failure } from "../../node/base/failure.ts";
import { seededRandom } from "../../node/base/random.ts";
import { crc32 } from "node:zlib";
import { type Jobs, startJobs } from "../../node/jobs/jobs.ts";
import { ATTEMPTS_MAX } from "../../node/jobs/tries.ts";
import { NO_REDIS, startRedis, type TestRedis } from "../testing/a-redis.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { hurriedClock, type JobStore, openJobStore } from "./a-job-store.ts";

const JOBS = 200;
/** A trial's lock: a job whose worker is gone is looked for after it. */
const LOCK_MS = 1_000;
const WORKER = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
/** Within which Redis' queue is whole again, and its workers at work. */
const RESUMED_MS_MAX = 30_000;

describe("jobs through a Redis in trouble", () => {
  let redis: TestRedis;
  let store: JobStore;
  let jobs: Jobs | undefined;
  let queues = 0;
  let queue: string;

  const cannot = NO_REDIS;
  before(async () => {
    if (cannot === undefined) redis = await startRedis();
  });
  after(() => redis?.stop());

  /** A fresh store and queue for one trial, and the end of both whatever becomes of it. */
  const trial = async (run: () => Promise<void>): Promise<void> => {
    store = openJobStore();
    queue = `node-${queues++}`;
    try {
      await run();
    } finally {
      await jobs?.stop();
      jobs = undefined;
      await store.close();
    }
  };
  const start = async (clock: Clock = systemClock, work?: (key: string) => Promise<void> | void): Promise<void> => {
    const order = { url: new Concealed(redis.url), queue, lockMs: LOCK_MS };
    jobs = await startJobs(store.needs(clock, [store.kind(work)]), order);
  };
  const until = async (holds: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<number> => {
    const fromMs = performance.now();
    while (!(await holds())) {
      const tookMs = performance.now() - fromMs;
      assert.ok(tookMs < withinMs, `${what} within ${withinMs} ms; logged: ${store.logged.join(", ")}`);
      await sleep(5);
    }
    return performance.now() - fromMs;
  };
  const drained = (withinMs?: number): Promise<number> => until(() => store.waiting() === 0, "all is done", withinMs);
  const assertOnce = (count: number): void => {
    const effects = store.effects();
    assert.equal(effects.size, count, "every job took effect");
    assert.deepEqual(
      [...effects.values()].filter((times) => times !== 1),
      [],
      "none took effect twice",
    );
    assert.equal(store.db.prepare("SELECT count(*) FROM outbox").pluck().get(), 0, "none was given up");
  };
  /** Jobs that Redis' worker finished since a moment of Redis' own clock. */
  const finishedSince = (fromMs: number): Promise<number> =>
    redis.ask(async (client) => {
      const events = await client.xrange(`corridor:${queue}:events`, fromMs, "+");
      return events.filter(([, fields]) => fields.includes("completed")).length;
    });
  /** Redis has nothing left that waits or that a worker is at. */
  const emptied = (): Promise<boolean> =>
    redis.ask(async (client) => {
      const [wait, active] = await Promise.all(
        ["wait", "active"].map((list) => client.llen(`corridor:${queue}:${list}`)),
      );
      return wait === 0 && active === 0;
    });

  catalogueRow(
    { id: "Q1", title: "loses and doubles nothing where Redis is killed in mid-flow", quick: 2, full: 50, cannot },
    async (trials) => {
      let tries = 0;
      for (const n of trials) {
        const random = seededRandom(crc32(trials.seed(n)));
        await trial(async () => {
          store.add(JOBS);
          await start();
          const killAt = 1 + Math.floor(random.fraction() * (JOBS - 20));
          await until(() => store.effects().size >= killAt, "jobs are being done");
          await redis.kill();
          await sleep(random.fraction() * 400);
          store.add(JOBS / 4, JOBS);
          await redis.start();
          await drained();
          await until(emptied, "what Redis handed out before has come back"); // and been found done
          assertOnce(JOBS * 1.25);
          tries += store.runs.length;
        });
      }
      return { counts: { jobs: trials.count * JOBS * 1.25, effects: trials.count * JOBS * 1.25, tries } };
    },
  );

  catalogueRow(
    {
      id: "Q2",
      title: "goes on while Redis is away, and hands out again when it is back",
      quick: 2,
      full: 30,
      cannot,
      timeoutMs: 600_000,
    },
    async (trials) => {
      const worst = { latencyMs: 0, resumedMs: 0 };
      for (const n of trials) {
        const awayMs = [1_000, 1_000, 10_000, 10_000, 60_000, 60_000][n % 6]!;
        await trial(async () => {
          await start();
          let added = 0;
          const addOne = async (): Promise<void> => {
            const fromMs = performance.now();
            store.add(1, added++);
            jobs?.wake();
            await until(() => store.waiting() === 0, "the job is done", RESUMED_MS_MAX);
            worst.latencyMs = Math.max(worst.latencyMs, performance.now() - fromMs);
          };
          await addOne();
          if (n % 2 === 0) await redis.kill();
          else redis.pause();
          const backMs = performance.now() + awayMs;
          while (performance.now() < backMs) {
            await addOne();
            await sleep(50);
          }
          assert.ok(store.logged.includes("redis-away"));
          if (n % 2 === 0) await redis.start();
          else redis.resume();
          const sinceMs = Date.now();
          const resumed = async (): Promise<boolean> => {
            await addOne();
            return store.logged.includes("redis-back") && (await finishedSince(sinceMs)) > 0;
          };
          worst.resumedMs = Math.max(worst.resumedMs, await until(resumed, "a worker is at work", RESUMED_MS_MAX));
          assertOnce(added);
        });
      }
      return { counts: { absences: trials.count }, worst };
    },
  );

  catalogueRow(
    { id: "Q3", title: "waits in the outbox while Redis is full, and loses nothing", quick: 1, full: 10, cannot },
    async (trials) => {
      let elsewhere = 0;
      for (const n of trials) {
        const random = seededRandom(crc32(trials.seed(n)));
        const limit = (bytes: number) => redis.ask((client) => client.config("SET", "maxmemory", String(bytes)));
        await trial(async () => {
          store.add(JOBS);
          await start();
          const fullAt = 1 + Math.floor(random.fraction() * (JOBS / 2));
          await until(() => store.effects().size >= fullAt, "jobs are being done");
          await limit(1);
          store.add(JOBS, JOBS);
          jobs?.wake();
          await drained();
          elsewhere += 2 * JOBS - fullAt;
          const sinceMs = Date.now();
          await limit(0);
          let more = 2 * JOBS;
          const resumed = async (): Promise<boolean> => {
            store.add(1, more++);
            jobs?.wake();
            await drained();
            return store.logged.includes("redis-back") && (await finishedSince(sinceMs)) > 0;
          };
          await until(resumed, "Redis takes jobs again", RESUMED_MS_MAX);
          assert.ok(store.logged.includes("redis-away"));
          assertOnce(more);
        });
      }
      return { counts: { full: trials.count, elsewhere } };
    },
  );

  catalogueRow(
    {
      id: "Q4",
      title: "is not started on a Redis that throws jobs away, and warns of one that forgets",
      quick: 2,
      full: 2,
      cannot,
    },
    async (trials) => {
      const policies = ["allkeys-lru", "volatile-ttl"];
      for (const n of trials) {
        const forgetful = await startRedis(["--appendonly", "no"]);
        try {
          await trial(async () => {
            const order = { url: new Concealed(forgetful.url), queue };
            await forgetful.ask((client) => client.config("SET", "maxmemory-policy", policies[n % 2]!));
            await assert.rejects(
              startJobs(store.needs(), order),
              (thrown: unknown) =>
                thrown instanceof Failure && thrown.code === "configuration" && /noeviction/.test(thrown.message),
            );
            await forgetful.ask((client) => client.config("SET", "maxmemory-policy", "noeviction"));
            store.add(1);
            jobs = await startJobs(store.needs(), order);
            await drained();
            assert.ok(store.logged.includes("redis-not-durable"));
          });
        } finally {
          await forgetful.stop();
        }
      }
      return { counts: { refused: trials.count, warned: trials.count } };
    },
  );

  const startWorker = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [WORKER, store.folder, redis.url.href, queue, String(LOCK_MS)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    return child;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const workerRow = (id: string, title: string, harm: (child: ChildProcess, random: number) => Promise<void>): void =>
    catalogueRow({ id, title, quick: 1, full: 100, cannot, timeoutMs: 600_000 }, async (trials) => {
      for (const n of trials) {
        const random = seededRandom(crc32(trials.seed(n)));
        await trial(async () => {
          store.add(JOBS / 4);
          const workers: ChildProcess[] = [];
          try {
            workers.push(await startWorker());
            if (id === "Q5b") workers.push(await startWorker());
            const harmAt = Math.floor(random.fraction() * (JOBS / 5));
            await until(() => store.effects().size >= harmAt, "jobs are being done");
            await harm(workers[0]!, random.fraction());
            if (id === "Q5a") workers.push(await startWorker());
            await drained();
            await until(emptied, "what a lost worker held has come back");
            assertOnce(JOBS / 4);
          } finally {
            await Promise.all(workers.map(end));
          }
        });
      }
      return { counts: { workers: trials.count, jobs: trials.count * (JOBS / 4) } };
    });
  workerRow("Q5a", "does a killed worker's jobs once", async (child, random) => {
    await sleep(random * 20);
    await end(child);
  });
  workerRow("Q5b", "does the jobs of a worker that slept twice its lock once", async (child) => {
    child.kill("SIGSTOP");
    await sleep(2 * LOCK_MS);
    child.kill("SIGCONT");
  });

  catalogueRow(
    {
      id: "Q6",
      title: "gives a poisonous job up after its tries, and lets the others pass",
      quick: 2,
      full: 50,
      cannot,
    },
    async (trials) => {
      const worst = { aloneMs: 0, besidePoisonMs: 0 };
      const middle = async (from: number, to: number): Promise<number> => {
        const times: number[] = [];
        for (let n = from; n < to; n++) {
          const fromMs = performance.now();
          store.add(1, n);
          jobs?.wake();
          await until(() => store.effects().has(`job-${n}`), "the job is done");
          times.push(performance.now() - fromMs);
        }
        return times.toSorted((one, other) => one - other)[times.length >> 1] ?? 0;
      };
      for (const _ of trials) {
        await trial(async () => {
          const isPoison = (key: string): void => {
            if (key === "poison") throw new Error("poison");
          };
          await start(hurriedClock(50), isPoison);
          const aloneMs = await middle(0, 30);
          store.addOne("effect", "poison", { n: "0" });
          const besidePoisonMs = await middle(30, 60);
          assert.ok(besidePoisonMs <= 3 * aloneMs + 50, `${besidePoisonMs} ms beside poison, ${aloneMs} ms alone`);
          worst.aloneMs = Math.max(worst.aloneMs, aloneMs);
          worst.besidePoisonMs = Math.max(worst.besidePoisonMs, besidePoisonMs);
          await drained();
          const left = store.db.prepare("SELECT key, attempts, dead IS NULL AS waits FROM outbox").all();
          assert.deepEqual(left, [{ key: "poison", attempts: ATTEMPTS_MAX, waits: 0 }]);
          assert.equal(store.effects().size, 60);
        });
      }
      return { counts: { poison: trials.count, attempts: ATTEMPTS_MAX }, worst };
    },
  );

  catalogueRow(
    { id: "Q7", title: "fills Redis again from the outbox where it was emptied", quick: 1, full: 5, cannot },
    async (trials) => {
      const worst = { rebuiltMs: 0 };
      for (const n of trials) {
        const random = seededRandom(crc32(trials.seed(n)));
        await trial(async () => {
          store.add(JOBS);
          await start(systemClock, () => sleep(5));
          const flushAt = Math.floor(random.fraction() * (JOBS / 2));
          await until(() => store.effects().size >= flushAt, "jobs are being done");
          await redis.ask((client) => client.flushall());
          worst.rebuiltMs = Math.max(worst.rebuiltMs, await drained(RESUMED_MS_MAX));
          assertOnce(JOBS);
          const sinceMs = Date.now();
          store.add(1, JOBS);
          await drained();
          await until(async () => (await finishedSince(sinceMs)) > 0, "the emptied Redis hands out jobs");
        });
      }
      return { counts: { emptied: trials.count }, worst };
    },
  );

  const cases: [title: string, run: () => Promise<void>][] = [
    [
      "does the jobs itself where Redis keeps them from its worker",
      async () => {
        await start(hurriedClock(10));
        store.add(1);
        await drained();
        await redis.ask((client) => client.hset(`corridor:${queue}:meta`, "paused", 1)); // as somebody's dashboard may
        store.add(20, 1);
        await drained();
        assert.ok(store.logged.includes("redis-worker-replaced"), store.logged.join());
        assertOnce(21);
      },
    ],
    [
      "does the jobs itself where Redis does not know the password",
      async () => {
        const guarded = await startRedis([], "opensesame");
        try {
          const url = new URL(guarded.url);
          url.password = "sesame";
          store.add(20);
          jobs = await startJobs(store.needs(), { url: new Concealed(url), queue });
          await drained();
          assert.deepEqual(store.logged, ["redis-away"]);
        } finally {
          await guarded.stop();
        }
        assertOnce(20);
      },
    ],
    [
      "stops soon where Redis is frozen, and where it is gone",
      async () => {
        for (const [trouble, mend] of [
          [redis.pause, redis.resume],
          [redis.kill, redis.start],
        ] as const) {
          await start();
          store.add(20);
          await until(() => store.effects().size > 0, "jobs are being done");
          await trouble();
          const fromMs = performance.now();
          await jobs?.stop();
          const tookMs = performance.now() - fromMs;
          await mend();
          assert.ok(tookMs < 10_000, `it took ${tookMs} ms`);
        }
      },
    ],
  ];
  for (const [title, run] of cases) {
    if (cannot === undefined) it(title, () => trial(run)).timeout(60_000);
    else it.skip(`${title} (skipped since ${cannot})`);
  }
});
