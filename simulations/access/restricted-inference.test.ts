import assert from "node:assert/strict";

import { Failure } from "../../node/base/failure.ts";
import { seededRandom } from "../../node/base/random.ts";
import type { IdentityRecord } from "../../node/mpi/identity-record.ts";
import { makePersonSearch } from "../../node/mpi/search.ts";
import { type AskedSearch, parseSearch } from "../../node/mpi/search-terms.ts";
import { anIdentity, byDemographics, openTestIndex, type TestIndex } from "../../node/testing/an-index.ts";
import { catalogueRow } from "../testing/catalogue.ts";

const TODAY = "2026-11-22";

/** Who fled from there, and where they live now: every place of theirs must lead nowhere. */
const HOME = { postcode: "B86 8QD", phone: "07700 900738" };
const BEFORE = { postcode: "B87 1AA", phone: "07700 900111" };
const PROTECTED: Partial<IdentityRecord> = { localId: "P1", ...HOME };
const NEIGHBOURS: readonly Partial<IdentityRecord>[] = [
  { givenName: "Amira", birthDate: "1980-05-17", nhsNumber: "9000000017", ...HOME },
  { givenName: "Adam", birthDate: "1981-02-03", gender: "male", nhsNumber: "9000000025", ...BEFORE },
  { givenName: "Aisha", familyName: "Khanna", birthDate: "1980-05-17", nhsNumber: "9000000033", postcode: "B86 8QE" },
  { givenName: "Ayesha", birthDate: "1980-05-16", nhsNumber: "9000000041", postcode: "CV1 1AA" },
];

/** An index of the neighbours, and perhaps of one more: at their old place first, then at the new one. */
async function indexWith(one: Partial<IdentityRecord> | undefined): Promise<TestIndex> {
  const index = openTestIndex();
  await index.load(NEIGHBOURS.map((each, at) => anIdentity({ ...each, localId: `N${at}` })));
  if (one === undefined) return index;
  await index.load([anIdentity({ ...one, ...BEFORE, recordedOn: "2020-01-01" })]);
  await index.load([anIdentity({ ...one, recordedOn: "2024-03-01" })]);
  return index;
}

/** What somebody who knows the person, or guesses, may try: always with a place, mostly with more. */
function tried(seed: number): Partial<AskedSearch> & { readonly automatic: boolean } {
  const random = seededRandom(seed);
  const pick = <T>(...some: readonly T[]): T => some[Math.floor(random.fraction() * some.length)]!;
  const place = pick(HOME, BEFORE);
  const how = pick("plainly", "plainly", "fuzzily", "exactly", "anyhow");
  const whole = how === "fuzzily" || how === "exactly"; // these take no wildcard
  const postcode = whole ? place.postcode : pick(place.postcode, `${place.postcode.slice(0, 3)}*`, "B8*", undefined);
  return {
    ...{ fuzzy: how === "fuzzily", exact: how === "exactly", history: pick(false, true), automatic: pick(false, true) },
    family: whole ? pick("Khan", "Kahn") : pick("Khan", "Kha*", "Kh*", "Khann*"),
    given: whole ? ["Aisha"] : pick([], ["Aisha"], ["Ai*"]),
    birthDate: pick(["1980-05-17"], ["1980-05-17"], ["ge1979-01-01", "le1981-12-31"]),
    ...pick({}, {}, { gender: "female" }),
    ...(postcode === undefined || pick(false, false, true) ? { phone: place.phone } : {}),
    ...(postcode !== undefined && { postcode }),
    ...pick({}, {}, {}, {}, {}, {}, {}, {}, {}, { practice: "M85001" }),
  };
}

/** All that a caller hears of a search: the people without the index's own ids, or the refusal. */
function heard(index: TestIndex, { automatic, ...asked }: ReturnType<typeof tried>): string {
  try {
    const search = parseSearch(
      { given: [], birthDate: [], fuzzy: false, exact: false, history: false, ...asked },
      TODAY,
      automatic,
    );
    const outcome = makePersonSearch(index.db).search(search);
    if (outcome.kind !== "found") return outcome.kind;
    return JSON.stringify(outcome.persons.map(({ score, details }) => ({ score, ...details.expose() })));
  } catch (thrown) {
    if (thrown instanceof Failure) return `${thrown.code} ${thrown.where ?? ""}`;
    throw thrown;
  }
}

describe("a restricted patient", () => {
  let without: TestIndex;
  let withRestricted: TestIndex;
  let withOpen: TestIndex;
  before(async () => {
    without = await indexWith(undefined);
    withRestricted = await indexWith({ ...PROTECTED, restricted: true });
    withOpen = await indexWith(PROTECTED);
  });
  after(() => Promise.all([without, withRestricted, withOpen].map((index) => index?.close())));

  const title = "restricted-patient inference by location, GP, postcode, wildcard";
  catalogueRow({ id: "X3", title, quick: 200, full: 200 }, async (trials) => {
    let inferences = 0;
    let found = 0;
    for (const trial of trials) {
      const search = tried(trial);
      const nobody = heard(without, search);
      if (heard(withRestricted, search) !== nobody) inferences++;
      if (heard(withOpen, search) !== nobody) found++;
    }
    assert.equal(inferences, 0, "who searches by a place hears the same whether the patient is there or not");
    assert.ok(
      found >= trials.count / 10,
      `the same ${trials.count} searches find them ${found} times where they are not restricted`,
    );
    return { counts: { searches: trials.count, inferences, foundWhereOpen: found } };
  });

  it("is asked about nowhere by details with a place, as if nobody fitted them", () => {
    const at = byDemographics("Khan", "Aisha", "1980-05-17", HOME.postcode);
    for (const index of [without, withRestricted]) assert.throws(() => index.know(at), { code: "identity-not-known" });
    assert.equal(withOpen.know(at).kind, "ask");
  });
});
