import assert from "node:assert/strict";

import fc from "fast-check";

import { Deadline } from "../base/deadline.ts";
import type { Failure } from "../base/failure.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { QUESTIONS_AT_ONCE_MAX, QUESTIONS_WAITING_MAX } from "./bounds.ts";
import { FairQueue } from "./fair-queue.ts";

const LONG_MS = 3_600_000;

/** A queue whose turns come when a test says so, and who was begun in which order. */
function aQueue() {
  const now = { ms: 0 };
  const clock = { ...makeFakeClock(), monotonicMs: () => now.ms };
  const turns: (() => void)[] = [];
  const queue = new FairQueue({ ...clock, after: (_ms, turn) => (turns.push(turn), { cancel() {} }) });
  const begun: string[] = [];
  const ask = (asker: string, ms = LONG_MS, isUrgent = false, name = asker): Promise<string> => {
    const work = (): Promise<string> => (begun.push(name), Promise.resolve("begun"));
    return queue.run(asker, Deadline.in(clock, ms), () => isUrgent, work).catch(({ code }: Failure) => code);
  };
  return {
    ...{ turns, begun, ask },
    flood: (asker: string, count: number, ms?: number) => Array.from({ length: count }, () => ask(asker, ms)),
    /** Lets the next turn come, so much later. */
    async turn(laterMs = 1): Promise<void> {
      now.ms += laterMs;
      turns.shift()?.();
      for (let job = 0; job < 10; job++) await Promise.resolve();
    },
  };
}

describe("the queue of peers' questions", () => {
  it("begins a question there and then where nobody waits", async () => {
    const { turns, turn, begun, ask, flood } = aQueue();
    void ask("one");
    assert.deepEqual(begun, ["one"]);
    await turn();
    assert.equal(turns.length, 0, "nothing goes on where nobody asks");
    void flood("one", QUESTIONS_AT_ONCE_MAX);
    assert.equal(begun.length, QUESTIONS_AT_ONCE_MAX + 1);
  });

  it("lets whoever asks little go next, however much another asks", async () => {
    const { turn, begun, ask, flood } = aQueue();
    void flood("loud", 1_000);
    for (const quiet of ["a", "b", "c"]) void ask(quiet);
    begun.length = 0;
    await turn();
    assert.equal(begun.length, QUESTIONS_AT_ONCE_MAX);
    assert.deepEqual(begun.slice(0, 5), ["loud", "a", "b", "c", "loud"]);
  });

  it("gives two that ask without end the same", async () => {
    const { turn, begun, flood } = aQueue();
    void flood("one", 2_000);
    void flood("other", 500);
    begun.length = 0;
    for (let times = 0; times < 10; times++) await turn();
    assert.equal(begun.length, 10 * QUESTIONS_AT_ONCE_MAX);
    assert.equal(begun.filter((asker) => asker === "one").length, begun.length / 2);
  });

  it("puts emergency access before its own asker's other questions, and before nobody else's", async () => {
    const { turn, begun, ask, flood } = aQueue();
    void flood("loud", 500);
    void ask("quiet");
    void ask("loud", LONG_MS, true, "loud's emergency");
    begun.length = 0;
    await turn();
    assert.deepEqual(begun.slice(0, 3), ["loud's emergency", "quiet", "loud"]);
  });

  it("says at once that it cannot be in time; to those behind nobody it says nothing of the kind", async () => {
    const { turn, ask, flood } = aQueue();
    void flood("loud", 2_000);
    await turn(20); // the first turn is long: what each question takes is learnt
    assert.equal(await ask("loud", 200), "overloaded");
    const [later, other] = [ask("loud", 10_000), ask("quiet", 200)];
    await turn();
    assert.equal(await other, "begun");
    for (let times = 0; times < 40; times++) await turn();
    assert.equal(await later, "begun");
  });

  it("begins nothing whose time has passed, and lets no asker wait with more than the bound", async () => {
    const { turn, begun, ask, flood } = aQueue();
    void flood("loud", QUESTIONS_AT_ONCE_MAX);
    const short = ask("quiet", 10);
    const [within, beyond] = [flood("loud", QUESTIONS_WAITING_MAX), flood("loud", 10)];
    assert.deepEqual(new Set(await Promise.all(beyond)), new Set(["overloaded"]));
    await turn(20);
    assert.equal(await short, "deadline-too-short");
    assert.ok(!begun.includes("quiet"));
    for (let times = 0; times < 80; times++) await turn();
    assert.deepEqual(new Set(await Promise.all(within)), new Set(["begun"]));
  });

  it("gives every question one end, whoever asks how much", async () => {
    const asks = fc.array(
      fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean(), fc.integer({ min: 1, max: 50 }), fc.nat(200)),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(asks, async (given) => {
        const { turns, turn, begun, ask } = aQueue();
        const heard: Promise<string>[] = [];
        for (const [asker, isUrgent, ms, count] of given) {
          for (let at = 0; at < count; at++) heard.push(ask(asker, ms, isUrgent));
          await turn(ms % 3);
        }
        while (turns.length > 0) await turn();
        const ends = await Promise.all(heard);
        assert.equal(ends.filter((end) => end === "begun").length, begun.length);
      }),
      { numRuns: 50 },
    );
  });
});
