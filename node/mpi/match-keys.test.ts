import assert from "node:assert/strict";

import fc from "fast-check";

import { anIdentity, anIdentityRecord, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { keysOfDays, makeCandidatesOf, matchKeysOf, type StoredKind } from "./match-keys.ts";

const ME = anIdentityRecord();

function keysOf(more: Partial<IdentityRecord>, kind: StoredKind): number[] {
  return matchKeysOf({ ...ME, ...more })
    .filter((each) => each.kind === kind)
    .map(({ key }) => key);
}

describe("match keys", () => {
  it("are shared by who shares a name as it sounds and a birth date, whatever else differs", () => {
    const other = { familyName: "Kahn", givenName: "Zoe", postcode: "", phone: "", gender: "male" };
    assert.ok(keysOf(other, "name-birth").some((key) => keysOf({}, "name-birth").includes(key)));
    assert.ok(
      !keysOf({ ...other, birthDate: "1980-05-18" }, "name-birth").some((key) =>
        keysOf({}, "name-birth").includes(key),
      ),
    );
  });

  it("forgive names in each other's place", () => {
    const swapped = { familyName: ME.givenName, givenName: ME.familyName };
    assert.deepEqual(new Set(keysOf(swapped, "name-birth")), new Set(keysOf({}, "name-birth")));
    assert.deepEqual(keysOf(swapped, "names-day"), keysOf({}, "names-day"));
  });

  it("are none where what they stand on is missing", () => {
    const nobody = { givenName: "BABY", familyName: "", birthDate: "1900-01-01", postcode: "ZZ99 3WZ", phone: "" };
    assert.deepEqual(matchKeysOf({ ...ME, ...nobody }), []);
  });

  it("of a birth date lie within its day, and in no other key's way", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("1860-01-01"), max: new Date("2026-11-22"), noInvalidDate: true }),
        fc.string({ minLength: 1, maxLength: 12 }),
        (date, familyName) => {
          const birthDate = date.toISOString().slice(0, 10);
          const { first, last } = keysOfDays(birthDate, birthDate);
          for (const { kind, key } of matchKeysOf({ ...ME, birthDate, familyName })) {
            assert.ok(Number.isSafeInteger(key));
            assert.equal(key >= first && key <= last, kind.endsWith("-birth"), kind);
          }
        },
      ),
    );
  });
});

describe("the match keys of an index", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const keyRows = (): unknown => index.db.prepare("SELECT count(*) FROM match_key").pluck().get();
  const candidatesOf = (more: Partial<IdentityRecord>, cap = 10) =>
    makeCandidatesOf(index.db)(matchKeysOf({ ...ME, ...more }), cap);

  it("are written with the identity, find it, and stay as they are where it is sent again", async () => {
    await index.load([anIdentity()]);
    const before = keyRows();
    assert.deepEqual(candidatesOf({}), { identityNos: [1], cut: [] });
    await index.load([anIdentity()]);
    assert.equal(keyRows(), before);
  });

  it("find an identity by what it was once", async () => {
    await index.load([anIdentity()]);
    await index.load([
      anIdentity({
        familyName: "Whitehouse",
        givenName: "Zoe",
        phone: "",
        postcode: "CV1 1AA",
        recordedOn: "2025-01-01",
      }),
    ]);
    assert.deepEqual(candidatesOf({}).identityNos, [1]);
    assert.deepEqual(
      candidatesOf({ familyName: "Whitehouse", givenName: "Zoe", postcode: "", phone: "" }).identityNos,
      [1],
    );
  });

  it("say of which kinds there were more than were taken", async () => {
    const people = Array.from({ length: 4 }, (_, at) =>
      anIdentity({
        localId: `P${at}`,
        nhsNumber: "",
        familyName: "Smith",
        givenName: "Ann",
        phone: "",
        postcode: `CV1 ${at}AA`,
      }),
    );
    await index.load(people);
    const found = candidatesOf({ familyName: "Smith", givenName: "Ann", phone: "", postcode: "" }, 3);
    assert.deepEqual(found.identityNos, [1, 2, 3]);
    assert.deepEqual([...found.cut].toSorted(), ["name-birth", "names-day", "names-year"]);
    assert.deepEqual(candidatesOf({ familyName: "Smith", givenName: "Ann", phone: "", postcode: "" }, 4).cut, []);
  });
});
