import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import Sqlite from "better-sqlite3";

import { systemClock } from "../../node/base/clock.ts";
import { asFailure } from "../../node/base/failure.ts";
import { FEED_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { TEST_STEPS } from "../../node/requests/peers.ts";
import type { Operator } from "../../node/wire/generated/corridor/v1/peer_service.ts";
import { type PeersClient, connectOperator } from "../../node/wire/peers-client.ts";
import { corridor } from "../demo/command.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import { type Asked, ask, outcomeAt } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type WrongClock, giveWrongClock } from "./a-wrong-clock.ts";

const PEERS = ["birch", "cedar"] as const;
const SOMEBODY = { nhsNumber: "9000000068", birthDate: "1971-02-03" };
const HOUR_MS = 3_600_000;
const ANSWER_BY_MS = 1_500;

const ANSWERED = /^nothing-to-show, nothing-to-show$/;
const REFUSED = /^unreachable clocks-differ, unreachable clocks-differ$/;
/** What is wrong by the jumped clock. */
const JUMPS: readonly (readonly [number, RegExp])[] = [
  [-HOUR_MS, /The certificate is not valid before .*/],
  [HOUR_MS, /unreachable clocks-differ, unreachable clocks-differ/],
  [365 * 24 * HOUR_MS, /The certificate expired at .*/],
];

/** Given time to be judged anew: the bar is five seconds. */
const REJUDGED_WITHIN_MS = 5_000;
const NOISE_MS = 2_000;

describe("a node whose clock is wrong", () => {
  let network: TestNetwork;
  let clock: WrongClock;

  before(async function () {
    this.timeout(120_000);
    network = await startNetwork({
      areas: ["ash", ...PEERS].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" })),
      agreements: [{ between: ["ash", ...PEERS] }],
      people: [],
    });
    clock = await giveWrongClock(network, "ash");
    for (const [via, peer] of [
      ["ash", "birch"],
      ["ash", "cedar"],
      ["birch", "ash"],
      ["birch", "cedar"],
    ] as const) {
      const steps = await asOperator(via, (client, by) => client.testPeer(by, peer));
      const states = steps.map(({ name, state }) => `${name} ${state}`);
      assert.deepEqual(
        states,
        TEST_STEPS.map((name) => `${name} ok`),
        `${via} to ${peer}`,
      );
    }
  });
  after(() => network.stop());
  afterEach(() => clock.set(0));

  async function asOperator<Result>(
    via: string,
    work: (client: PeersClient, by: Operator) => Promise<Result>,
  ): Promise<Result> {
    const { host, port, callerDir } = network.mesh.node(via);
    const client = connectOperator({ host, port, certsDir: callerDir(FEED_CALLER.name) }, systemClock);
    try {
      return await work(client, { userId: "an.operator", reason: "A trial", requestId: "" });
    } finally {
      client.close();
    }
  }
  const outcomesOf = (asked: Asked): string => PEERS.map((id) => outcomeAt(asked, id).join(" ").trim()).join(", ");
  const logOf = (id: string): string => readFileSync(join(network.folder, `${id}.log`), "utf8");

  const t1 = "a clock that is 5, 30 or 120 s off: questions are answered inside a minute, refused outside, by name";
  catalogueRow({ id: "T1", title: t1, quick: 6, full: 60 }, async (trials) => {
    const counts = { answered: 0, refused: 0 };
    for (const trial of trials) {
      const seconds = [5, -5, 30, -30, 120, -120][trial % 6]!;
      await clock.set(seconds * 1_000);
      const outcomes = outcomesOf(await ask(network, SOMEBODY, { answerByMs: 5_000 }));
      const isInside = Math.abs(seconds) <= 60;
      assert.match(outcomes, isInside ? ANSWERED : REFUSED, `${seconds} s`);
      counts[isInside ? "answered" : "refused"]++;
    }
    await clock.set(120_000);
    const { clock: text, clockIsOutside } = await asOperator("ash", (client, by) => client.listPeers(by));
    assert.ok(clockIsOutside);
    const { stdout } = await corridor(["peer", "list", "--via", "ash", "--mesh", network.folder]);
    assert.match(stdout, /birch +live +clock 1[12]\d s behind this node's/);
    assert.match(text, /^This node's clock is 1[12]\d s ahead of 2 of 2 peers: set it by NTP/);
    await within(2 * REJUDGED_WITHIN_MS, () => /"event":"clock-outside"/.test(logOf("ash")));
    assert.match(logOf("ash"), /"event":"refused-for-time"[^\n]*"peer":"birch"/);
    assert.match(logOf("ash"), /of the holder's clock: the holder's agrees with its peers': check the asker's/);
    return { counts, worst: { timesGoneBack: goneBack("ash") + goneBack("birch") } };
  });

  const t2 =
    "the wall clock jumps while a question is under way: no deadline moves, validity is judged anew, no audit time goes back";
  catalogueRow({ id: "T2", title: t2, quick: 3, full: 20 }, async (trials) => {
    let worstOverMs = 0;
    let worstRejudgedMs = 0;
    for (const trial of trials) {
      const [jumpMs, expected] = JUMPS[trial % JUMPS.length]!;
      network.mesh.node("cedar").process.pause();
      const begunMs = performance.now();
      const asking = stateNow();
      await sleep(400);
      await clock.set(jumpMs);
      // Its caller's certificate is judged anew too, and may end it sooner; nothing may keep it longer.
      assert.match(await asking, new RegExp(`^(nothing-to-show, timed-out|${expected.source})$`), `${jumpMs} ms`);
      const overMs = performance.now() - begunMs - ANSWER_BY_MS;
      network.mesh.node("cedar").process.resume();
      assert.ok(overMs < NOISE_MS, `it ended ${overMs} ms after it was due`);
      worstOverMs = Math.max(worstOverMs, overMs);
      for (const [aheadMs, then] of [
        [jumpMs, expected],
        [0, ANSWERED],
      ] as const) {
        await clock.set(aheadMs);
        worstRejudgedMs = Math.max(worstRejudgedMs, await untilJudged(then));
      }
    }
    const timesGoneBack = goneBack("ash");
    assert.equal(timesGoneBack, 0);
    return { worst: { overMs: Math.round(worstOverMs), rejudgedMs: Math.round(worstRejudgedMs), timesGoneBack } };
  });

  /** What a question comes to now: outcomes, or why it was not let in. */
  async function stateNow(): Promise<string> {
    try {
      return outcomesOf(await ask(network, SOMEBODY, { answerByMs: ANSWER_BY_MS }));
    } catch (thrown) {
      return asFailure(thrown).message;
    }
  }

  async function untilJudged(expected: RegExp): Promise<number> {
    const sinceMs = performance.now();
    for (;;) {
      const state = await stateNow();
      const afterMs = performance.now() - sinceMs;
      if (expected.test(state)) return afterMs;
      assert.ok(afterMs < REJUDGED_WITHIN_MS, `not judged anew: ${state}`);
    }
  }

  const t5 = "ids and sequence numbers under a backward jump: strictly rising";
  catalogueRow({ id: "T5", title: t5, quick: 4, full: 20 }, async (trials) => {
    for (const trial of trials) {
      const before = newest("ash");
      const asking = Array.from({ length: 4 }, () => ask(network, SOMEBODY));
      await clock.set(-30_000 * (1 + (trial % 8)));
      asking.push(...Array.from({ length: 4 }, () => ask(network, SOMEBODY)));
      const requests = (await Promise.all(asking)).map(({ requestId }) => requestId);
      await clock.set(0);
      // The question, the own answer, the outcomes.
      await within(2 * REJUDGED_WITHIN_MS, () => newest("ash") >= before + 3 * requests.length);
      assert.equal(new Set(requests).size, requests.length);
    }
    assert.deepEqual([goneBack("ash"), gaps("ash")], [0, 0]);
    return { counts: { entries: newest("ash") } };
  });

  function readAudit(id: string, sql: string): number {
    const db = new Sqlite(network.auditPath(id), { readonly: true });
    try {
      return Number(db.prepare(sql).pluck().get());
    } finally {
      db.close();
    }
  }
  const newest = (id: string): number => readAudit(id, "SELECT max(seq) FROM audit_log");
  const gaps = (id: string): number => readAudit(id, "SELECT max(seq) - count(*) FROM audit_log");
  const goneBack = (id: string): number =>
    readAudit(
      id,
      "SELECT count(*) FROM audit_log AS one JOIN audit_log AS next ON next.seq = one.seq + 1 WHERE next.at_ms < one.at_ms",
    );
});

async function within(ms: number, isSo: () => boolean): Promise<void> {
  const begunMs = performance.now();
  while (!isSo()) {
    assert.ok(performance.now() - begunMs < ms, `it was not so within ${ms} ms`);
    await sleep(50);
  }
}
