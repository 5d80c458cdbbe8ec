import assert from "node:assert/strict";

import { NhsNumber } from "../../node/base/nhs-number.ts";
import { CHARACTERS } from "../people/characters.ts";
import { Draws } from "./draws.ts";
import { makeShuffle, Numbers, PEOPLE_MAX } from "./numbers.ts";
import { Weighted } from "./weighted.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("the numbers of a population", () => {
  const numbers = new Numbers(7);

  it("are valid, of the range that is never issued, and each person's own", () => {
    const some = [...upTo(60_000), ...upTo(1_000).map((at) => PEOPLE_MAX - 1 - at)];
    const given = some.flatMap((person) => [numbers.nhsNumber(person), numbers.earlierNhsNumber(person)]);
    assert.equal(new Set(given).size, given.length);
    assert.ok(given.every((number) => number >= "9120000000" && NhsNumber.parse(number) !== undefined));
  });

  it("are none of the documented people's", () => {
    for (const character of Object.values(CHARACTERS)) {
      if ("nhsNumber" in character) assert.ok(character.nhsNumber < "9120000000");
    }
  });

  it("are others with another seed", () => {
    assert.notEqual(new Numbers(8).nhsNumber(0), numbers.nhsNumber(0));
  });

  it("of providers are of eight digits, each person's own at one provider, and another at the next", () => {
    const local = upTo(50_000).map((person) => numbers.localDigits(3, person));
    assert.equal(new Set(local).size, local.length);
    assert.ok(local.every((digits) => /^\d{8}$/.test(digits)));
    assert.notEqual(numbers.localDigits(4, 1), numbers.localDigits(3, 1));
    assert.notEqual(numbers.addressDigits(3, 1), numbers.localDigits(3, 1));
  });
});

describe("a shuffle", () => {
  it("gives every number of its range exactly once, and not in order", () => {
    for (const seed of upTo(50)) {
      const shuffled = upTo(55 * 80).map(makeShuffle(seed, 55, 80));
      assert.deepEqual(
        [...shuffled].sort((a, b) => a - b),
        upTo(55 * 80),
      );
      assert.notDeepEqual(shuffled.slice(0, 5), upTo(5));
    }
  });
});

describe("draws", () => {
  it("are the same from the same start, and no two of very many starts begin alike", () => {
    const draws = new Draws();
    const beginning = (area: number, number: number): string => {
      draws.startAt(1, 2, area, number);
      return `${draws.next()} ${draws.next()}`;
    };
    assert.equal(beginning(3, 4), beginning(3, 4));
    const starts = upTo(6).flatMap((area) => upTo(30_000).map((number) => beginning(area, number)));
    assert.equal(new Set(starts).size, starts.length);
  });

  it("are spread evenly, within one sequence and across the first of many", () => {
    const draws = new Draws().startAt(1, 1, 1, 1);
    const within = upTo(100_000).map(() => draws.between(0, 9));
    const across = upTo(100_000).map((number) => draws.startAt(1, 1, 1, number).between(0, 9));
    for (const drawn of [within, across]) {
      const counts = upTo(10).map((digit) => drawn.filter((each) => each === digit).length);
      assert.ok(
        counts.every((count) => Math.abs(count - 10_000) < 500),
        counts.join(" "),
      ); // five standard deviations
    }
  });
});

describe("a weighted pick", () => {
  it("picks each thing by its weight, and never one without", () => {
    const weighted = new Weighted(["often", "never", "seldom"], [9, 0, 1]).mixedWith(["other"], 0.5);
    const draws = new Draws().startAt(1, 1, 1, 1);
    const picked = upTo(100_000).map(() => weighted.pick(draws));
    const share = (thing: string): number => picked.filter((each) => each === thing).length / picked.length;
    assert.equal(share("never"), 0);
    assert.ok(Math.abs(share("often") - 0.45) < 0.01 && Math.abs(share("seldom") - 0.05) < 0.01);
    assert.ok(Math.abs(share("other") - 0.5) < 0.01);
  });
});
