import assert from "node:assert/strict";

import { orderedUuid, timeOfOrderedUuid } from "./ordered-uuid.ts";
import { seededRandom } from "./random.ts";
import { isUuid } from "./words.ts";

describe("an ordered UUID", () => {
  const random = seededRandom(7);

  it("is of version 7 and says when it was drawn", () => {
    const uuid = orderedUuid(random, 0x0190_2f3a_4b5c);
    assert.ok(isUuid(uuid));
    assert.match(uuid, /^01902f3a-4b5c-7[0-9a-f]{3}-[89ab]/);
    assert.equal(timeOfOrderedUuid(uuid)?.toString("hex"), "01902f3a4b5c");
  });

  it("stands behind every one of an earlier millisecond, and is like none", () => {
    const drawn = Array.from({ length: 2_000 }, (_, at) => orderedUuid(random, 1_790_000_000_000 + Math.floor(at / 2)));
    assert.equal(new Set(drawn).size, drawn.length);
    for (let at = 2; at < drawn.length; at += 2) assert.ok(drawn[at]! > drawn[at - 2]! && drawn[at]! > drawn[at - 1]!);
  });

  it("has no time where it is of another version", () => {
    assert.equal(timeOfOrderedUuid(random.uuid()), undefined);
  });
});
