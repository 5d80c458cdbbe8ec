import assert from "node:assert/strict";

import fc from "fast-check";

import { type Comparable, type MatchInput, toComparable } from "./comparable.ts";
import { frequenciesOf } from "./frequencies.ts";
import { blockKeys } from "./keys.ts";
import { compare, type Field, LEVELS } from "./levels.ts";
import { isOneSlipApart, jaroWinkler } from "./likeness.ts";
import { makeLinker } from "./linker.ts";
import { ownModel } from "./model.ts";
import { RecordArena } from "./record-arena.ts";

const model = ownModel();
const linker = makeLinker(model, frequenciesOf(model));

const NOTHING: MatchInput = {
  ...{ nhsNumber: "", nhsNumberStatus: "", givenName: "", middleName: "", familyName: "", birthDate: "", gender: "" },
  ...{ addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "", recordedOn: "" },
};

/** At which level two records agree in a field, by name; `-` where one lacks it. */
function level(field: Field, one: Partial<MatchInput>, other: Partial<MatchInput>): string {
  const [a, b] = [one, other].map((input) => toComparable({ ...NOTHING, ...input }));
  const at = linker.pair(a!, b!).comparison[field];
  return at === undefined ? "-" : LEVELS[field][at]!;
}

describe("names agree", () => {
  const pairs: readonly [string, string, string][] = [
    ["O'Brien", "OBRIEN", "same"],
    ["José", "Jose", "same"],
    ["Łukasz", "Lukasz", "same"],
    ["Anne Marie", "Anne", "same"],
    ["William", "Bill", "variant"],
    ["Mohammed", "Muhammad", "variant"],
    ["Piotr", "Peter", "variant"],
    ["Aisha", "Ayesha", "variant"],
    ["Conor", "Connor", "variant"],
    ["Catherine", "Cathreine", "variant"],
    ["Beatrice", "Beatrioe", "slip"],
    ["Eleanor", "lEeanor", "slip"],
    ["Amelia", "A", "initial"],
    ["Christopher", "Christo", "part"],
    ["Amina", "Amira", "similar"],
    ["Jayden", "Hayden", "similar"],
    ["Amy", "Emma", "different"],
    ["Jane", "Jon", "different"],
    ["BABY", "Jane", "-"],
    ["TWIN ONE", "Jane", "-"],
    ["UNKNOWN", "Jane", "-"],
  ];
  for (const [one, other, expected] of pairs) {
    it(`${one}, ${other}: ${expected}`, () =>
      assert.equal(level("given", { givenName: one }, { givenName: other }), expected));
  }

  it("in double family names by a part, whatever the order and the particles", () => {
    assert.equal(level("family", { familyName: "Khan-Ali" }, { familyName: "Ali" }), "part");
    assert.equal(level("family", { familyName: "Smith-Jones" }, { familyName: "Jones Smith" }), "part");
    assert.equal(level("family", { familyName: "de la Cruz" }, { familyName: "Cruz" }), "part");
  });

  it("less against a woman whose family name is another, than against a man", () => {
    const adult = { birthDate: "1984-03-17", recordedOn: "2024-01-01" };
    const of = (gender: string, more = adult) =>
      level("family", { familyName: "Hussain", gender, ...more }, { familyName: "Rahman", gender, ...more });
    assert.equal(of("female"), "different, woman");
    assert.equal(of("male"), "different");
    assert.equal(of("female", { ...adult, birthDate: "2019-03-17" }), "different", "a child has not married");
  });
});

describe("birth dates agree", () => {
  const pairs: readonly [string, string, string][] = [
    ["1984-03-17", "1984-03-17", "same"],
    ["1984-03-07", "1984-07-03", "day and month swapped"],
    ["1984-03-17", "1984-03-11", "slip"],
    ["1984-03-17", "1948-03-17", "slip"],
    ["1984-03-17", "1984-01-01", "only the year given"],
    ["1984", "1984-03-17", "only the year given"],
    ["1984-03-17", "1984-03-28", "one part different"],
    ["1984-03-17", "1984-11-05", "near"],
    ["1984-03-17", "1951-02-03", "different"],
    ["1900-01-01", "1984-03-17", "-"],
    ["", "1984-03-17", "-"],
  ];
  for (const [one, other, expected] of pairs) {
    it(`${one || "none"}, ${other}: ${expected}`, () =>
      assert.equal(level("birth", { birthDate: one }, { birthDate: other }), expected));
  }
});

describe("places agree", () => {
  const home = { addressLine1: "12 Laburnum Road", locality: "Walsall", postcode: "WS1 4QX" };
  const pairs: readonly [string, Partial<MatchInput>, string][] = [
    ["written alike", { ...home, addressLine1: "12 LABURNUM RD" }, "same address"],
    ["with a slip", { ...home, addressLine1: "12 Labunrum Road" }, "same address"],
    ["by the postcode alone", { postcode: "ws14qx" }, "same postcode"],
    ["next door but one street", { ...home, addressLine1: "3 Mill Lane", postcode: "WS1 4QY" }, "next postcode"],
    ["by the town", { locality: "Walsall" }, "same town"],
    ["not by a postcode of no fixed abode", { postcode: "ZZ99 3VZ" }, "-"],
    ["in nothing", { addressLine1: "3 Mill Lane", locality: "Bristol", postcode: "BS1 1AA" }, "different"],
  ];
  for (const [what, other, expected] of pairs) it(what, () => assert.equal(level("place", home, other), expected));

  it("never where both are of no fixed abode", () => {
    assert.equal(level("place", { postcode: "ZZ99 3VZ" }, { postcode: "ZZ99 3VZ" }), "-");
  });
});

describe("comparing", () => {
  const text = fc.oneof(
    fc.constantFrom(
      "",
      "Amina",
      "Anima",
      "Ann",
      "O'Neil-Khan",
      "de la Cruz",
      "BABY",
      "TWIN TWO",
      "李小龍",
      "ÁÉÍ",
      "Jones Smith",
    ),
    fc.string({ maxLength: 12 }),
  );
  const anyInput: fc.Arbitrary<MatchInput> = fc.record({
    nhsNumber: fc.constantFrom("", "9990000018", "9990000026", "1234567890"),
    nhsNumberStatus: fc.constantFrom("", "01", "02"),
    otherId: fc.constantFrom("", "1234567", "1234576", "7654321"),
    localId: fc.constantFrom("", "RBK|1", "RBK|2"),
    ...{ givenName: text, middleName: text, familyName: text },
    birthDate: fc.constantFrom("", "1984-03-17", "1984-17-03", "1984-01-01", "1951", "1984-03-18", "x", "2990-12-31"),
    gender: fc.constantFrom("", "female", "male", "other"),
    addressLine1: fc.constantFrom(
      "",
      "12 Laburnum Road",
      "12 laburnum rd",
      "12 12 Mill Mill",
      "Mill 12 Lane",
      "1 a b c",
    ),
    addressLine2: fc.constantFrom("", "Flat 12", "The Mill"),
    locality: fc.constantFrom("", "Walsall", "Wallsal", "Bristol"),
    region: fc.constantFrom("", "West", "East"),
    postcode: fc.constantFrom("", "WS1 4QX", "WS1 4QY", "WS2 1AA", "ZZ99 3VZ", "4035", "4305"),
    phone: fc.constantFrom("", "01632 960111", "+44 1632 960111", "0000000000"),
    email: fc.constantFrom("", "amina@example.org", "amina@exmaple.org", "a@b"),
    recordedOn: fc.constantFrom("", "1990-05-02", "2024-05-02"),
  });
  const anyRecord: fc.Arbitrary<Comparable> = anyInput.map(toComparable);

  it("says the same whichever of the two comes first", () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (one, other) => {
        const [there, back] = [linker.pair(one, other), linker.pair(other, one)];
        assert.deepEqual(there.comparison, back.comparison);
        assert.deepEqual([there.veto, there.lacksProof], [back.veto, back.lacksProof]);
        assert.ok(Math.abs(there.weight - back.weight) < 1e-9);
      }),
      { numRuns: 3_000 },
    );
  });

  it("finds nothing against a record's being its own", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const { veto, weight } = linker.pair(record, record);
        assert.equal(veto, undefined);
        assert.ok(weight >= 0);
      }),
      { numRuns: 1_000 },
    );
  });

  it("gives levels that there are", () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (one, other) => {
        for (const [field, at] of Object.entries(compare(one, other, () => false))) {
          assert.ok(at === undefined || LEVELS[field as Field][at] !== undefined, field);
        }
      }),
    );
  });

  it("measures likeness between 0 and 1, alike from both sides", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (one, other) => {
        const likeness = jaroWinkler(one, other);
        assert.ok(likeness >= 0 && likeness <= 1);
        assert.equal(likeness, jaroWinkler(other, one));
        assert.equal(isOneSlipApart(one, other), isOneSlipApart(other, one));
      }),
      { numRuns: 2_000 },
    );
    assert.ok(Math.abs(jaroWinkler("martha", "marhta") - 0.9611) < 0.0001, "Winkler's own example");
    assert.ok(Math.abs(jaroWinkler("dixon", "dicksonx") - 0.8133) < 0.0001);
  });

  it("keeps a record in few bytes as it was", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 5 }), (records) => {
        const arena = new RecordArena();
        for (const record of records) arena.add(record);
        assert.deepEqual(
          records.map((_, at) => arena.at(at)),
          records,
        );
      }),
    );
  });

  it("gives each record its keys once, and none that stand for nothing", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const keys = blockKeys(record).map(({ key }) => key);
        assert.equal(new Set(keys).size, keys.length);
      }),
    );
    assert.deepEqual(blockKeys(toComparable(NOTHING)), []);
    const nobody = { ...NOTHING, givenName: "UNKNOWN", postcode: "ZZ99 3VZ", birthDate: "1900-01-01" };
    assert.deepEqual(blockKeys(toComparable(nobody)), []);
  });
});
