import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { tryAgain } from "./load-tries.ts";

describe("trying a load again", () => {
  const busy = new Failure("overloaded", "Too much at once.");

  /** Runs attempts that each make a step or not, and fail with what is given; `undefined` succeeds. */
  async function run(
    outcomes: readonly (readonly [steps: number, failure: Error | undefined])[],
    signal?: AbortSignal,
  ) {
    const clock = makeFakeClock();
    const pausesMs: number[] = [];
    let [steps, attempts] = [0, 0];
    const ended = tryAgain({
      attempt() {
        const [step, failure] = outcomes[Math.min(attempts++, outcomes.length - 1)]!;
        steps += step;
        return failure === undefined ? Promise.resolve("loaded") : Promise.reject(failure);
      },
      stepsSoFar: () => steps,
      onPause: (_, pauseMs) => pausesMs.push(pauseMs),
      ...{ signal: signal ?? new AbortController().signal, clock, random: seededRandom(1) },
    }).then(
      (result) => ({ result, thrown: undefined }),
      (thrown: unknown) => ({ result: undefined, thrown }),
    );
    await clock.advance(600_000);
    return { ...(await ended), attempts, pausesMs };
  }

  it("goes on after what passes, with growing pauses that chance spreads", async () => {
    const { result, pausesMs } = await run([
      [1, busy],
      [0, new Failure("unreachable", "Gone.")],
      [0, new Failure("store-unavailable", "Full.")],
      [1, undefined],
    ]);
    assert.equal(result, "loaded");
    for (const [at, pauseMs] of pausesMs.entries()) {
      assert.ok(pauseMs >= 250 * 2 ** at && pauseMs < 750 * 2 ** at, `${at}: ${pauseMs}`);
    }
    assert.ok(pausesMs.every((pauseMs) => pauseMs % 250 !== 0));
  });

  it("gives up where nothing goes forward, and says why", async () => {
    const { thrown, attempts, pausesMs } = await run([
      [1, busy],
      [0, busy],
    ]);
    assert.equal(thrown, busy);
    assert.equal(attempts, 8);
    assert.ok(Math.max(...pausesMs) <= 45_000);
  });

  it("begins the count anew with every step", async () => {
    const stepwise = Array.from({ length: 30 }, () => [1, busy] as const);
    assert.equal((await run([...stepwise, [1, undefined]])).result, "loaded");
  });

  const final: [what: string, steps: number, failure: Error][] = [
    ["what no trying mends", 1, new Failure("not-permitted", "No.")],
    ["a mistake of ours", 1, new Error("oh")],
    ["a node that was never there", 0, new Failure("unreachable", "Nobody listens.")],
  ];
  for (const [what, steps, failure] of final) {
    it(`tells ${what} at once`, async () => {
      const { thrown, attempts } = await run([[steps, failure]]);
      assert.deepEqual([thrown, attempts], [failure, 1]);
    });
  }

  it("does not go on where it is told to stop", async () => {
    assert.equal((await run([[1, busy]], AbortSignal.abort())).attempts, 1);
  });
});
