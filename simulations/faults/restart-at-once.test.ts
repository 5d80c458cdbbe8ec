import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "../../node/base/random.ts";
import { type DelayProxy, startDelayProxy } from "../delay-proxy.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type OtherSide, startOtherSide } from "./other-side-channel.ts";
import { EVERYBODY, type NodeName, type SixNodes, startSixNodes } from "./six-nodes.ts";

const START_MS = 60_000;
/** The callers of each node ask so often, whether it is there or not. */
const ASKED_EVERY_MS = 100;
const ANSWER_BY_MS = 1_000;
const READY_WITHIN_MS = 30_000;
const WAYS = EVERYBODY.length * (EVERYBODY.length - 1);
/** For so long nobody can be reached, though all of them run and are asked: long enough for back-offs to be at their longest. */
const APART_MS = 5_000;
/** Connections that are tried in any second, against the mean of a second from the first to the last. */
const PEAK_TO_MEAN_MAX = 3;
/** With the longest back-off, a second, and its jitter. */
const TRIES_A_WAY_MAX = 12;
/** The longest back-off with its jitter, a handshake on a busy machine, and a question. */
const FOUND_AGAIN_MS_MAX = 6_000;

describe("a network whose nodes all start again at once", () => {
  let nodes: SixNodes;
  let other: OtherSide;
  const proxies: DelayProxy[] = [];
  let triedAtMs: number[] = [];

  before(async function () {
    this.timeout(START_MS);
    nodes = await startSixNodes({ endpoints: standInFront });
    other = startOtherSide();
    await untilWhole();
  });
  after(async function () {
    this.timeout(START_MS);
    await other?.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await nodes?.stop();
  });

  /** Every way between two nodes leads through a proxy, which counts who tries it. */
  async function standInFront(ports: ReadonlyMap<NodeName, number>): Promise<ReadonlyMap<NodeName, string>> {
    const endpoints = new Map<NodeName, string>();
    for (const [id, port] of ports) {
      const proxy = await startDelayProxy({
        ...{ target: { host: "127.0.0.1", port }, delayMs: 0, random: seededRandom(port) },
        onTried: () => void triedAtMs.push(performance.now()),
      });
      proxies.push(proxy);
      endpoints.set(id, proxy.endpoint);
    }
    return endpoints;
  }

  /** True where this node's locate hears all of them. */
  async function hearsAll(id: NodeName): Promise<boolean> {
    try {
      const { outcomes } = await other.ask(nodes.port(id), nodes.callerDir(id), ANSWER_BY_MS);
      return EVERYBODY.every((each) => outcomes[each] === "nothing-to-show");
    } catch {
      return false; // it is not there yet
    }
  }

  async function askOn(id: NodeName, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await hearsAll(id);
      await sleep(ASKED_EVERY_MS);
    }
  }

  async function untilWhole(): Promise<void> {
    const startedMs = performance.now();
    const untilOneHears = async (id: NodeName): Promise<void> => {
      while (!(await hearsAll(id))) {
        assert.ok(performance.now() - startedMs < READY_WITHIN_MS, `${id} does not hear all the others`);
        await sleep(ASKED_EVERY_MS);
      }
    };
    await Promise.all(EVERYBODY.map(untilOneHears));
  }

  const rowN9 = {
    ...{ id: "N9", title: "is whole again in time, and nobody is stormed" },
    ...{ quick: 1, full: 20, slice: 5, timeoutMs: 300_000 },
  };
  catalogueRow(rowN9, async (trials) => {
    const worst = { "ready after ms": 0, "found again after ms": 0, "peak to mean": 0, "tries a way": 0 };
    const note = (what: keyof typeof worst, value: number, max: number): void => {
      worst[what] = Math.max(worst[what], value);
      assert.ok(value <= max, `${what}: ${value.toFixed(1)}`);
    };
    for (const _ of trials) {
      triedAtMs = [];
      const asking = new AbortController();
      await Promise.all(EVERYBODY.map((id) => nodes.process(id).kill()));
      proxies.forEach((proxy) => proxy.cut());
      const endedMs = performance.now();
      await Promise.all(EVERYBODY.map((id) => nodes.start(id)));
      const asked = Promise.all(EVERYBODY.map((id) => askOn(id, asking.signal)));
      await sleep(APART_MS);
      asking.abort();
      await asked;
      proxies.forEach((proxy) => proxy.restore());
      const restoredMs = performance.now();
      await untilWhole();
      note("ready after ms", performance.now() - endedMs, READY_WITHIN_MS);
      note("found again after ms", performance.now() - restoredMs, FOUND_AGAIN_MS_MAX);
      note("tries a way", triedAtMs.length / WAYS, TRIES_A_WAY_MAX);
      note("peak to mean", peakToMean(triedAtMs), PEAK_TO_MEAN_MAX);
    }
    return { worst, counts: { restarts: trials.count } };
  });
});

function peakToMean(atMs: readonly number[]): number {
  const seconds = (Math.max(...atMs) - Math.min(...atMs)) / 1_000;
  const within = (fromMs: number): number => atMs.filter((ms) => ms >= fromMs && ms < fromMs + 1_000).length;
  return Math.max(...atMs.map(within)) / (atMs.length / Math.max(1, seconds));
}
