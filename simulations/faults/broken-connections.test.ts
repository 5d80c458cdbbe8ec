import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { systemClock } from "../../node/base/clock.ts";
import { type Failure, asFailure } from "../../node/base/failure.ts";
import { seededRandom } from "../../node/base/random.ts";
import type { FeedItem } from "../../node/requests/load-batch.ts";
import { anIdentity } from "../../node/testing/an-index.ts";
import { PEER_KEEPALIVE_EVERY_MS, PEER_KEEPALIVE_WITHIN_MS } from "../../node/wire/bounds.ts";
import { type CallerClient, connectCaller } from "../../node/wire/caller-client.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { nothingToShow, openDoor } from "../../node/wire/testing/a-door.ts";
import { HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { type DelayProxy, startDelayProxy } from "../delay-proxy.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type Chance, makeChance } from "../testing/doors-mutations.ts";
import { type Asker, makeAsker } from "./a-peer.ts";
import { type AskedByHand, startRawHolder } from "./raw-holder.ts";

const ANSWER_BY_MS = 2_000;
const LANES = 8;
const TRIALS_A_DOOR = 8;

describe("a connection to a peer", () => {
  let network: WireNetwork;
  const closing: (() => unknown)[] = [];

  before(async () => {
    network = await makeWireNetwork();
  });
  after(() => network.remove());
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  async function door(...args: Parameters<typeof openDoor> extends [unknown, ...infer Rest] ? Rest : never) {
    const opened: RunningServer = await openDoor(network, ...args);
    closing.push(() => opened.close(0));
    return opened.port;
  }

  async function proxyTo(port: number): Promise<DelayProxy> {
    const target = { host: "127.0.0.1", port };
    const proxy = await startDelayProxy({ target, delayMs: 0, random: seededRandom(port) });
    closing.push(() => proxy.close());
    return proxy;
  }

  function asker(): Asker {
    const made = makeAsker(network);
    closing.push(() => made.close());
    return made;
  }

  const rowN4 = {
    ...{ id: "N4", title: "cut without a word is given up within its keepalive, and one that is well is not" },
    ...{ quick: 8, full: 100, slice: 50, timeoutMs: 60_000 },
  };
  catalogueRow(rowN4, async (trials) => {
    // A node takes only so many connections of one peer.
    const doors = await Promise.all(Array.from({ length: Math.ceil(trials.count / TRIALS_A_DOOR) }, () => door()));
    /** Beside other work timers are late: three times what the bar allows. */
    const noticedMsMax = PEER_KEEPALIVE_EVERY_MS + PEER_KEEPALIVE_WITHIN_MS + 3 * 100;
    const spreadMs = trials.count > 20 ? PEER_KEEPALIVE_EVERY_MS : 1_000;
    const noticed = await Promise.all(
      Array.from(trials, async (trial) => {
        const port = doors[Math.floor((trial - trials.from) / TRIALS_A_DOOR)]!;
        const [proxy, well] = [await proxyTo(port), await proxyTo(port)];
        const one = asker();
        const other = asker();
        await Promise.all([
          one.ask(proxy.port, randomUUID(), ANSWER_BY_MS),
          other.ask(well.port, randomUUID(), ANSWER_BY_MS),
        ]);
        await sleep(makeChance(crc32(trials.seed(trial))).upTo(spreadMs));
        assert.equal(proxy.open(), 1);
        proxy.blackhole();
        const sinceMs = performance.now();
        while (proxy.open() > 0) {
          await sleep(5);
          assert.ok(performance.now() - sinceMs < 3 * noticedMsMax, "it is still held open");
        }
        const noticedMs = performance.now() - sinceMs;
        assert.equal(well.open(), 1, "the connection that is well was given up");
        return noticedMs;
      }),
    );
    const worstMs = Math.max(...noticed);
    assert.ok(worstMs <= noticedMsMax, `noticed after ${worstMs.toFixed(0)} ms`);
    assert.ok(Math.min(...noticed) >= PEER_KEEPALIVE_WITHIN_MS / 2, "noticed before anybody could know");
    return { counts: { cuts: trials.count }, worst: { "noticed after ms": worstMs } };
  });

  /** What was seen of a trial. */
  interface Seen {
    readonly attempts: number;
    readonly failure?: Failure;
  }

  /** A lane has a holder and a connection of its own: what breaks there breaks nobody else's. */
  interface Lane {
    try(trial: number, chance: Chance): Promise<Seen>;
  }

  const FAULTS: readonly [what: string, lane: () => Promise<Lane>][] = [
    ["reset", () => laneByHand(resetUnder)],
    ["goodbye", () => laneByHand(sayGoodbyeUnder)],
    ["age", laneOfShortAge],
    ["corruption", laneOfCorruption],
    ["load", laneOfLoads],
  ];

  const rowN7 = {
    ...{ id: "N7", title: "that breaks off under a question costs no answer, and under a load writes nothing twice" },
    ...{ quick: 200, full: 1_000 * FAULTS.length, slice: 1_000, timeoutMs: 300_000 },
  };
  catalogueRow(rowN7, async (trials) => {
    const failures: string[] = [];
    const seen = new Map<string, { tried: number; again: number; failed: number }>();
    await Promise.all(
      FAULTS.map(async ([what, makeLane], at) => {
        const figures = { tried: 0, again: 0, failed: 0 };
        seen.set(what, figures);
        const mine = [...trials].filter((trial) => trial % FAULTS.length === at);
        const lane = async (): Promise<void> => {
          const { try: tryOnce } = await makeLane();
          for (let trial = mine.shift(); trial !== undefined; trial = mine.shift()) {
            const { attempts, failure } = await tryOnce(trial, makeChance(crc32(trials.seed(trial))));
            figures.tried++;
            if (attempts > 1) figures.again++;
            if (failure !== undefined) {
              figures.failed++;
              failures.push(`${what}, trial ${trial}: ${failure.code}: ${inWords(failure)}`);
            }
            assert.ok(attempts <= 2, `trial ${trial} (${what}) was asked ${attempts} times`);
          }
        };
        await Promise.all(Array.from({ length: LANES / 2 }, lane));
      }),
    );
    const counts: Record<string, number> = {};
    for (const [what, { tried, again, failed }] of seen) {
      assert.ok(failed <= tried / 1_000, `${failed} of ${tried} failed, such as ${failures.slice(0, 3).join("; ")}`);
      Object.assign(counts, { [what]: tried, [`${what} asked again`]: again, [`${what} failed`]: failed });
    }
    assert.ok(seen.get("reset")!.again > 0 && seen.get("goodbye")!.again > 0, "nothing broke");
    return { counts };
  });

  /** Breaks the first attempt of each question as told; the second is answered. */
  async function laneByHand(breakOff: (asked: AskedByHand, chance: Chance) => void): Promise<Lane> {
    let current: { readonly chance: Chance; attempts: Set<string> } | undefined;
    const holder = await startRawHolder(network.nodeTls(HOLDER), (asked) => {
      current!.attempts.add(asked.attemptId);
      if (current!.attempts.size === 1) breakOff(asked, current!.chance);
      else asked.answer();
    });
    closing.push(() => holder.close());
    const { ask } = asker();
    return {
      async try(_trial, chance) {
        const attempts = new Set<string>();
        current = { chance, attempts };
        const failure = await failureOf(ask(holder.port, randomUUID(), ANSWER_BY_MS));
        return { attempts: attempts.size, ...(failure && { failure }) };
      },
    };
  }

  function resetUnder({ answer, stream, session }: AskedByHand, chance: Chance): void {
    const { NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;
    const codes = [NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR];
    const partly = chance.upTo(2) === 0;
    if (partly) answer(1 + chance.upTo(30));
    const breakOff = chance.pick([
      () => stream.close(chance.pick(codes)),
      () => session.socket.destroy(),
      () => session.destroy(),
    ]);
    setTimeout(breakOff, chance.upTo(10));
  }

  function sayGoodbyeUnder({ answer, stream, session }: AskedByHand, chance: Chance): void {
    const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = constants;
    const id = stream.id!;
    chance.pick([
      // Goodbye after this question: it is still answered.
      () => {
        session.goaway(NGHTTP2_NO_ERROR, id);
        setTimeout(() => {
          answer();
          session.close();
        }, chance.upTo(10));
      },
      // Goodbye before this question: it was never looked at.
      () => {
        session.goaway(NGHTTP2_NO_ERROR, Math.max(0, id - 2));
        session.close();
        setTimeout(() => session.destroy(), 20);
      },
      () => {
        session.goaway(NGHTTP2_INTERNAL_ERROR, id);
        session.destroy();
      },
    ])();
  }

  /** The product's own door, whose connections end every tenth of a second, under calls that take as long as that. */
  async function laneOfShortAge(): Promise<Lane> {
    const attempts = new Map<string, number>();
    const port = await door(
      {
        async answerLocate({ requestId }) {
          attempts.set(requestId, (attempts.get(requestId) ?? 0) + 1);
          await sleep(50);
          return nothingToShow();
        },
      },
      { connectionAgeMs: 100 },
    );
    const { ask } = asker();
    return {
      async try(_trial, chance) {
        const requestId = randomUUID();
        await sleep(chance.upTo(60));
        const failure = await failureOf(ask(port, requestId, ANSWER_BY_MS));
        return { attempts: attempts.get(requestId) ?? 0, ...(failure && { failure }) };
      },
    };
  }

  /** A way on which one byte is changed, towards the holder or back. */
  async function laneOfCorruption(): Promise<Lane> {
    const attempts = new Map<string, number>();
    const port = await door({
      answerLocate({ requestId }) {
        attempts.set(requestId, (attempts.get(requestId) ?? 0) + 1);
        return Promise.resolve(nothingToShow());
      },
    });
    const proxy = await proxyTo(port);
    const { ask } = asker();
    await ask(proxy.port, randomUUID(), ANSWER_BY_MS); // the connection is there
    return {
      async try(_trial, chance) {
        const requestId = randomUUID();
        proxy.corrupt(chance.pick(["client", "target"]));
        const failure = await failureOf(ask(proxy.port, requestId, ANSWER_BY_MS));
        const seen = { attempts: attempts.get(requestId) ?? 0 };
        // Where it was the length of a TLS record, the other end waits for the rest of it: silence, which has its own end.
        return failure === undefined || failure.code === "timed-out" ? seen : { ...seen, failure };
      },
    };
  }

  /** Loads through a way that is cut under them, or to a door that says goodbye meanwhile: which a load must survive. */
  async function laneOfLoads(): Promise<Lane> {
    const written: string[] = [];
    let onWritten = (_count: number): void => {};
    const loadBatch = async ({ name }: { name: string }, items: readonly unknown[]) => {
      written.push(`${name} ${items.length}`);
      onWritten(written.length);
      await sleep(20);
      return { accepted: items.length, rejected: [], providers: [] };
    };
    const validate = (entries: readonly unknown[]) => Promise.resolve(entries.map(() => anIdentity()));
    const port = await door({ validate, loadBatch }, { connectionAgeMs: 100 });
    const proxy = await proxyTo(port);
    const target = { host: "127.0.0.1", port: proxy.port, certsDir: network.callerDir("feed") };
    return {
      async try(trial, chance) {
        const cutAt = chance.upTo(12); // beyond the last batch: not cut
        const batches = 6;
        written.length = 0;
        onWritten = (count) => {
          if (count - 1 !== cutAt) return;
          proxy.cut();
          proxy.restore();
        };
        const feeder: CallerClient = await connectCaller(target, systemClock);
        const { acknowledged, failure } = await load(feeder, `load ${trial}`, batches);
        feeder.close();
        await sleep(40); // what was handed over is written meanwhile
        const doubled = written.length - new Set(written).size;
        assert.equal(doubled, 0, `written twice: ${written.join(", ")}`);
        assert.ok(written.length >= acknowledged);
        if (cutAt < batches) assert.ok(failure !== undefined, "a load that was cut did not end");
        // The command waits and goes on from either; for a load the bar is that nothing is written twice.
        const goesOn = failure?.code === "unreachable" || failure?.code === "timed-out";
        return { attempts: 1, ...(failure && !goesOn && { failure }) };
      },
    };
  }

  /** Batches of one item more each, so that each can be told from the others. */
  async function load(feeder: CallerClient, name: string, batches: number) {
    const item = anIdentity();
    assert.ok(!("rejected" in item));
    async function* some(): AsyncGenerator<readonly FeedItem[]> {
      for (let batch = 1; batch <= batches; batch++) yield Array.from({ length: batch }, () => item as FeedItem);
    }
    let acknowledged = 0;
    const failure = await failureOf(
      (async () => {
        for await (const _ of feeder.load({ name, asOfMs: 0 }, some())) acknowledged++;
      })(),
    );
    return { acknowledged, failure };
  }
});

async function failureOf(work: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await work;
    return undefined;
  } catch (thrown) {
    return asFailure(thrown);
  }
}

/** With what gRPC said of it. */
function inWords({ message, cause }: Failure): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
