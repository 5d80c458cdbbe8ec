import assert from "node:assert/strict";

import { seededRandom } from "../../node/base/random.ts";
import { differenceOf } from "./welch.ts";

const random = seededRandom(20_26);

/** Times of about 6 ms, one in twenty of them late for reasons of its own. */
function times(count: number, moreMs: number): number[] {
  return Array.from({ length: count }, () => {
    const late = random.fraction() < 0.05 ? 20 * random.fraction() : 0;
    return 6 + moreMs + random.fraction() + late;
  });
}

describe("the difference of two sets of times", () => {
  it("is none between two of the same kind", () => {
    for (let turn = 0; turn < 20; turn++) assert.ok(differenceOf(times(2_000, 0), times(2_000, 0)) < 4.5);
  });

  it("is found where one is 100 µs longer", () => {
    for (let turn = 0; turn < 20; turn++) assert.ok(differenceOf(times(2_000, 0), times(2_000, 0.1)) > 4.5);
  });

  it("is found under noise many times as large, on a machine where others work", () => {
    const noisy = (moreMs: number): number[] =>
      times(8_000, moreMs).map((time) => time + (random.fraction() < 0.7 ? 40 * random.fraction() : 0));
    for (let turn = 0; turn < 5; turn++) {
      assert.ok(differenceOf(noisy(0), noisy(0)) < 4.5);
      assert.ok(differenceOf(noisy(0), noisy(0.1)) > 4.5);
    }
  });

  it("is found where only the slowest differ", () => {
    const some = times(2_000, 0);
    assert.ok(differenceOf(some, [...times(1_800, 0), ...times(200, 5)]) > 4.5);
  });
});
