import assert from "node:assert/strict";
import { inspect } from "node:util";

import fc from "fast-check";

import { NhsNumber, checkDigit, containsNhsNumber } from "./nhs-number.ts";

describe("NHS number", () => {
  it("is read with and without the usual spaces or hyphens", () => {
    for (const text of ["9000000009", "900 000 0009", "900-000-0009", " 9000000009 "]) {
      assert.equal(NhsNumber.parse(text)?.expose(), "9000000009", text);
    }
  });

  const wrong: [string, string][] = [
    ["a wrong check digit", "9000000000"],
    ["too short", "900000000"],
    ["too long", "90000000099"],
    ["ten equal digits, though all of them pass the check", "9999999999"],
    ["ten zeros", "0000000000"],
    ["letters for digits", "9OOOOOOOO9"],
    ["Arabic-Indic digits", "٩٠٠٠٠٠٠٠٠٩"],
    ["full-width digits", "９０００００００09"],
    ["an embedded NUL", "900000\u00000009"],
    ["a bidi control", "\u202e9000000009"],
    ["nothing", ""],
  ];
  for (const [what, text] of wrong) {
    it(`refuses ${what}`, () => assert.equal(NhsNumber.parse(text), undefined));
  }

  it("accepts exactly one last digit, or none where the check digit would be 10", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (front) => {
        const nine = String(front).padStart(9, "0");
        const accepted = [..."0123456789"].filter((last) => NhsNumber.parse(nine + last) !== undefined);
        const digit = checkDigit(nine);
        const allEqual = new Set(nine + String(digit)).size === 1;
        assert.deepEqual(accepted, digit === 10 || allEqual ? [] : [String(digit)]);
      }),
    );
  });

  it("catches any one digit typed wrong and any two neighbours swapped", () => {
    const good = "9434765919";
    assert.ok(NhsNumber.parse(good));
    for (let at = 0; at < 10; at++) {
      for (const digit of "0123456789") {
        if (digit === good[at]) continue;
        assert.equal(NhsNumber.parse(good.slice(0, at) + digit + good.slice(at + 1)), undefined);
      }
      const [a, b] = [good[at], good[at + 1]];
      if (b === undefined || a === b) continue;
      assert.equal(NhsNumber.parse(good.slice(0, at) + b + a + good.slice(at + 2)), undefined);
    }
  });

  it("is found in a text, as people write it", () => {
    const gaps = [
      "",
      " ",
      "-",
      ".",
      "_",
      "+",
      "\u00a0",
      "\u2013",
      "\u2011",
      "\u2212",
      "\u200b",
      "  ",
      " - ".trim(),
      "- ",
    ];
    for (const gap of gaps) {
      const written = ["900", "000", "0009"].join(gap);
      for (const text of [written, `att ${written}/2`, `${written}-1`, `a${written}b`, `(${written})`]) {
        assert.ok(containsNhsNumber(text), JSON.stringify(text));
      }
    }
    assert.ok(containsNhsNumber("９００００００００９"), "full-width digits");
  });

  it("is not found in other digits", () => {
    for (const text of ["", "9000000000", "90000000099", "555021935107", "9999999999", "2026-11-22", "900/000/0009"]) {
      assert.ok(!containsNhsNumber(text), text);
    }
  });

  it("cannot be printed by accident", () => {
    const number = NhsNumber.parse("9000000009");
    const ways = [
      String(number),
      `${number}`,
      JSON.stringify({ number }),
      inspect(number),
      inspect({ deep: { number } }),
    ];
    for (const text of ways) assert.ok(!text.includes("9000000009"), text);
    assert.throws(() => structuredClone(number)?.expose(), "a clone has lost the value");
  });
});
