import assert from "node:assert/strict";

import { isUuid } from "./words.ts";
import { seededRandom, systemRandom } from "./random.ts";

describe("the machine's randomness", () => {
  it("gives out no bytes twice, across many refills of its pool", () => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 2_000; turn++) seen.add(Buffer.from(systemRandom.bytes(16)).toString("hex"));
    assert.equal(seen.size, 2_000);
  });

  it("gives as many bytes as asked for, however many", () => {
    for (const count of [0, 1, 16, 4_096, 10_000]) assert.equal(systemRandom.bytes(count).length, count);
  });

  it("leaves bytes that were given out alone", () => {
    const first = systemRandom.bytes(16);
    const kept = Buffer.from(first).toString("hex");
    for (let turn = 0; turn < 600; turn++) systemRandom.bytes(16);
    assert.equal(Buffer.from(first).toString("hex"), kept);
  });
});

describe("seeded randomness", () => {
  it("repeats itself by its seed, and only by its seed", () => {
    const draw = (seed: number): string => {
      const random = seededRandom(seed);
      return `${random.uuid()} ${random.fraction()} ${String(random.bytes(4))}`;
    };
    assert.equal(draw(7), draw(7));
    assert.notEqual(draw(7), draw(8));
  });

  it("gives well-formed UUIDs and fractions from 0 up to 1", () => {
    const random = seededRandom(1);
    for (let turn = 0; turn < 1_000; turn++) {
      assert.ok(isUuid(random.uuid()));
      const fraction = random.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
    }
  });
});
