import assert from "node:assert/strict";

import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeDisplay } from "./load-display.ts";
import { BEGINNING, type Position } from "./load-position.ts";

describe("what a load shows", () => {
  async function show(isTerminal: boolean): Promise<string> {
    const clock = makeFakeClock();
    let shown = "";
    const write = (text: string): void => void (shown += text);
    const display = makeDisplay({ clock, from: BEGINNING, bytes: [60_000, 60_000], isTerminal, write });
    const onBytes = display.newReading(0);
    const at = (read: number): Position => ({ ...BEGINNING, read, accepted: read - 1, rejected: 1 });
    onBytes(1_000);
    display.reached(at(10));
    for (let second = 1; second <= 30; second++) {
      await clock.advance(1_000);
      onBytes(1_000);
      display.reached(at(10 + second * 100));
    }
    display.say("A word.");
    display.end();
    return shown;
  }

  it("is one line written over on a terminal: how far, how fast, how long still", async () => {
    const shown = await show(true);
    assert.match(shown, /25 %: 3009 durable, 1 rejected, 100 a second, about 89 s left/);
    assert.equal(shown.split("\n").length, 2);
    assert.ok(shown.endsWith("\r\u001b[KA word.\n"));
  });

  it("is a line now and then anywhere else, without control characters", async () => {
    const shown = await show(false);
    assert.equal(shown.split("\n").length, 4);
    assert.ok(!shown.includes("\r") && !shown.includes("\u001b"));
  });
});
