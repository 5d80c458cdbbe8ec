import assert from "node:assert/strict";

import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeBulkRefusals } from "./bulk-refusals.ts";

describe("refusals by the thousand", () => {
  it("are written once a minute for each asker, and counted", async () => {
    const clock = makeFakeClock();
    const told: unknown[] = [];
    const refusals = makeBulkRefusals(clock, (...of) => told.push(of));
    const first = (asker: string, times: number): number =>
      Array.from({ length: times }, () => refusals.isFirst(asker)).filter((is) => is).length;
    assert.deepEqual([first("wm-cw", 5_000), first("wm-hw", 1)], [1, 1]);
    await clock.advance(60_000);
    assert.deepEqual(told, [["wm-cw", 5_000]]);
    assert.equal(first("wm-cw", 2), 1);
    await clock.advance(120_000);
    assert.deepEqual(told.length, 2, "nothing is said of whom there is nothing to say");
    refusals.close();
    assert.equal(clock.pending(), 0);
  });
});
