import assert from "node:assert/strict";

import type { Member } from "../../topology/manifest.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Identified } from "../base/identified.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { aPermit, aQuestion, byDemographics, byNumber } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { discoverNumber } from "./discover-number.ts";

const [ONE, OTHER] = ["9000000009", "9000000017"] as const;
const BORN = "1980-05-17";
const BY_NAME = byDemographics("Khan", "Aisha", BORN);
const BY_PLACE = byDemographics("Khan", "Aisha", BORN, "B86 8QD");

/** Near and far: who shares the own record, who borders on it, who is elsewhere. */
const MEMBERS = [
  member("own", { collaborative: "ours", region: "Here", neighbours: ["border"] }),
  member("same-record", { collaborative: "ours", region: "There" }),
  member("same-region", { collaborative: "theirs", region: "Here" }),
  member("border", { collaborative: "theirs", region: "There" }),
  member("far", { collaborative: "others", region: "There" }),
  member("joining", { collaborative: "ours", region: "Here", status: "joining" }),
];

function member(id: string, more: Partial<Member>): Member {
  return { id, status: "live", ...more } as Member;
}

function told(digits: string): Identified {
  return { nhsNumber: NhsNumber.parse(digits)!, grade: "name-and-birth" };
}

describe("asking other nodes whose number it is", () => {
  type Says = Identified | undefined | "silent" | "refuses";
  let clock = makeFakeClock();
  let asked: string[];
  beforeEach(() => {
    clock = makeFakeClock();
    asked = [];
  });

  async function discover(patient = BY_PLACE, says: Record<string, Says> = {}, may = (_id: string): boolean => true) {
    const found = discoverNumber(aQuestion(patient, clock), aPermit(), Deadline.in(clock, 2_000), {
      ...{ clock, ownId: "own", members: () => MEMBERS, mayAsk: ({ id }) => ({ ok: may(id) }) },
      async identify({ id }) {
        asked.push(id);
        const said = says[id];
        if (said === "refuses") throw new Failure("not-permitted", "Not for you.");
        return said === "silent" ? new Promise(() => {}) : said;
      },
    });
    for (let passed = 0; passed < 20; passed++) await clock.advance(100);
    return (await found)?.expose();
  }

  it("goes from near to far, and with a postcode no further than the first who know", async () => {
    assert.equal(await discover(BY_PLACE, { "same-record": told(ONE), far: told(ONE) }), ONE);
    assert.deepEqual(asked, ["same-record"]);
    asked = [];
    assert.equal(await discover(BY_PLACE, { border: told(ONE), far: told(OTHER) }), ONE);
    assert.deepEqual(asked, ["same-record", "same-region", "border"]);
  });

  it("without a postcode asks all, and believes no number unless all have answered and agree", async () => {
    assert.equal(await discover(BY_NAME, { "same-record": told(ONE), far: told(ONE) }), ONE);
    assert.equal(asked.length, 4);
    assert.equal(await discover(BY_NAME, { "same-record": told(ONE), far: told(OTHER) }), undefined);
    assert.equal(await discover(BY_NAME, { "same-record": told(ONE), far: "silent" }), undefined);
    assert.equal(await discover(BY_NAME, { "same-record": told(ONE), far: "refuses" }), undefined);
  });

  it("believes nobody where two who are equally near name two people", async () => {
    assert.equal(await discover(BY_PLACE, { "same-region": told(ONE), border: told(OTHER) }), undefined);
  });

  it("asks only whose agreement allows it, and nobody who is not live", async () => {
    assert.equal(await discover(BY_PLACE, { far: told(ONE) }, (id) => id === "far"), ONE);
    assert.deepEqual(asked, ["far"]);
    assert.equal(await discover(BY_PLACE, { far: told(ONE) }, () => false), undefined);
    assert.deepEqual(asked, ["far"]);
  });

  it("waits for the silent no longer than leaves half of the time for the locate", async () => {
    const startedMs = clock.monotonicMs();
    const found = discoverNumber(aQuestion(BY_PLACE, clock), aPermit(), Deadline.in(clock, 2_000), {
      ...{ clock, ownId: "own", members: () => MEMBERS, mayAsk: () => ({ ok: true }) },
      identify: () => new Promise(() => {}),
    });
    let endedMs = Infinity;
    void found.then(() => (endedMs = clock.monotonicMs()));
    for (let passed = 0; passed < 20; passed++) await clock.advance(100);
    assert.ok(endedMs - startedMs <= 1_000, `${endedMs - startedMs} ms`);
    assert.equal(clock.pending(), 0);
  });

  it("asks nobody by what names nobody, with a wildcard, or with a number", async () => {
    const nobodys = [
      byDemographics("Kh*", "Aisha", BORN),
      byDemographics("Khan", "A%", BORN),
      byDemographics("Khan", "Aisha", BORN, "B8?"),
      byDemographics("Khan", "BABY", BORN),
      byDemographics("Khan", "Aisha", "1900-01-01"),
      byNumber(ONE, BORN),
    ];
    for (const patient of nobodys) assert.equal(await discover(patient, { "same-record": told(ONE) }), undefined);
    assert.deepEqual(asked, []);
  });
});
