import assert from "node:assert/strict";

import { type Clock, systemClock, today } from "./clock.ts";
import { Deadline } from "./deadline.ts";

describe("deadline", () => {
  let nowMs = 1_000;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };

  it("counts down on the monotonic clock and stops at zero", () => {
    const deadline = Deadline.in(clock, 100);
    assert.equal(deadline.remainingMs(), 100);
    nowMs += 60;
    assert.equal(deadline.remainingMs(), 40);
    assert.equal(deadline.keepingBack(30).remainingMs(), 10);
    nowMs += 60;
    assert.equal(deadline.remainingMs(), 0);
    assert.ok(deadline.passed());
  });
});

describe("today", () => {
  it("is the day in the United Kingdom, summer time included", () => {
    const at = (iso: string): string => today({ ...systemClock, wallMs: () => Date.parse(iso) });
    assert.equal(at("2026-06-30T23:30:00Z"), "2026-07-01");
    assert.equal(at("2026-12-31T23:30:00Z"), "2026-12-31");
  });
});

describe("the machine's clock", () => {
  it("wakes a sleeper early when its signal aborts", async () => {
    const stop = new AbortController();
    const startedMs = systemClock.monotonicMs();
    const asleep = systemClock.sleep(10_000, stop.signal);
    stop.abort();
    await asleep;
    assert.ok(systemClock.monotonicMs() - startedMs < 1_000);
  });
});
