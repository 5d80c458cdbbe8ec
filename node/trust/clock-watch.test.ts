import assert from "node:assert/strict";

import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type ClockJudgement, type ClockWatch, makeClockWatch } from "./clock-watch.ts";

describe("the watch over clocks", () => {
  let clock: FakeClock;
  /** How far this machine's wall clock has been put wrong. */
  let wrongMs: number;
  let watch: ClockWatch;
  let said: ClockJudgement[];

  beforeEach(() => {
    clock = makeFakeClock();
    wrongMs = 0;
    said = [];
    watch = makeClockWatch({
      clock: { ...clock, wallMs: () => clock.wallMs() + wrongMs },
      onChange: (judgement) => said.push(judgement),
    });
  });
  afterEach(() => watch.close());

  /** Peers whose clocks are so many seconds ahead of the true time. */
  const hear = (...seconds: readonly number[]): void => {
    for (const [at, each] of seconds.entries()) watch.note(`peer-${at}`, clock.wallMs() + each * 1_000);
  };

  it("says by how much, and of how many peers, this node's clock is off", () => {
    wrongMs = 74_000;
    hear(0, 0, 1, -1, 100);
    const { state, text } = watch.judge();
    assert.equal(state, "outside");
    assert.match(text, /^This node's clock is 74 s ahead of 4 of 5 peers: set it by NTP/);
    wrongMs = -74_000;
    assert.match(watch.judge().text, /74 s behind 5 of 5 peers/);
  });

  it("lets a minute pass, and not more", () => {
    hear(0, 0, 0);
    for (const [ms, state] of [
      [60_000, "agrees"],
      [-60_000, "agrees"],
      [60_001, "outside"],
      [-60_001, "outside"],
    ] as const) {
      wrongMs = ms;
      assert.equal(watch.judge().state, state, `${ms} ms`);
    }
  });

  it("is not misled by some peers that are wrong, and believes no one peer", () => {
    hear(0, 0, 0, 7_200, -900);
    assert.equal(watch.judge().state, "agrees");
    hear(0, 200);
    assert.equal(watch.judge().state, "agrees");
    const alone = makeClockWatch({ clock, onChange: () => assert.fail("nothing is known") });
    alone.note("peer-0", clock.wallMs() + 90_000);
    assert.equal(alone.judge().state, "unknown");
    assert.match(alone.judge().text, /90 s behind the only peer's .* one of the two is wrong/);
    alone.close();
  });

  it("sees its own clock jump within seconds, without asking again, and says so once; and once when it is right", async () => {
    hear(0, 0, 0);
    for (const jumpMs of [-3_600_000, 3_600_000, 365 * 86_400_000]) {
      wrongMs = jumpMs;
      await clock.advance(5_000);
      assert.deepEqual([said.length, said[0]?.state], [1, "outside"], `${jumpMs} ms`);
      await clock.advance(60_000);
      wrongMs = 0;
      await clock.advance(5_000);
      assert.deepEqual([said.length, said[1]?.state], [2, "agrees"]);
      said.length = 0;
    }
  });

  it("forgets what was heard a quarter of an hour ago", async () => {
    hear(0, 0, 0);
    await clock.advance(15 * 60_000 + 1);
    assert.equal(watch.judge().state, "unknown");
    assert.equal(watch.aheadOf("peer-0"), undefined);
  });

  it("tells whose clock to check where an asker's is too far from this node's", () => {
    assert.equal(watch.whichClock(), "check both clocks");
    hear(0, 0, 0);
    assert.match(watch.whichClock(), /the holder's agrees with its peers': check the asker's/);
    wrongMs = 120_000;
    assert.match(watch.whichClock(), /it is the holder's that is wrong\. This node's clock is 120 s ahead of 3 of 3/);
  });
});
