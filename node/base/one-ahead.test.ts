import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";

import { oneAhead } from "./one-ahead.ts";

describe("values asked for one ahead", () => {
  it("come in order, and the next is made while one is worked on, but no more", async () => {
    const made: number[] = [];
    async function* source(): AsyncGenerator<number, void> {
      for (let value = 1; value <= 4; value++) {
        made.push(value);
        yield await Promise.resolve(value);
      }
    }
    const seen: [number, number][] = [];
    for await (const value of oneAhead(source())) {
      await turn();
      seen.push([value, made.length]);
    }
    assert.deepEqual(seen, [
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 4],
    ]);
  });

  it("end with the source's failure, after what it gave before", async () => {
    async function* source(): AsyncGenerator<number, void> {
      yield 1;
      throw new Error("the end of the road");
    }
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const value of oneAhead(source())) seen.push(value);
    }, /end of the road/);
    assert.deepEqual(seen, [1]);
  });

  it("tell a source that nobody wants more, and leave no rejection behind", async () => {
    let closed = false;
    async function* source(): AsyncGenerator<number, void> {
      try {
        yield 1;
        throw new Error("nobody asked");
      } finally {
        closed = true;
      }
    }
    for await (const _ of oneAhead(source())) break;
    await turn();
    assert.ok(closed);
  });
});
