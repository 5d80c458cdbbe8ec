import assert from "node:assert/strict";

import { makeHandshakeGate } from "./handshake-gate.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";

/** A connection as the gate sees it. */
class Knock {
  destroyed = false;
  on(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

describe("the gate before handshakes", () => {
  function aGate() {
    const clock = makeFakeClock();
    const begun: Knock[] = [];
    let dropped = 0;
    const gate = makeHandshakeGate<Knock>(
      clock,
      (socket) => begun.push(socket),
      () => dropped++,
    );
    const knock = (times: number): Knock[] =>
      Array.from({ length: times }, () => {
        const socket = new Knock();
        gate.arrive(socket);
        return socket;
      });
    return { clock, gate, begun, knock, dropped: () => dropped };
  }

  it("lets a few in at once", () => {
    const { begun, knock } = aGate();
    assert.deepEqual(begun, knock(16));
  });

  it("lets fifty a second in beyond them, and never more", async () => {
    const { clock, begun, knock } = aGate();
    knock(100);
    assert.equal(begun.length, 16);
    await clock.advance(1_000);
    assert.ok(begun.length >= 64 && begun.length <= 67, `${begun.length}`);
    await clock.advance(1_000);
    assert.equal(begun.length, 100, "everybody's turn came");
    await clock.advance(60_000);
    knock(100);
    assert.equal(begun.length, 116, "nothing is saved up in quiet times");
  });

  it("lets the newest in first", async () => {
    const { clock, begun, knock } = aGate();
    knock(50);
    const [newest] = knock(1);
    await clock.advance(25);
    assert.equal(begun[16], newest);
  });

  it("drops the oldest where too many wait", async () => {
    const { clock, begun, knock, dropped } = aGate();
    const all = knock(16 + 128 + 3);
    assert.equal(dropped(), 3);
    assert.deepEqual(
      all.map(({ destroyed }) => destroyed),
      all.map((_, at) => at >= 16 && at < 19),
    );
    await clock.advance(10_000);
    assert.equal(begun.length, 16 + 128);
  });

  it("spends nothing on whoever has gone while waiting", async () => {
    const { clock, begun, knock } = aGate();
    for (const socket of knock(100).slice(16)) socket.destroy();
    const [stayed] = knock(1);
    await clock.advance(25);
    assert.deepEqual(begun.slice(16), [stayed]);
  });

  it("ends whoever waits when it closes", () => {
    const { gate, begun, knock } = aGate();
    const all = knock(20);
    gate.close();
    assert.equal(begun.length, 16);
    assert.ok(all.slice(16).every(({ destroyed }) => destroyed));
  });
});
