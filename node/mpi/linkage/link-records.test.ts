import assert from "node:assert/strict";

import fc from "fast-check";

import type { MatchInput } from "./comparable.ts";
import { LinkRecords } from "./link-records.ts";
import { ownModel } from "./model.ts";

const model = ownModel();

const NOTHING: MatchInput = {
  ...{ nhsNumber: "", nhsNumberStatus: "", givenName: "", middleName: "", familyName: "", birthDate: "", gender: "" },
  ...{ addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "", recordedOn: "" },
};

const AMINA: MatchInput = {
  ...NOTHING,
  ...{ nhsNumber: "9990000018", givenName: "Amina", familyName: "Hussain", birthDate: "1984-03-17", gender: "female" },
  ...{ addressLine1: "12 Laburnum Road", locality: "Walsall", postcode: "WS1 4QX", phone: "01632 960111" },
  recordedOn: "2024-05-02",
};

/** Which of the records were put into one group with which, by their places. */
function groupsOf(inputs: readonly MatchInput[], sources: readonly string[] = []): string {
  const records = new LinkRecords(model);
  for (const [at, input] of inputs.entries()) records.add(input, sources[at] ?? `source ${at}`);
  const { groupOf } = records.link(() => {});
  const groups = Map.groupBy([...groupOf.keys()], (at) => groupOf[at]);
  return [...groups.values()].map((places) => places.join("")).join(" ");
}

function linked(...inputs: readonly Partial<MatchInput>[]): string {
  return groupsOf(inputs.map((input) => ({ ...AMINA, ...input })));
}

describe("records of one person are linked", () => {
  const OTHER_PLACE = { addressLine1: "4 Mill Lane", locality: "Dudley", postcode: "DY2 8PR", phone: "" };
  const stories: readonly [string, Partial<MatchInput>][] = [
    ["written alike", {}],
    ["without the number", { nhsNumber: "" }],
    ["with accents, hyphens and case", { givenName: "ÁMINA", familyName: "HUSSAIN" }],
    ["with another transliteration", { nhsNumber: "", givenName: "Ameena", familyName: "Hussein" }],
    ["with names in each other's place", { nhsNumber: "", givenName: "Hussain", familyName: "Amina" }],
    ["with another spelling that sounds the same", { nhsNumber: "", givenName: "Ameena" }],
    ["with a slip in each name", { nhsNumber: "", givenName: "Amnia", familyName: "Husain" }],
    ["with day and month swapped", { nhsNumber: "", birthDate: "1984-17-03" }],
    ["with a digit of the birth date wrong", { nhsNumber: "", birthDate: "1984-03-11" }],
    ["with the first of January instead of the birthday", { birthDate: "1984-01-01" }],
    ["with a default date", { birthDate: "1900-01-01" }],
    ["after a marriage, moved", { ...OTHER_PLACE, familyName: "Rahman" }],
    ["after a marriage, at the same address, without the number", { nhsNumber: "", familyName: "Rahman" }],
    ["with a double name", { nhsNumber: "", familyName: "Hussain-Rahman" }],
    ["moved, without the number", { ...OTHER_PLACE, nhsNumber: "" }],
    ["with no fixed abode", { nhsNumber: "", addressLine1: "", locality: "", postcode: "ZZ99 3VZ" }],
    ["with the wrong sex", { nhsNumber: "", gender: "male" }],
    ["with a number of wrong check digit", { nhsNumber: "9990000019" }],
    ["with another's number, by a slip", { nhsNumber: "9990000026" }],
    ["by a newborn's placeholder and the number", { givenName: "BABY" }],
    ["with a verified number and another birth date, once mistaken", { birthDate: "2009-08-02" }],
  ];
  for (const [what, change] of stories) {
    const verified = what.includes("verified") ? { nhsNumberStatus: "01" } : {};
    it(what, () => assert.equal(linked(verified, { ...verified, ...change }), "01"));
  }

  it("by a local id at the same sender only", () => {
    const bare = { ...NOTHING, givenName: "Amina", familyName: "Hussain", birthDate: "1984" };
    const twice = [
      { ...bare, localId: "RBK|77" },
      { ...bare, localId: "RBK|77" },
    ];
    assert.equal(groupsOf(twice), "01");
    assert.equal(groupsOf([twice[0]!, { ...bare, localId: "RNA|77" }]), "0 1");
  });
});

describe("records of two people are kept apart", () => {
  const stories: readonly [string, Partial<MatchInput>, Partial<MatchInput>][] = [
    ["twins with a number each", { nhsNumber: "9990000018" }, { nhsNumber: "9990000026", givenName: "Samira" }],
    ["twins of alike names without numbers", { nhsNumber: "" }, { nhsNumber: "", givenName: "Amira" }],
    ["twins, grown up, in one household", { nhsNumber: "" }, { nhsNumber: "", givenName: "Nadia" }],
    ["twins, one with the other's number", {}, { givenName: "Samira" }],
    ["brother and sister of one number, by a slip", {}, { givenName: "Imran", gender: "male" }],
    ["two verified numbers", { nhsNumberStatus: "01" }, { nhsNumber: "9990000026", nhsNumberStatus: "01" }],
    [
      "siblings of one number, by a slip, and birthdays a digit apart",
      {},
      { givenName: "Zara", birthDate: "1982-03-17" },
    ],
    ["father and son of one name, his number on the son's record", {}, { birthDate: "2009-08-02" }],
    ["a mother and her newborn, on whose record her number stands", {}, { givenName: "BABY", birthDate: "2024-05-01" }],
    ["a mother and her child, with her number and telephone", {}, { givenName: "Zara", birthDate: "2019-05-01" }],
    [
      "mother and daughter of one name and e-mail",
      { nhsNumber: "", email: "a@example.org" },
      { nhsNumber: "", email: "a@example.org", birthDate: "2009-08-02" },
    ],
    [
      "namesakes of one year of birth",
      { ...NOTHING, givenName: "John", familyName: "Smith", birthDate: "1984" },
      { ...NOTHING, givenName: "John", familyName: "Smith", birthDate: "1984" },
    ],
    ["mother and daughter of one name", { nhsNumber: "" }, { nhsNumber: "", birthDate: "2009-08-02" }],
    [
      "namesakes born in one year",
      { nhsNumber: "" },
      {
        nhsNumber: "",
        birthDate: "1984-11-02",
        addressLine1: "1 A St",
        postcode: "BS1 1AA",
        locality: "Bristol",
        phone: "",
      },
    ],
    [
      "two unknown people",
      { ...NOTHING, givenName: "UNKNOWN", familyName: "UNKNOWN" },
      { ...NOTHING, givenName: "UNKNOWN", familyName: "UNKNOWN" },
    ],
    [
      "two newborns of a ward",
      { ...NOTHING, givenName: "BABY", familyName: "Khan", birthDate: "2024-05-01" },
      { ...NOTHING, givenName: "BABY", familyName: "Patel", birthDate: "2024-05-01" },
    ],
    [
      "two of no fixed abode and no birth date",
      { ...NOTHING, givenName: "John", familyName: "Smith", postcode: "ZZ99 3VZ" },
      { ...NOTHING, givenName: "John", familyName: "Smith", postcode: "ZZ99 3VZ" },
    ],
    [
      "husband and wife",
      { nhsNumber: "" },
      { nhsNumber: "", givenName: "Tariq", gender: "male", birthDate: "1981-06-30" },
    ],
    ["records of which nothing is known", NOTHING, NOTHING],
  ];
  for (const [what, one, other] of stories) {
    it(what, () => assert.equal(linked(one, other), "0 1"));
  }

  it("twins, whatever their newborn's record is taken for", () => {
    const baby = { nhsNumber: "", givenName: "TWIN TWO", phone: "" };
    const groups = linked({ nhsNumber: "9990000018" }, { nhsNumber: "9990000026", givenName: "Samira" }, baby);
    assert.equal(groups, "0 1 2", "it could be either's, so it is neither's");
  });

  it("father and son, also by a record without a birth date", () => {
    const senior = { nhsNumber: "", birthDate: "1951-02-03" };
    assert.doesNotMatch(linked({ nhsNumber: "" }, senior, { nhsNumber: "", birthDate: "" }), /01/);
  });
});

describe("linking", () => {
  const name = fc.constantFrom("Amina", "Samira", "Ann", "BABY", "", "Jo", "Łukasz", "x".repeat(2_000), "O'Neil-Khan");
  const date = fc.constantFrom(
    "1984-03-17",
    "1984-17-03",
    "1984",
    "1850-01-01",
    "2990-12-31",
    "",
    "never",
    "1984-01-01",
  );
  const anyInput: fc.Arbitrary<MatchInput> = fc.record({
    nhsNumber: fc.constantFrom("", "9990000018", "9990000026", "123", "9999999999"),
    nhsNumberStatus: fc.constantFrom("", "01", "02"),
    ...{ givenName: name, middleName: name, familyName: name, birthDate: date },
    gender: fc.constantFrom("", "male", "female", "other"),
    addressLine1: fc.constantFrom("", "12 Laburnum Road", "12 Laburnum Rd", "a".repeat(3_000)),
    ...{ addressLine2: fc.constant(""), locality: name, postcode: fc.constantFrom("", "WS1 4QX", "ZZ99 3VZ") },
    ...{ phone: fc.constantFrom("", "01632 960111", "0000000000"), recordedOn: fc.constantFrom("", "2024-05-02") },
  });

  it("puts no two verified numbers, and no two sexes of other given names, into one group, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(anyInput, { minLength: 2, maxLength: 12 }), (inputs) => {
        const records = new LinkRecords(model);
        for (const input of inputs) records.add(input, "one");
        const { groupOf } = records.link(() => {});
        for (const [a, one] of inputs.entries()) {
          for (const [b, other] of inputs.entries()) {
            if (groupOf[a] !== groupOf[b]) continue;
            const verified = [one, other].every(
              ({ nhsNumber, nhsNumberStatus }) => nhsNumberStatus === "01" && nhsNumber.startsWith("99900"),
            );
            assert.ok(!verified || one.nhsNumber === other.nhsNumber);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("finds the same groups in whatever order the records come", () => {
    fc.assert(
      fc.property(fc.array(anyInput, { minLength: 2, maxLength: 10 }), fc.infiniteStream(fc.nat()), (inputs, order) => {
        const keys = inputs.map((_, at) => ({ at, by: order.next().value as number }));
        const shuffled = keys.toSorted((a, b) => a.by - b.by || a.at - b.at).map(({ at }) => at);
        const [one, other] = [inputs, shuffled.map((at) => inputs[at]!)].map((some) => pairsLinked(some));
        const moved = [...other!].map((pair) =>
          pair
            .split(" ")
            .map((at) => shuffled[Number(at)]!)
            .toSorted((a, b) => a - b)
            .join(" "),
        );
        assert.deepEqual(moved.toSorted(), [...one!].toSorted());
      }),
      { numRuns: 200 },
    );
  });

  function pairsLinked(inputs: readonly MatchInput[]): Set<string> {
    const records = new LinkRecords(model);
    for (const input of inputs) records.add(input, "one");
    const { groupOf } = records.link(() => {});
    const pairs = new Set<string>();
    for (let a = 0; a < inputs.length; a++) {
      for (let b = a + 1; b < inputs.length; b++) if (groupOf[a] === groupOf[b]) pairs.add(`${a} ${b}`);
    }
    return pairs;
  }
});
