import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";

import { makeTurns } from "./turns.ts";

describe("turns", () => {
  it("come in order, so many at once, after failures too", async () => {
    const inTurn = makeTurns(2);
    const begun: number[] = [];
    let [underWay, most] = [0, 0];
    const works = Array.from({ length: 6 }, (_, n) =>
      inTurn(async () => {
        begun.push(n);
        most = Math.max(most, ++underWay);
        await turn();
        underWay--;
        if (n % 2 === 0) throw new Error("odd");
        return n;
      }),
    );
    const settled = await Promise.allSettled(works);
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
    assert.equal(most, 2);
    assert.deepEqual(
      settled.map((each) => (each.status === "fulfilled" ? each.value : "failed")),
      ["failed", 1, "failed", 3, "failed", 5],
    );
  });
});
