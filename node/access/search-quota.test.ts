import assert from "node:assert/strict";

import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeSearchQuota, type SearchAlarm } from "./search-quota.ts";

const HOUR_MS = 3_600_000;
const ANNA = { caller: "ward", userId: "anna" };
const BILL = { caller: "ward", userId: "bill" };

describe("how much a user may search", () => {
  let clock = makeFakeClock();
  let alarms: SearchAlarm["event"][] = [];
  const quotaOf = (perUserHour: number) => {
    clock = makeFakeClock();
    alarms = [];
    return makeSearchQuota({ clock, perUserHour, alarm: ({ event }) => void alarms.push(event) });
  };

  it("is refused above the limit, with the time after which it is not, and nobody else is", async () => {
    const quota = quotaOf(100);
    for (let each = 0; each < 100; each++) assert.equal(quota.admit(ANNA), undefined);
    const refusal = quota.admit(ANNA);
    assert.equal(refusal?.code, "over-quota");
    assert.equal(refusal.retryAfterMs, HOUR_MS / 100);
    assert.doesNotMatch(refusal.message, /anna/);
    assert.equal(quota.admit(BILL), undefined);
    assert.equal(quota.admit({ ...ANNA, caller: "clinic" }), undefined, "another application's user is another user");
    await clock.advance(HOUR_MS / 100);
    assert.equal(quota.admit(ANNA), undefined);
  });

  it("alarms at half of it, and when it is refused, once each until the user has been quiet", async () => {
    const quota = quotaOf(100);
    for (let each = 0; each < 110; each++) quota.admit(ANNA);
    assert.deepEqual(alarms, ["user-searches-a-lot", "user-over-quota"]);
    await clock.advance(HOUR_MS);
    quota.admit(ANNA);
    for (let each = 0; each < 60; each++) quota.admit(ANNA);
    assert.deepEqual(alarms, ["user-searches-a-lot", "user-over-quota", "user-searches-a-lot"]);
  });

  it("counts everybody whom a search shows, so that a long list is not a cheap one", () => {
    const quota = quotaOf(100);
    quota.admit(ANNA);
    quota.noteShown(ANNA, 1);
    quota.admit(ANNA);
    quota.noteShown(ANNA, 99);
    assert.equal(quota.admit(ANNA)?.code, "over-quota");
  });

  it("is met by no registration desk: a patient every two minutes, three searches each, four people a list", async () => {
    const quota = quotaOf(600);
    for (let minute = 0; minute < 12 * 60; minute += 2) {
      for (let each = 0; each < 3; each++) {
        assert.equal(quota.admit(ANNA), undefined);
        quota.noteShown(ANNA, 4);
      }
      await clock.advance(120_000);
    }
  });
});
