import assert from "node:assert/strict";

import { systemClock } from "./clock.ts";
import { mapInSlices } from "./in-slices.ts";

describe("work in slices", () => {
  it("is done in order, and lets others have their turn", async () => {
    const items = Array.from({ length: 60 }, (_, place) => place);
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const busy = (item: number, place: number): number => {
      const untilMs = performance.now() + 1;
      while (performance.now() < untilMs);
      return item + place;
    };
    const doubled = await mapInSlices(items, busy, systemClock);
    clearInterval(others);
    assert.deepEqual(
      doubled,
      items.map((item) => 2 * item),
    );
    assert.ok(turns >= 5, `${turns} turns for others in 60 ms of work`);
  });
});
