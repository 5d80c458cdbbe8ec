import assert from "node:assert/strict";

import fc from "fast-check";

import {
  agree,
  contradict,
  decideLink,
  personsContradict,
  type MatchDetails,
  type MatchPerson,
  type MatchRecord,
} from "./matching.ts";

const AISHA: MatchRecord = {
  nhsNumber: "9000000009",
  nhsNumberStatus: "01",
  birthDate: "1980-05-17",
  givenName: "Aisha",
  gender: "female",
};

const person = (personId: string, ...records: readonly MatchRecord[]): MatchPerson<string> => ({ personId, records });

describe("the first linking rule", () => {
  const links = (more: Partial<MatchRecord>): boolean =>
    decideLink({ ...AISHA, ...more }, [person("p", AISHA)]).kind === "link";

  it("links on number, date of birth and first initial, verified or not", () => {
    assert.ok(links({}));
    assert.ok(links({ nhsNumberStatus: "" }));
    assert.ok(links({ givenName: "A", gender: "" }));
    assert.ok(links({ gender: "unknown" }));
  });

  it("leaves alone what does not agree or contradicts", () => {
    assert.ok(!links({ birthDate: "1980-05-18" }));
    assert.ok(!links({ givenName: "Zara" }));
    assert.ok(!links({ givenName: "Amira" }), "a twin under the wrong number");
    assert.ok(!links({ gender: "male" }));
  });

  it("never links without a number, a full date of birth or a real given name", () => {
    for (const more of [
      { nhsNumber: "", nhsNumberStatus: "" },
      { birthDate: "" },
      { birthDate: "1980" },
      { birthDate: "1980-05" },
      { birthDate: "1900-01-01" },
      { givenName: "" },
      { givenName: "BABY" },
      { givenName: "TWIN ONE" },
    ]) {
      const same = { ...AISHA, ...more };
      assert.equal(decideLink(same, [person("p", same)]).kind, "new", JSON.stringify(more));
    }
  });

  it("joins a person only as a whole, and chooses between nobody", () => {
    const initialOnly = { ...AISHA, givenName: "A" };
    const amira = { ...AISHA, givenName: "Amira" };
    assert.equal(decideLink(amira, [person("p", initialOnly, AISHA)]).kind, "new");
    const decision = decideLink(initialOnly, [person("p", AISHA), person("q", amira)]);
    assert.deepEqual(decision, { kind: "new", reason: "several-agree" });
  });
});

describe("the first linking rule, for any records", () => {
  const record: fc.Arbitrary<MatchRecord> = fc
    .record({
      nhsNumber: fc.constantFrom("", "9000000009", "9000000017", "9000000025"),
      nhsNumberStatus: fc.constantFrom("", "01", "02"),
      birthDate: fc.constantFrom("", "1980", "1980-05-17", "1980-05-18", "1900-01-01"),
      givenName: fc.constantFrom("", "A", "Aisha", "Amira", "Aish", "BABY", "Zara", "Álvaro", "Alvaro"),
      gender: fc.constantFrom("", "male", "female", "unknown"),
    })
    .filter(({ nhsNumber, nhsNumberStatus }) => nhsNumber !== "" || nhsNumberStatus !== "01");
  const joins = (one: MatchRecord, other: MatchRecord): boolean =>
    decideLink(one, [person("p", other)]).kind === "link";

  const detailsOf = (records: readonly MatchRecord[]): MatchDetails => {
    const all = (field: (each: MatchRecord) => string): string[] => records.map(field).filter((text) => text !== "");
    return {
      verifiedNumbers: all((each) => (each.nhsNumberStatus === "01" ? each.nhsNumber : "")),
      birthDates: all((each) => each.birthDate),
      genders: all((each) => each.gender),
      givenNames: all((each) => each.givenName),
    };
  };

  it("says of two persons what it says of their records, two by two", () => {
    const records = fc.array(record, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(records, records, (ones, others) => {
        const apart = ones.some((one) => others.some((other) => contradict(one, other)));
        assert.equal(personsContradict(detailsOf(ones), detailsOf(others)), apart);
      }),
    );
  });

  it("is symmetric", () => {
    fc.assert(
      fc.property(record, record, (one, other) => {
        assert.equal(agree(one, other), agree(other, one));
        assert.equal(contradict(one, other), contradict(other, one));
        assert.equal(joins(one, other), joins(other, one));
      }),
    );
  });

  it("never makes a person of two dates of birth, two verified numbers or two sexes, in whatever order records come", () => {
    let linked = 0;
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (records) => {
        const persons: { personId: string; records: MatchRecord[] }[] = [];
        for (const incoming of records) {
          const decision = decideLink(incoming, persons);
          if (decision.kind === "link") linked++;
          const joined = decision.kind === "link" ? persons.find((p) => p.personId === decision.personId) : undefined;
          if (joined === undefined) persons.push({ personId: String(persons.length), records: [incoming] });
          else joined.records.push(incoming);
        }
        for (const { records: together } of persons) {
          assert.ok(new Set(together.map((each) => each.birthDate)).size === 1);
          const verified = together.filter((each) => each.nhsNumberStatus === "01").map((each) => each.nhsNumber);
          assert.ok(new Set(verified).size <= 1);
          const genders = new Set(together.map((each) => each.gender));
          assert.ok(!(genders.has("male") && genders.has("female")));
          assert.ok(together.length === 1 || together.every((each) => each.birthDate.length === 10));
        }
      }),
    );
    assert.ok(linked > 0, "nothing was ever linked: the property says nothing");
  });
});
