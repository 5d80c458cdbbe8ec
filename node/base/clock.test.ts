import assert from "node:assert/strict";

import { systemClock } from "./clock.ts";

describe("the machine's clock", () => {
  it("waits until a moment and never less, be it for one or for many at once", async () => {
    for (const count of [1, 40]) {
      const late = await Promise.all(
        Array.from({ length: count }, async (_, place) => {
          const atMs = systemClock.monotonicMs() + 3 + place / 7;
          await systemClock.until(atMs);
          return systemClock.monotonicMs() - atMs;
        }),
      );
      assert.ok(Math.min(...late) >= 0, `${Math.min(...late)} ms`);
    }
  });

  it("does not wait for a moment that has passed", async () => {
    const startedMs = systemClock.monotonicMs();
    await systemClock.until(startedMs - 1_000);
    assert.ok(systemClock.monotonicMs() - startedMs < 500);
  });
});
