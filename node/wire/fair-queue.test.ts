import assert from "node:assert/strict";

import fc from "fast-check";

import { Deadline } from "../base/deadline.ts";
import type { Failure } from "../base/failure.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { QUESTIONS_AT_ONCE_FIRST, QUESTIONS_AT_ONCE_MIN, QUESTIONS_WAITING_MAX } from "./bounds.ts";
import { FairQueue } from "./fair-queue.ts";

const LONG_MS = 3_600_000;

/** A queue, who was begun in which order, and a way to let those under way be done. */
function aQueue() {
  const now = { ms: 0 };
  const clock = { ...makeFakeClock(), monotonicMs: () => now.ms };
  const queue = new FairQueue(clock);
  const begun: string[] = [];
  const underWay: (() => void)[] = [];
  const ask = (asker: string, ms = LONG_MS, isUrgent = false, name = asker): Promise<string> => {
    const work = (): Promise<string> => {
      begun.push(name);
      return new Promise((resolve) => underWay.push(() => resolve("answered")));
    };
    return queue.run(asker, Deadline.in(clock, ms), () => isUrgent, work).catch(({ code }: Failure) => code);
  };
  const settle = async (): Promise<void> => {
    for (let job = 0; job < 20; job++) await Promise.resolve();
  };
  return {
    ...{ begun, underWay, ask },
    flood: (asker: string, count: number, ms?: number) => Array.from({ length: count }, () => ask(asker, ms)),
    /** Lets the oldest be done, one after the other, each so much later. */
    async done(count: number, laterMs = 1): Promise<void> {
      for (let at = 0; at < count && underWay.length > 0; at++) {
        now.ms += laterMs;
        underWay.shift()?.();
        await settle();
      }
    },
  };
}

describe("the queue of peers' questions", () => {
  it("begins a question there and then where nobody waits", async () => {
    const { begun, ask, done, flood } = aQueue();
    const one = ask("one");
    assert.deepEqual(begun, ["one"]);
    await done(1);
    assert.equal(await one, "answered");
    void flood("one", QUESTIONS_AT_ONCE_FIRST + 1);
    assert.equal(begun.length, QUESTIONS_AT_ONCE_FIRST + 1);
  });

  it("lets whoever asks little go next, however much another asks", async () => {
    const { begun, ask, done, flood } = aQueue();
    void flood("loud", 1_000);
    for (const quiet of ["a", "b", "c"]) void ask(quiet);
    begun.length = 0;
    await done(8, 10);
    assert.deepEqual(begun.slice(0, 5), ["loud", "a", "b", "c", "loud"]);
  });

  it("gives two that ask without end the same", async () => {
    const { begun, done, flood } = aQueue();
    void flood("one", 2_000);
    void flood("other", 500);
    begun.length = 0;
    await done(400, 0.1);
    assert.ok(begun.length > 400);
    assert.ok(Math.abs(begun.filter((asker) => asker === "one").length - begun.length / 2) <= 1);
  });

  it("puts emergency access before its own asker's other questions, and before nobody else's", async () => {
    const { begun, ask, done, flood } = aQueue();
    void flood("loud", 500);
    void ask("quiet");
    void ask("loud", LONG_MS, true, "loud's emergency");
    begun.length = 0;
    await done(5, 10);
    assert.deepEqual(begun.slice(0, 3), ["loud's emergency", "quiet", "loud"]);
  });

  it("has fewer under way where they take long, more where they do not, and always some", async () => {
    const { underWay, done, flood } = aQueue();
    void flood("loud", 4_000);
    await done(600, 2);
    const within = underWay.length;
    assert.ok(within >= 20 && within <= 30, `${within}, not as many as are answered within 50 ms`);
    await done(600, 1_000);
    assert.equal(underWay.length, QUESTIONS_AT_ONCE_MIN);
    await done(200, 0.1);
    assert.ok(underWay.length > 100, `${underWay.length} under way`);
  });

  it("says at once that it cannot be in time; to those behind nobody it says nothing of the kind", async () => {
    const { ask, done, flood } = aQueue();
    void flood("loud", 2_000);
    await done(100, 5); // what each question takes is learnt
    assert.equal(await ask("loud", 1_000), "overloaded");
    const [later, other] = [ask("loud", 60_000), ask("quiet", 1_000)];
    await done(300);
    assert.equal(await other, "answered");
    await done(3_000);
    assert.equal(await later, "answered");
  });

  it("begins nothing whose time has passed, and lets no asker wait with more than the bound", async () => {
    const { begun, ask, done, flood } = aQueue();
    void flood("loud", QUESTIONS_AT_ONCE_FIRST);
    const short = ask("quiet", 10);
    const [within, beyond] = [flood("loud", QUESTIONS_WAITING_MAX), flood("loud", 10)];
    assert.deepEqual(new Set(await Promise.all(beyond)), new Set(["overloaded"]));
    await done(1, 20);
    assert.equal(await short, "deadline-too-short");
    assert.ok(!begun.includes("quiet"));
    await done(QUESTIONS_WAITING_MAX + QUESTIONS_AT_ONCE_FIRST, 0.1);
    assert.deepEqual(new Set(await Promise.all(within)), new Set(["answered"]));
  });

  it("gives every question one end, whoever asks how much", async () => {
    const asks = fc.array(
      fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean(), fc.integer({ min: 1, max: 500 }), fc.nat(300)),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(asks, async (given) => {
        const { begun, underWay, ask, done } = aQueue();
        const heard: Promise<string>[] = [];
        for (const [asker, isUrgent, ms, count] of given) {
          for (let at = 0; at < count; at++) heard.push(ask(asker, ms, isUrgent));
          await done(count % 7, ms % 11);
        }
        while (underWay.length > 0) await done(100, 1);
        const ends = await Promise.all(heard);
        assert.equal(ends.filter((end) => end === "answered").length, begun.length);
      }),
      { numRuns: 30 },
    );
  });
});
