import assert from "node:assert/strict";

import fc from "fast-check";

import type { HolderAnswer } from "../base/answer.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure, type FailureCode } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import { makeFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import type { Member } from "../../topology/manifest.ts";
import { FAILURES_IN_A_ROW_MAX, REST_MS } from "./breaker.ts";
import { type PeerWays, makePeerWays } from "./peer-ways.ts";
import { Resting } from "./resting.ts";

const PEER = { id: "n-a", endpoints: ["one:1"] } as unknown as Member;
const TWICE = { id: "n-b", endpoints: ["one:1", "two:1"] } as unknown as Member;
const ANSWER = { outcome: "nothing-to-show" } as HolderAnswer;
const question = { requestId: "r-1" };
const permit = {} as Permit;

/** What a member does with a question at one of its addresses. */
type Behave = (endpoint: string, deadline: Deadline, signal: AbortSignal) => Promise<HolderAnswer>;

interface World {
  readonly clock: FakeClock;
  readonly ways: PeerWays;
  behave: Behave;
  /** Whether a greeting is answered. */
  greets: boolean;
  asked: number;
  knocks: number;
  open: number;
  readonly changes: boolean[];
}

function aWorld(behave: Behave): World {
  const clock = makeFakeClock();
  const world = { clock, behave, greets: false, asked: 0, knocks: 0, open: 0, changes: [] as boolean[] };
  const ways = makePeerWays({
    clock,
    random: { fraction: () => 0.5 },
    transport: {
      async ask({ endpoints }, _question, _permit, deadline, signal) {
        world.asked++;
        world.open++;
        try {
          return await world.behave(endpoints[0]!, deadline, signal);
        } finally {
          world.open--;
        }
      },
    },
    knock: () => {
      world.knocks++;
      return world.greets ? Promise.resolve() : Promise.reject(new Failure("unreachable", "not there"));
    },
    onChange: (_peer, isResting) => void world.changes.push(isResting),
  });
  return Object.assign(world, { ways });
}

const fails =
  (code: FailureCode): Behave =>
  () =>
    Promise.reject(new Failure(code, "no"));
const answers: Behave = () => Promise.resolve(ANSWER);
const hangs: Behave = (_endpoint, _deadline, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Failure("timed-out", "cancelled")), { once: true });
  });

/** Asks once, and gives how it ended: what was answered, or why nothing was. */
function ask(world: World, ms = 2_000, member = PEER, leave = new AbortController().signal, purpose = "TREAT") {
  const deadline = Deadline.in(world.clock, ms);
  const over = new AbortController();
  world.clock.after(ms, () => over.abort());
  leave.addEventListener("abort", () => over.abort());
  return world.ways.ask(member, { ...question, claim: { purpose } } as Question, permit, deadline, over.signal).then(
    ({ outcome }) => outcome as string,
    (thrown: unknown) => (thrown instanceof Resting ? "resting" : (thrown as Failure).code),
  );
}

async function settle(): Promise<void> {
  for (let job = 0; job < 20; job++) await Promise.resolve();
}

async function askTimes(world: World, count: number, ms?: number): Promise<string[]> {
  const heard: string[] = [];
  for (let asked = 0; asked < count; asked++) heard.push(await ask(world, ms));
  return heard;
}

describe("the way to a peer", () => {
  it("rests after five questions in a row without an answer, and then costs nothing", async () => {
    const world = aWorld(fails("unreachable"));
    assert.deepEqual(new Set(await askTimes(world, FAILURES_IN_A_ROW_MAX)), new Set(["unreachable"]));
    assert.equal(world.ways.restingForMs(PEER.id), 0);
    assert.deepEqual(new Set(await askTimes(world, 1_000)), new Set(["resting"]));
    assert.equal(world.asked, FAILURES_IN_A_ROW_MAX);
    assert.deepEqual(world.changes, [true]);
    assert.equal(world.ways.restingForMs("n-other"), undefined);
  });

  it("risks one question every thirty seconds, and is open with the first that is answered", async () => {
    const world = aWorld(fails("unreachable"));
    await askTimes(world, FAILURES_IN_A_ROW_MAX);
    for (let round = 1; round <= 3; round++) {
      await world.clock.advance(REST_MS);
      assert.deepEqual(await askTimes(world, 3), ["unreachable", "resting", "resting"]);
      assert.equal(world.asked, FAILURES_IN_A_ROW_MAX + round);
    }
    world.behave = answers;
    assert.deepEqual(await askTimes(world, 1), ["resting"]);
    await world.clock.advance(REST_MS);
    assert.deepEqual(await askTimes(world, 3), ["nothing-to-show", "nothing-to-show", "nothing-to-show"]);
    assert.deepEqual(world.changes, [true, false]);
  });

  it("is asked again within a second or so once it greets, and greeted only while it is asked for", async () => {
    const world = aWorld(fails("unreachable"));
    await askTimes(world, FAILURES_IN_A_ROW_MAX);
    await world.clock.advance(3_500);
    assert.equal(world.knocks, 4);
    world.greets = true;
    world.behave = answers;
    await world.clock.advance(1_000);
    assert.deepEqual(await askTimes(world, 2), ["nothing-to-show", "nothing-to-show"]);
    await world.clock.advance(REST_MS);
    assert.equal(world.knocks, 5, "nobody is greeted who answers");

    world.greets = false;
    world.behave = fails("unreachable");
    await askTimes(world, FAILURES_IN_A_ROW_MAX);
    await world.clock.advance(600_000);
    assert.ok(world.knocks < 5 + 30 + 10, `${world.knocks} greetings`);
    assert.equal(world.clock.pending() > 100, false);
  });

  it("does not believe greetings of one that answers no question, until it was silent once", async () => {
    const world = aWorld(fails("timed-out"));
    world.greets = true;
    await askTimes(world, FAILURES_IN_A_ROW_MAX);
    await world.clock.advance(100);
    assert.deepEqual(await askTimes(world, 2), ["timed-out", "resting"], "it greeted, and was asked");
    await world.clock.advance(REST_MS - 1_000);
    assert.deepEqual(await askTimes(world, 1), ["resting"], "it greets, and is not asked");
    world.greets = false;
    await world.clock.advance(6_000);
    world.greets = true;
    await world.clock.advance(6_000);
    world.behave = answers;
    assert.deepEqual(await askTimes(world, 1), ["nothing-to-show"]);
  });

  it("counts silence alone: a refusal, a fault or a word that it is busy is an answer", async () => {
    for (const code of ["no-agreement", "overloaded", "internal", "incompatible", "over-quota", "replayed"] as const) {
      const world = aWorld(fails("unreachable"));
      await askTimes(world, FAILURES_IN_A_ROW_MAX - 1);
      world.behave = fails(code);
      await askTimes(world, 1);
      world.behave = fails("unreachable");
      assert.deepEqual(new Set(await askTimes(world, FAILURES_IN_A_ROW_MAX)), new Set(["unreachable"]), code);
      assert.deepEqual(await askTimes(world, 1), ["resting"]);
    }
  });

  it("counts no question that was given too little time, or whose asker left", async () => {
    const world = aWorld(hangs);
    for (let times = 0; times < 10; times++) {
      const heard = ask(world, 100);
      await world.clock.advance(100);
      assert.equal(await heard, "timed-out");
      const leave = new AbortController();
      const left = ask(world, 2_000, PEER, leave.signal);
      await world.clock.advance(1_000);
      leave.abort();
      assert.equal(await left, "timed-out");
    }
    assert.equal(world.ways.restingForMs(PEER.id), undefined);
    const slow = Array.from({ length: FAILURES_IN_A_ROW_MAX }, () => ask(world, 1_000));
    await world.clock.advance(1_000);
    assert.deepEqual(new Set(await Promise.all(slow)), new Set(["timed-out"]));
    assert.equal(await ask(world), "resting");
  });

  it("does not rest a peer that is slow to some and answers others meanwhile", async () => {
    const world = aWorld(hangs);
    const slow = Array.from({ length: 20 }, () => ask(world, 1_000));
    await world.clock.advance(500);
    world.behave = answers;
    assert.equal(await ask(world), "nothing-to-show");
    await world.clock.advance(500);
    assert.deepEqual(new Set(await Promise.all(slow)), new Set(["timed-out"]));
    assert.equal(await ask(world), "nothing-to-show");
  });

  it("waits as long as a busy peer says where there is time, and otherwise says that it is busy", async () => {
    const world = aWorld(() =>
      world.asked < 2
        ? Promise.reject(new Failure("overloaded", "busy", { retryAfterMs: 200 }))
        : Promise.resolve(ANSWER),
    );
    const heard = ask(world, 1_000);
    await world.clock.advance(1_000);
    assert.equal(await heard, "nothing-to-show");
    assert.equal(world.asked, 2);
    world.asked = 0;
    assert.equal(await ask(world, 200), "overloaded", "at once");
    await world.clock.advance(1_000);
    world.behave = () => Promise.reject(new Failure("overloaded", "busy", { retryAfterMs: 200 }));
    world.asked = 0;
    const [busy, spared] = [ask(world, 1_000), await settle().then(() => ask(world, 100))];
    assert.equal(spared, "overloaded", "what it said to one holds for the next");
    assert.equal(world.asked, 1);
    const emergency = ask(world, 100, PEER, undefined, "BTG");
    assert.equal(await emergency, "overloaded");
    assert.equal(world.asked, 2, "but not for emergency access");
    await world.clock.advance(2_000);
    assert.equal(await busy, "overloaded");
    assert.equal(world.asked, 3, "asked again once");
  });

  it("holds no more than so many questions for a peer that is slow, and none longer than its deadline", async () => {
    const world = aWorld(hangs);
    const heard = Array.from({ length: 2_000 }, () => ask(world, 1_000));
    assert.equal(world.open, 512);
    await world.clock.advance(1_000);
    const counts = Map.groupBy(await Promise.all(heard), (outcome) => outcome);
    assert.equal(counts.get("overloaded")?.length, 2_000 - 1_024, "at once, where as many wait already");
    assert.equal(world.open, 0);
  });

  it("asks at the second address where the first is slow or gone; one answer counts, the other is cancelled", async () => {
    const attempts: { readonly endpoint: string; readonly signal: AbortSignal }[] = [];
    const world = aWorld((endpoint, deadline, signal) => {
      attempts.push({ endpoint, signal });
      return endpoint === "two:1" ? Promise.resolve(ANSWER) : hangs(endpoint, deadline, signal);
    });
    const slow = ask(world, 2_000, TWICE);
    await world.clock.advance(149);
    assert.equal(attempts.length, 1);
    await world.clock.advance(1);
    assert.equal(await slow, "nothing-to-show");
    assert.deepEqual(
      attempts.map(({ endpoint, signal }) => [endpoint, signal.aborted]),
      [
        ["one:1", true],
        ["two:1", true],
      ],
    );
    world.behave = (endpoint) => (endpoint === "two:1" ? Promise.resolve(ANSWER) : fails("unreachable")("", ...NEVER));
    assert.equal(await ask(world, 2_000, TWICE), "nothing-to-show", "at once");
    world.behave = fails("no-agreement");
    world.asked = 0;
    assert.equal(await ask(world, 2_000, TWICE), "no-agreement");
    assert.equal(world.asked, 1, "what it said is not asked for again");
    await world.clock.advance(10_000);
    assert.equal(world.open, 0);
  });

  it("does not ask a peer twice as much that is slow for everybody", async () => {
    const world = aWorld(hangs);
    for (let times = 0; times < 100; times++) {
      const heard = ask(world, 200, TWICE);
      await world.clock.advance(200);
      assert.equal(await heard, "timed-out");
    }
    assert.ok(world.asked <= 100 + 10 + 10, `${world.asked} attempts`);
  });

  it("gives every question one end by its deadline, whatever the peer does, and never rests on answers", async () => {
    const does = fc.constantFrom("answers", "hangs", "unreachable", "overloaded", "internal");
    const steps = fc.array(fc.tuple(does, fc.boolean(), fc.integer({ min: 1, max: 3_000 })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const world = aWorld(answers);
        for (const [how, greets, ms] of given) {
          world.greets = greets;
          world.behave = how === "answers" ? answers : how === "hangs" ? hangs : fails(how);
          const heard = ask(world, ms);
          await world.clock.advance(ms);
          const ended = await Promise.race([heard, Promise.resolve().then(() => "not ended")]);
          assert.notEqual(ended, "not ended");
        }
        assert.equal(world.open, 0);
        world.behave = answers;
        await world.clock.advance(2 * REST_MS);
        assert.equal(await ask(world), "nothing-to-show");
      }),
      { numRuns: 100 },
    );
  });
});

const NEVER = [undefined as unknown as Deadline, new AbortController().signal] as const;
