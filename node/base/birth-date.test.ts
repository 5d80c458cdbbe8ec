import assert from "node:assert/strict";

import { BirthDate, isCalendarDate } from "./birth-date.ts";

const TODAY = "2026-11-22";

describe("birth date", () => {
  it("is a real day between 1860 and today", () => {
    for (const day of ["1860-01-01", "2000-02-29", TODAY]) assert.equal(BirthDate.parse(day, TODAY)?.expose(), day);
  });

  for (const text of [
    "2026-11-23",
    "1859-12-31",
    "1900-02-29",
    "2000-13-01",
    "2000-00-10",
    "2000-1-1",
    "01/02/2000",
    "",
  ]) {
    it(`refuses ${text === "" ? "nothing" : text}`, () => assert.equal(BirthDate.parse(text, TODAY), undefined));
  }

  it("gives whole years of age, older from the birthday on", () => {
    const born = BirthDate.parse("2008-11-22", TODAY);
    assert.equal(born?.ageOn("2026-11-21"), 17);
    assert.equal(born?.ageOn("2026-11-22"), 18);
  });

  it("knows leap days", () => {
    assert.ok(isCalendarDate("2024-02-29"));
    assert.ok(!isCalendarDate("2023-02-29"));
  });

  it("cannot be printed by accident", () => {
    const born = BirthDate.parse("2000-02-29", TODAY);
    assert.ok(!`${born} ${JSON.stringify({ born })}`.includes("2000"));
  });
});
