import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { openDatabase } from "../../node/storage/database.ts";
import { NO_REDIS, startRedis, type TestRedis } from "../testing/a-redis.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD, type RawClient, rawClient } from "../testing/doors-call.ts";
import { readFiles } from "../testing/doors-columns.ts";
import { ASKER, type DoorNetwork, type DoorNode, HOLDER, makeDoorNetwork } from "../testing/doors-network.ts";
import { aMarkedPerson, findPeopleIn } from "../testing/doors-people.ts";
import { aPointer, anIdentity, batch, finish, header, peerBytes, peerQuestion } from "../testing/doors-questions.ts";

const PEOPLE = [0, 1, 2, 3, 4, 5].map(aMarkedPerson);
const PASSWORD = "opensesame";
const QUESTIONS = 150;

describe("a node with a Redis", function () {
  this.timeout(60_000);
  const cannot = NO_REDIS;
  let redis: TestRedis;
  let network: DoorNetwork;
  let node: DoorNode | undefined;

  before(async () => {
    if (cannot !== undefined) return;
    redis = await startRedis([], PASSWORD);
    network = await makeDoorNetwork();
    appendFileSync(network.configPath, `redis: { url: "${redis.url.href}" }\nlogLevel: debug\n`);
  });
  after(async () => {
    await redis?.stop();
    network?.remove();
  });
  afterEach(async () => {
    await node?.kill();
    node = undefined;
  });

  /** Loads everybody with a record each; every load differs from the one before it, so each leaves work behind. */
  let loads = 0;
  const load = async (feed: RawClient): Promise<void> => {
    const items = PEOPLE.flatMap((person, n) => [anIdentity(`P-${n}`, person), aPointer(`P-${n}`, `R-${n}-${loads}`)]);
    loads++;
    const { code, said } = await feed.call(METHOD.load, [header(), batch(1n, items), finish()]);
    assert.equal(code, 0, said);
  };
  const feedOf = ({ port }: DoorNode): RawClient => rawClient(port, network.callerTls("feed"));
  const untilDone = async (): Promise<void> => {
    const db = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
    try {
      const done = db.prepare<[], number>("SELECT count(*) FROM job_done").pluck();
      const waiting = db.prepare<[], number>("SELECT count(*) FROM outbox").pluck();
      while (done.get() === 0 || waiting.get() !== 0) await sleep(20);
    } finally {
      db.close();
    }
  };

  catalogueRow({ id: "Q8", title: "gives Redis nothing of a patient", quick: 1, full: 1, cannot }, async () => {
    node = await network.start();
    const feed = feedOf(node);
    for (let n = 0; n < 5; n++) await load(feed);
    feed.close();
    await untilDone();
    const events = await redis.ask((client) => client.xrange(`corridor:${HOLDER}:events`, "-", "+"));
    assert.ok(
      events.some(([, fields]) => fields.includes("completed")),
      "the jobs went through Redis",
    );
    assert.equal(await node.stop(), 0);
    assert.doesNotMatch(node.output(), new RegExp(PASSWORD));
    assert.doesNotMatch(node.output(), /"level":50/, "nothing went wrong");

    const written = [...readFiles(redis.dir).values()].join("\n");
    assert.match(written, /load-tidy/, "the search sees jobs");
    assert.deepEqual(findPeopleIn(written, PEOPLE), []);
    const keys = await redis.ask((client) => client.keys("*"));
    assert.deepEqual(
      keys.filter((key) => !key.startsWith(`corridor:${HOLDER}:`)),
      [],
    );
    assert.deepEqual(findPeopleIn(keys.join("\n"), PEOPLE), []);
    return { counts: { bytesSearched: written.length, keys: keys.length, found: 0 } };
  });

  catalogueRow(
    { id: "Q2b", title: "answers as soon with Redis killed or frozen as with it", quick: 1, full: 10, cannot },
    async (trials) => {
      const worst = { withMs: 0, killedMs: 0, frozenMs: 0 };
      for (const _ of trials) {
        node = await network.start();
        const feed = feedOf(node);
        const peer = rawClient(node.port, network.nodeTls(ASKER));
        const p99 = async (): Promise<number> => {
          const times: number[] = [];
          for (let n = 0; n < QUESTIONS; n++) {
            if (n % 30 === 0) await load(feed); // so that there is work to hand out
            const question = peerBytes(await peerQuestion(network, PEOPLE[0]!));
            const fromMs = performance.now();
            const { code, said } = await peer.call(METHOD.answerLocate, [question]);
            times.push(performance.now() - fromMs);
            assert.equal(code, 0, said);
          }
          return times.toSorted((one, other) => one - other)[Math.ceil(0.99 * QUESTIONS) - 1]!;
        };
        await p99(); // warm
        const withMs = await p99();
        await redis.kill();
        const killedMs = await p99();
        await redis.start();
        redis.pause();
        const frozenMs = await p99();
        redis.resume();
        await untilDone();
        assert.match(node.output(), /"event":"redis-away"/);
        for (const [name, ms] of Object.entries({ withMs, killedMs, frozenMs }) as [keyof typeof worst, number][]) {
          worst[name] = Math.max(worst[name], ms);
          assert.ok(ms <= 3 * withMs + 20, `p99 ${ms.toFixed(1)} ms (${name}), ${withMs.toFixed(1)} ms with Redis`);
        }
        feed.close();
        peer.close();
        assert.equal(await node.stop(), 0);
      }
      return { counts: { questions: 3 * QUESTIONS * trials.count }, worst };
    },
  );

  catalogueRow(
    {
      id: "Q4b",
      title: "does not start on one that throws jobs away, and starts without one that is away",
      quick: 1,
      full: 1,
      cannot,
    },
    async () => {
      const policy = (name: string) => redis.ask((client) => client.config("SET", "maxmemory-policy", name));
      await policy("allkeys-lru");
      await assert.rejects(
        network.start(),
        ({ message }: Error) => /noeviction/.test(message) && !message.includes(PASSWORD),
      );
      await policy("noeviction");
      await redis.kill();
      node = await network.start();
      const feed = feedOf(node);
      await load(feed);
      feed.close();
      await untilDone();
      assert.match(node.output(), /"event":"redis-away"/);
      assert.equal(await node.stop(), 0);
      assert.doesNotMatch(node.output(), new RegExp(PASSWORD));
      await redis.start();
      return { counts: { refused: 1, startedWithout: 1 } };
    },
  );
});

it("a node without a Redis loads nothing of BullMQ or ioredis", () => {
  const script = `
    import { createRequire } from "node:module";
    await import("./node/node.ts");
    const ofRedis = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("/ioredis/"));
    console.log(ofRedis().length === 0);
    await import("./node/jobs/bullmq.ts");
    console.log(ofRedis().length > 0);`;
  const cwd = join(import.meta.dirname, "../..");
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd, encoding: "utf8" });
  assert.equal(out.trim(), "true\ntrue", "absent, and seen once it is there");
});
