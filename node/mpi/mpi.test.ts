import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { anIdentity, byDemographics, openTestIndex, type TestIndex } from "../testing/an-index.ts";

const NUMBER = "9000000009";

describe("the master patient index", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const personsOf = (digits = NUMBER) => {
    const number = NhsNumber.parse(digits);
    assert.ok(number !== undefined);
    return index.mpi.personsByNumber(number);
  };

  it("makes one person of two providers' records, whose view is everything both say", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9", givenName: "A", familyName: "Ali" })]);
    const [person, another] = personsOf();
    assert.equal(another, undefined);
    assert.equal(person?.identities.length, 2);
    assert.deepEqual(person?.details.expose(), {
      numbers: [NUMBER],
      verifiedNumbers: [NUMBER],
      birthDates: ["1980-05-17"],
      genders: ["female"],
      familyNames: ["Khan", "Ali"],
      givenNames: ["Aisha", "A"],
      middleNames: [],
    });
    assert.deepEqual(index.mpi.counts(), { persons: 1, identities: 2 });
    assert.ok(!JSON.stringify(person).includes("Khan"));
  });

  it("keeps twins under one number apart", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9", givenName: "Amira" })]);
    assert.equal(personsOf().length, 2);
  });

  it("marks the whole person restricted where any provider does, and no longer when none does", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9", restricted: true })]);
    assert.deepEqual(
      personsOf().map(({ restricted }) => restricted),
      [true],
    );
    await index.load([anIdentity({ provider: "RJE", localId: "X9", restricted: false, recordedOn: "2024-04-01" })]);
    assert.deepEqual(
      personsOf().map(({ restricted }) => restricted),
      [false],
    );
  });

  it("keeps every version as it was sent, one of them current", async () => {
    await index.load([anIdentity()]);
    await index.load([anIdentity({ phone: "0121 496 0000", recordedOn: "2024-05-01" })]);
    const versions = index.db.prepare("SELECT version, current, phone FROM identity_record ORDER BY version").all();
    assert.deepEqual(versions, [
      { version: 1, current: 0, phone: "07700 900738" },
      { version: 2, current: 1, phone: "0121 496 0000" },
    ]);
    assert.equal(personsOf()[0]?.identities.length, 1);
  });

  it("takes no step back for a record older than the one held", async () => {
    await index.load([anIdentity({ recordedOn: "2024-05-01" })]);
    const before = index.dump();
    await index.load([anIdentity({ recordedOn: "2024-04-30", familyName: "Old" })]);
    assert.equal(index.dump(), before);
  });

  it("parts a record from its person when its number is corrected, and says so in the events", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9" })]);
    await index.load([
      anIdentity({ provider: "RJE", localId: "X9", nhsNumber: "9000000017", recordedOn: "2024-06-01" }),
    ]);
    assert.equal(personsOf().length, 1);
    assert.equal(personsOf()[0]?.identities.length, 1);
    assert.notEqual(personsOf()[0]?.personId, personsOf("9000000017")[0]?.personId);
    const select = "SELECT reason, from_person_id IS NULL AS first, score IS NULL AS unscored FROM link_event";
    assert.deepEqual(index.db.prepare(select).all(), [
      { reason: "number-unknown", first: 1, unscored: 1 },
      { reason: "number-birth-date-initial", first: 1, unscored: 1 },
      { reason: "number-unknown", first: 0, unscored: 0 },
    ]);
  });

  it("joins a lone record to the person of the number that it gets", async () => {
    await index.load([
      anIdentity(),
      anIdentity({ provider: "RJE", localId: "X9", nhsNumber: "", nhsNumberStatus: "" }),
    ]);
    assert.equal(personsOf()[0]?.identities.length, 1);
    await index.load([anIdentity({ provider: "RJE", localId: "X9", nhsNumberStatus: "", recordedOn: "2024-06-01" })]);
    assert.equal(personsOf()[0]?.identities.length, 2);
  });

  it("keeps a link where only a telephone number changed, though two persons would do by now", async () => {
    const lone = { provider: "RJE", localId: "X9", givenName: "A" };
    await index.load([anIdentity(), anIdentity(lone), anIdentity({ localId: "P2", givenName: "Amira" })]);
    const together = () => personsOf().map(({ identities }) => identities.length);
    assert.deepEqual(
      together().toSorted((a, b) => a - b),
      [1, 2],
    );
    await index.load([anIdentity({ ...lone, phone: "1", recordedOn: "2024-06-01" })]);
    assert.deepEqual(
      together().toSorted((a, b) => a - b),
      [1, 2],
    );
  });

  describe("asked by demographics", () => {
    const search = (family: string, given: string, born = "1980-05-17", postcode?: string) => {
      const query = byDemographics(family, given, born, postcode);
      assert.ok(query.by === "demographics");
      return index.mpi.personByDemographics(query).kind;
    };

    it("names the one person whose names are spelt so, whatever the case, marks and punctuation", async () => {
      await index.load([anIdentity({ familyName: "O'Brién", givenName: "Mary-Jane" })]);
      assert.equal(search("OBRIEN", "mary jane"), "one");
      assert.equal(search("OBRIEN", "mary"), "none");
      assert.equal(search("OBRIEN", "mary jane", "1980-05-18"), "none");
      assert.equal(search("'", "-"), "none");
    });

    it("names nobody by what stands where a name or a birth date is not known", async () => {
      await index.load([anIdentity({ givenName: "BABY", birthDate: "2024-05-01" })]);
      await index.load([anIdentity({ localId: "P2", nhsNumber: "9000000017", birthDate: "1900-01-01" })]);
      assert.equal(search("Khan", "Baby", "2024-05-01"), "none");
      assert.equal(search("Khan", "Aisha", "1900-01-01"), "none");
    });

    it("chooses between nobody", async () => {
      await index.load([
        anIdentity(),
        anIdentity({ localId: "P2", nhsNumber: "", nhsNumberStatus: "", postcode: "B1 1AA" }),
      ]);
      assert.equal(search("Khan", "Aisha"), "several");
      assert.equal(search("Khan", "Aisha", "1980-05-17", "b11aa"), "one");
      assert.equal(search("Khan", "Aisha", "1980-05-17", "B2 2BB"), "none");
    });

    it("never finds a restricted person by postcode", async () => {
      await index.load([anIdentity({ restricted: true })]);
      assert.equal(search("Khan", "Aisha"), "one");
      assert.equal(search("Khan", "Aisha", "1980-05-17", "B86 8QD"), "none");
    });

    it("finds nobody by postcode who may be a restricted person, wherever that record says they live", async () => {
      const unlinked = {
        provider: "RJE",
        localId: "X9",
        nhsNumber: "",
        nhsNumberStatus: "",
        restricted: true,
      } as const;
      await index.load([anIdentity()]);
      assert.equal(search("Khan", "Aisha", "1980-05-17", "B86 8QD"), "one");
      await index.load([anIdentity({ ...unlinked, postcode: "B1 1AA" })]);
      assert.equal(search("Khan", "Aisha", "1980-05-17", "B86 8QD"), "none");
    });

    it("forgets how a record was spelt before", async () => {
      await index.load([anIdentity()]);
      await index.load([anIdentity({ familyName: "Shah", recordedOn: "2024-06-01" })]);
      assert.equal(search("Khan", "Aisha"), "none");
      assert.equal(search("Shah", "Aisha"), "one");
    });
  });

  it("gives a person's one number, a verified one before any other", async () => {
    const numberOf = (given: string): string | undefined => {
      const query = byDemographics("Khan", given, "1980-05-17");
      assert.ok(query.by === "demographics");
      const match = index.mpi.personByDemographics(query);
      assert.ok(match.kind === "one");
      return index.mpi.numberOf(match.person.personId)?.expose();
    };
    await index.load([
      anIdentity({ nhsNumberStatus: "" }),
      anIdentity({ localId: "P2", givenName: "Zara", nhsNumber: "", nhsNumberStatus: "" }),
    ]);
    assert.equal(numberOf("Aisha"), NUMBER);
    assert.equal(numberOf("Zara"), undefined);
  });

  it("reads one state of the store within a snapshot", async () => {
    await index.load([anIdentity()]);
    index.mpi.inOneSnapshot(() => {
      assert.equal(personsOf()[0]?.restricted, false);
      index.db.exec("INSERT INTO person VALUES (2)");
      assert.equal(index.mpi.counts().persons, 1);
    });
    assert.equal(index.mpi.counts().persons, 2);
  });

  describe("with a damaged row", () => {
    const damage: [what: string, sql: string][] = [
      ["a byte of a name", "UPDATE identity_record SET family_name = 'Khao'"],
      ["the person it is linked to", "UPDATE identity_record SET person_id = 2"],
      ["the restricted mark", "UPDATE identity_record SET restricted = 1 - restricted"],
      ["the birth date", "UPDATE identity_record SET birth_date = '1981-05-17'"],
      ["the checksum", "UPDATE identity_record SET checksum = checksum + 1"],
      ["the type of a value", "UPDATE identity_record SET given_name = CAST(x'4169ff6861' AS TEXT)"],
    ];
    for (const [what, sql] of damage) {
      it(`fails rather than trust it: ${what}`, async () => {
        await index.load([anIdentity(), anIdentity({ localId: "P2", givenName: "Amira" })]);
        assert.equal(personsOf().length, 2);
        index.db.exec(`INSERT INTO person VALUES (2); ${sql} WHERE local_id = 'P1'`);
        assert.throws(personsOf, (thrown) => {
          assert.ok(thrown instanceof Failure && thrown.code === "store-unavailable");
          assert.ok(!/Khan|Aisha|9000000009/.test(thrown.message));
          return true;
        });
      });
    }
  });
});
