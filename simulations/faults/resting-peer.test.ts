import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import type { Member } from "../../topology/manifest.ts";
import { type Clock, systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import { asFailure } from "../../node/base/failure.ts";
import type { Permit } from "../../node/base/permit.ts";
import { systemRandom } from "../../node/base/random.ts";
import { PROTOCOL } from "../../node/base/words.ts";
import { FAILURES_IN_A_ROW_MAX, REST_MS } from "../../node/federation/breaker.ts";
import { type PeerWays, makePeerWays } from "../../node/federation/peer-ways.ts";
import { Resting } from "../../node/federation/resting.ts";
import { type PeerClient, makePeerClient } from "../../node/wire/peer-client.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { aClaim, aPatient, openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { percentile } from "../bench/measure.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { findFreePorts } from "../testing/free-ports.ts";

/** The breaker's time goes by so much faster, so that thousands of questions see it risk one many times. */
const FASTER = 20;
const ANSWER_BY_MS = 1_000;
const ALONE = 500;
/** Beside other work, three times what a quiet machine is allowed. */
const NOISE = 3;
const RESTING_P99_MS_MAX = NOISE * 5;
const OTHERS_TIMES_MAX = NOISE * 1.1;
/** The breaker's own jitter, and what a busy machine adds to a timer that runs twenty times too fast. */
const REST_PART_MIN = 0.8;
const FOUND_AGAIN_MS_MAX = 6_000;

const NO_PERMIT = {} as Permit; // the way to a peer reads nothing of it
const fast: Clock = {
  wallMs: systemClock.wallMs,
  monotonicMs: () => systemClock.monotonicMs() * FASTER,
  after: (ms, callback) => systemClock.after(ms / FASTER, callback),
  every: (ms, callback) => systemClock.every(ms / FASTER, callback),
  sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal),
  until: (monotonicMs) => systemClock.until(monotonicMs / FASTER),
};

describe("a peer that gives no question an answer", () => {
  let network: WireNetwork;
  let healthy: RunningServer;
  before(async () => {
    network = await makeWireNetwork();
    healthy = await openDoor(network);
  });
  after(async () => {
    await healthy?.close(0);
    network?.remove();
  });

  const rowN8 = {
    ...{ id: "N8", title: "rests, costs nobody anything, is tried now and then, and is back with the first answer" },
    ...{ quick: 1_000, full: 10_000, slice: 5_000, timeoutMs: 300_000 },
  };
  catalogueRow(rowN8, async (trials) => {
    const port = await findFreePorts(1);
    // Two members to the ways; both doors are the one's of which this network has a certificate.
    const at = (id: string, where: number): Member => ({
      ...network.directory.members.get(HOLDER)!,
      ...{ id, endpoints: [`127.0.0.1:${where}`] },
    });
    const [dead, well] = [at("dead-one", port), at("well-one", healthy.port)];
    const asHolder = (member: Member): Member => ({ ...member, id: HOLDER });
    const triedAtMs: number[] = [];
    const aClient = (): PeerClient =>
      makePeerClient({
        ...{ ownId: ASKER, domain: DOMAIN, tls: network.nodeTls(ASKER), clock: systemClock, random: systemRandom },
        ...{ protocol: PROTOCOL, sign: network.signer(ASKER).sign, checkMember: network.checkMember },
      });
    const [toDead, toWell] = [aClient(), aClient()];
    const ways = makePeerWays({
      ...{ clock: fast, random: systemRandom, onChange() {} },
      knock: (member, deadline) => (member.id === dead.id ? toDead : toWell).knock(asHolder(member), deadline),
      transport: {
        ask(member, ...question) {
          if (member.id === dead.id) triedAtMs.push(fast.monotonicMs());
          return (member.id === dead.id ? toDead : toWell).ask(asHolder(member), ...question);
        },
      },
    });
    try {
      const aloneMs: number[] = [];
      for (let count = 0; count < ALONE; count++) aloneMs.push((await ask(ways, well)).tookMs);

      const [restingMs, besideMs]: [number[], number[]] = [[], []];
      for (const _ of trials) {
        const tried = triedAtMs.length;
        const [{ code, tookMs }, { tookMs: wellMs, code: wellCode }] = await Promise.all([
          ask(ways, dead),
          ask(ways, well),
        ]);
        if (triedAtMs.length > tried) assert.equal(code, "unreachable");
        else assert.equal(code, "resting");
        if (code === "resting") restingMs.push(tookMs);
        assert.equal(wellCode, "nothing-to-show");
        besideMs.push(wellMs);
        await sleep(1);
      }
      const restedMs = triedAtMs.slice(FAILURES_IN_A_ROW_MAX).map((ms, nth) => ms - triedAtMs[nth + 4]!);
      assert.ok(triedAtMs[FAILURES_IN_A_ROW_MAX - 1]! - triedAtMs[0]! < REST_MS, "it rests after five in a row");
      assert.ok(restedMs.length > 0, "no question was risked");
      for (const ms of restedMs) assert.ok(ms >= REST_PART_MIN * REST_MS, `tried again after ${ms.toFixed(0)} ms`);
      const p99Ms = percentile(restingMs, 99);
      assert.ok(p99Ms < RESTING_P99_MS_MAX, `a question to one that rests took ${p99Ms.toFixed(1)} ms`);
      const times = percentile(besideMs, 99) / percentile(aloneMs, 99);
      assert.ok(times < OTHERS_TIMES_MAX, `questions to the other took ${times.toFixed(2)} times as long`);

      const triedBefore = triedAtMs.length;
      const door = await openDoor(network, {}, { port });
      try {
        const backMs = await untilAnswered(ways, dead);
        // The connection comes back with gRPC's back-off, a second and so two thirds of a rest here: one may be risked before.
        const risked = triedAtMs.length - triedBefore;
        assert.ok(risked <= 2, `it was closed by the ${risked}th question that was risked`);
        return {
          counts: { questions: trials.count, resting: restingMs.length, risked: restedMs.length },
          worst: { "resting p99 ms": p99Ms, "others p99 times": times, "back after ms": backMs },
        };
      } finally {
        await door.close(0);
      }
    } finally {
      ways.close();
      toDead.close();
      toWell.close();
    }
  });
});

async function ask(ways: PeerWays, member: Member): Promise<{ readonly code: string; readonly tookMs: number }> {
  const answerBy = Deadline.in(systemClock, ANSWER_BY_MS);
  const requestId = systemRandom.uuid();
  const question = { requestId, patient: aPatient(), claim: aClaim(), answerBy, lateUntil: answerBy };
  const startedMs = performance.now();
  const code = await ways.ask(member, question, NO_PERMIT, answerBy, new AbortController().signal).then(
    ({ outcome }) => outcome as string,
    (thrown: unknown) => (thrown instanceof Resting ? "resting" : asFailure(thrown).code),
  );
  return { code, tookMs: performance.now() - startedMs };
}

/** Asks until there is an answer. */
async function untilAnswered(ways: PeerWays, member: Member): Promise<number> {
  const startedMs = performance.now();
  while ((await ask(ways, member)).code !== "nothing-to-show") {
    assert.ok(performance.now() - startedMs < FOUND_AGAIN_MS_MAX, "it is not found again");
    await sleep(20);
  }
  return performance.now() - startedMs;
}
