import assert from "node:assert/strict";

import { workingDaysAfter } from "./working-days.ts";

describe("working days", () => {
  for (const [from, days, to, why] of [
    ["2026-11-23", 5, "2026-11-30", "a weekend between"],
    ["2026-11-27", 1, "2026-11-30", "a Friday"],
    ["2026-11-28", 1, "2026-11-30", "a Saturday"],
    ["2026-12-23", 5, "2027-01-04", "Christmas, the substitute for Boxing Day, and New Year"],
    ["2026-04-02", 1, "2026-04-07", "Easter"],
    ["2027-12-24", 2, "2027-12-30", "both days of Christmas moved to Monday and Tuesday"],
  ] as const) {
    it(`are ${to} where ${days} follow ${from}: ${why}`, () => assert.equal(workingDaysAfter(from, days), to));
  }
});
