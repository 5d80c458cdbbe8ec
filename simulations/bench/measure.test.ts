import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";

import fc from "fast-check";

import { compareRounds, keepInFlight, median, percentile } from "./measure.ts";

describe("the measures of the bench", () => {
  it("take percentiles by nearest rank, whatever the order", () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
    assert.deepEqual(
      [1, 50, 99, 100].map((percent) => percentile(hundred, percent)),
      [1, 50, 99, 100],
    );
    assert.equal(percentile([7], 99), 7);
    assert.deepEqual([percentile([1, 2], 50), percentile([1, 2], 51)], [1, 2]);
    assert.throws(() => percentile([], 50), /at least one/);
  });

  it("give as a percentile one of the values, that so many do not exceed and fewer would not do", () => {
    const values = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (given, percent) => {
        const found = percentile(given, percent);
        const atMost = given.filter((value) => value <= found).length;
        const below = given.filter((value) => value < found).length;
        return given.includes(found) && atMost * 100 >= percent * given.length && below * 100 < percent * given.length;
      }),
    );
  });

  it("take the median of an even number from the two in the middle", () => {
    assert.deepEqual([median([3, 1, 2]), median([10, 1, 2, 4])], [2, 3]);
    assert.throws(() => median([]), /at least one/);
  });

  it("compare round by round: one slow round of both moves the medians and not the ratio", () => {
    const rounds = [
      { value: 50, baseline: 100 },
      { value: 5, baseline: 10 },
      { value: 60, baseline: 100 },
    ];
    assert.deepEqual(compareRounds(rounds), { value: 50, baseline: 100, ratio: 0.5, spread: [0.5, 0.6] });
  });

  it("keep exactly so many in flight, and count every answer", async () => {
    let open = 0;
    const seen = new Set<number>();
    let answers = 0;
    const load = await keepInFlight(5, 20, async () => {
      seen.add(++open);
      await turn();
      open--;
      answers++;
    });
    assert.equal(Math.max(...seen), 5);
    assert.deepEqual([load.count, load.latenciesMs.length, open], [answers, answers, 0]);
    assert.ok(load.perSecond > 0);
  });

  it("let a failed question fail the measurement", async () => {
    await assert.rejects(
      keepInFlight(2, 20, () => Promise.reject(new Error("no answer"))),
      /no answer/,
    );
  });
});
