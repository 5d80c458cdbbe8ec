import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import fc from "fast-check";

import { CHARACTERS, type CharacterName } from "../../topology/people/characters.ts";
import { Failure } from "../base/failure.ts";
import { readFeedFile } from "../feeds/read-feed-file.ts";
import { POINTERS_SHOWN_MAX } from "../locator/locator.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import { givenNamesContradict } from "../mpi/names.ts";
import {
  aPermit,
  aPointer,
  aProvider,
  anIdentity,
  anObjection,
  byDemographics,
  byNumber,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import type { Found } from "./answer-locate.ts";
import { BATCH_ITEMS_MAX, type ParsedItem } from "./load-batch.ts";

const NUMBER = "9000000009";
const OTHER_NUMBER = "9000000017";
const BORN = "1980-05-17";
/** Of each property; every run opens an index of its own. */
const RUNS = process.env["COUNT"] === "full" ? 2_000 : 100;
/** A second provider's record. */
const ELSEWHERE = { provider: "RJE", localId: "X9" } as const;

/** Records that were not linked to the person's, and yet may be theirs. */
const UNLINKED: readonly [what: string, record: Partial<IdentityRecord>][] = [
  ["without a birth date", { birthDate: "" }],
  ["with the year alone", { birthDate: "1980" }],
  ["with year and month", { birthDate: "1980-05" }],
  ["with a default date", { birthDate: "1900-01-01" }],
  ["with one digit of the date off, both numbers verified", { birthDate: "1980-05-18" }],
  ["without a given name", { givenName: "" }],
  ["under another name", { givenName: "Zara", familyName: "Hidden" }],
  ["of another sex", { gender: "male", givenName: "A" }],
];

/** Questions that name the person of {@link anIdentity}. */
const QUESTIONS = [
  byNumber(NUMBER, BORN),
  byNumber(NUMBER, BORN, { family: "Khan", given: "Aisha" }),
  byNumber(NUMBER, BORN, { given: "Zara" }),
  byDemographics("Khan", "Aisha", BORN),
];

/** Everything that leaves the node is made of these; `why` and the person stay in its audit. */
const leaving = ({ pointers, more, otherPersonHasRecords, possibleMatch }: Found): string =>
  JSON.stringify({ pointers, more, otherPersonHasRecords, possibleMatch });
const NOTHING = JSON.stringify({ pointers: [], otherPersonHasRecords: false });

describe("finding a person's records", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const seen = ({ pointers, otherPersonHasRecords, why }: Found) => [pointers.length, otherPersonHasRecords, why];
  const find = (...question: Parameters<typeof byNumber>) => seen(index.find(byNumber(...question)));

  it("gathers what every provider holds for the person of this number and birth date", async () => {
    await index.load([
      anIdentity(),
      anIdentity({ provider: "RJE", localId: "X9", nhsNumberStatus: "" }),
      aPointer(),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
    ]);
    const found = index.find(byNumber(NUMBER, BORN));
    assert.deepEqual(seen(found), [2, false, "held"]);
    assert.match(found.personId ?? "", /^[0-9a-z]+$/);
    assert.deepEqual(find(OTHER_NUMBER, BORN), [0, false, "none-held"]);
  });

  describe("where nothing may be shown", () => {
    const causes: [why: Found["why"], items: Parameters<TestIndex["load"]>[0]][] = [
      ["none-held", []],
      ["none-held", [anIdentity()]],
      ["restricted", [anIdentity({ restricted: true }), aPointer()]],
      ["restricted", [anIdentity(), anIdentity({ provider: "RJE", localId: "X9", restricted: true }), aPointer()]],
      ["objected", [anIdentity(), aPointer(), anObjection()]],
      [
        "objected",
        [
          anIdentity(),
          anIdentity({ provider: "RJE", localId: "X9" }),
          aPointer(),
          anObjection({ provider: "RJE", localId: "X9" }),
        ],
      ],
      ["filtered", [anIdentity(), aPointer({ recordType: "safeguarding" })]],
      ["filtered", [anIdentity(), aPointer({ recordType: "sexual-health" })]],
    ];
    for (const [why, items] of causes) {
      it(`one answer leaves: ${why} (${items.length} items)`, async () => {
        await index.load(items);
        const found = index.find(byNumber(NUMBER, BORN), aPermit({ levels: { safeguarding: "none" } }));
        assert.equal(found.why, why);
        assert.equal(leaving(found), NOTHING);
        const stranger = index.find(byNumber(OTHER_NUMBER, BORN));
        assert.equal(leaving(found), leaving(stranger));
      });
    }

    const about: readonly [scope: string, left: readonly string[]][] = [
      ["type:allergies", ["R2 care-plan"]],
      ["organisation:RRK", []],
      ["organisation:RJE", ["R1 allergies", "R2 care-plan"]],
      ["record:R1", ["R2 care-plan"]],
      ["record:R9", ["R1 allergies", "R2 care-plan"]],
    ];
    for (const [scope, left] of about) {
      it(`an objection about ${scope} withholds that and no more, as if it were not there`, async () => {
        const records = [
          aPointer({ recordId: "R1", recordType: "allergies", format: "text/r1" }),
          aPointer({ recordId: "R2", recordType: "care-plan", format: "text/r2" }),
        ];
        await index.load([anIdentity(), ...records, anObjection({ scope })]);
        const found = index.find(byNumber(NUMBER, BORN));
        const shown = found.pointers.map(({ recordType, format }) => `${format.slice(5).toUpperCase()} ${recordType}`);
        assert.deepEqual(shown.sort(), left);
        if (left.length === 0) assert.equal(leaving(found), NOTHING);
      });
    }

    it("an objection about a part counts on whoever may be the person, and in a record of very many", async () => {
      const many = Array.from({ length: POINTERS_SHOWN_MAX + 5 }, (_, at) => aPointer({ recordId: `R${at}` }));
      await index.load([anIdentity(), ...many.slice(0, 900)]);
      await index.load(many.slice(900));
      await index.load([anObjection({ scope: "record:R3" }), anObjection({ objectionId: "O2", scope: "record:R4" })]);
      const found = index.find(byNumber(NUMBER, BORN));
      assert.deepEqual([found.pointers.length, found.more], [POINTERS_SHOWN_MAX, 3]);
      const unlinked = { ...ELSEWHERE, givenName: "" };
      await index.load([anIdentity(unlinked), anObjection({ ...ELSEWHERE, scope: "organisation:RRK" })]);
      assert.equal(leaving(index.find(byNumber(NUMBER, BORN))), NOTHING);
    });

    it("an objection counts for all records of one person, and goes with its own when they turn out to be two", async () => {
      const elsewhere = (nhsNumber: string, recordedOn: string) => anIdentity({ ...ELSEWHERE, nhsNumber, recordedOn });
      await index.load([anIdentity(), aPointer(), elsewhere(NUMBER, "2024-01-01")]);
      await index.load([anObjection({ ...ELSEWHERE, scope: "type:discharge-letter" })]);
      assert.equal(leaving(index.find(byNumber(NUMBER, BORN))), NOTHING, "the most restrictive wins");
      await index.load([elsewhere(OTHER_NUMBER, "2024-06-01"), aPointer({ ...ELSEWHERE, recordId: "E1" })]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"], "parted, each has their own back");
      assert.equal(leaving(index.find(byNumber(OTHER_NUMBER, BORN))), NOTHING);
    });

    it("an objection that allows it gives way to emergency access, and to nothing else", async () => {
      await index.load([anIdentity(), aPointer(), anObjection({ overrideInEmergency: true })]);
      const under = (purpose: "BTG" | "ETREAT") => index.find(byNumber(NUMBER, BORN), aPermit({ purpose })).why;
      assert.equal(under("BTG"), "held");
      assert.equal(under("ETREAT"), "objected");
    });

    for (const [what, record] of UNLINKED) {
      it(`a restricted mark or an objection counts on a record ${what}`, async () => {
        for (const [why, hiding] of [
          ["restricted", [anIdentity({ ...ELSEWHERE, ...record, restricted: true })]],
          ["objected", [anIdentity({ ...ELSEWHERE, ...record }), anObjection(ELSEWHERE)]],
        ] as const) {
          const other = openTestIndex();
          await other.load([anIdentity(), aPointer()]);
          assert.equal(other.find(byNumber(NUMBER, BORN)).why, "held");
          await other.load(hiding);
          for (const question of QUESTIONS) {
            const found = other.find(question);
            assert.deepEqual([found.why, leaving(found)], [why, NOTHING]);
          }
          await other.close();
        }
      });
    }

    it("a number typed wrong for another hides nobody: one of another birth date, its number not verified", async () => {
      const hiding = { ...ELSEWHERE, birthDate: "1972-08-14", nhsNumberStatus: "", restricted: true } as const;
      await index.load([anIdentity(), aPointer(), anIdentity(hiding)]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, "1972-08-14"), [0, false, "restricted"]);
    });

    it("a restricted person stays hidden from emergency access too", async () => {
      await index.load([anIdentity({ restricted: true }), aPointer()]);
      assert.equal(index.find(byNumber(NUMBER, BORN), aPermit({ purpose: "BTG" })).pointers.length, 0);
    });
  });

  describe("where the number is somebody else's", () => {
    it("says so, without a record, when the birth date differs", async () => {
      await index.load([anIdentity(), aPointer()]);
      assert.deepEqual(find(NUMBER, "1980-05-18"), [0, true, "other-person"]);
    });

    it("says nothing when the right details would show nothing", async () => {
      for (const items of [
        [anIdentity()],
        [anIdentity({ restricted: true }), aPointer()],
        [anIdentity(), aPointer(), anObjection()],
        [anIdentity(), aPointer({ recordType: "safeguarding" })],
      ]) {
        const other = openTestIndex();
        await other.load(items);
        const permit = aPermit({ levels: { safeguarding: "sealed" } });
        const found = other.find(byNumber(NUMBER, "1980-05-18"), permit);
        assert.deepEqual(seen(found), [0, false, "other-person"]);
        assert.equal(found.personId, undefined);
        await other.close();
      }
    });

    it("says nothing either where the number is also a restricted person's, or an objector's", async () => {
      await index.load([
        anIdentity(),
        aPointer(),
        anIdentity({ ...ELSEWHERE, birthDate: "1972-08-14", nhsNumberStatus: "02" }),
      ]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, true, "other-person"]);
      await index.load([anObjection({ provider: "RJE", localId: "X9" })]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, false, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Beryl" }), [0, false, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"]);
    });

    it("counts the given name against the person, and the family name, which people change, not", async () => {
      await index.load([anIdentity({ middleName: "Noor Zahra" }), aPointer()]);
      const given = (name: string) => find(NUMBER, BORN, { given: name });
      assert.deepEqual(find(NUMBER, BORN, { family: "Khan", given: "Beryl" }), [0, true, "other-person"]);
      assert.deepEqual(given("Beryl"), [0, true, "other-person"]);
      assert.deepEqual(given("Amira"), [0, true, "other-person"], "a twin's");
      assert.deepEqual(find(NUMBER, BORN, { family: "Sheldon", given: "Aisha" }), [1, false, "held"]);
      for (const name of ["A", "AISHA", "Aishah", "Noor", "Zahra", "Noor Zahra", "Baby", "UNKNOWN", ""]) {
        assert.deepEqual(given(name), [1, false, "held"], name);
      }
    });

    it("takes no initial for a name where the name is known: twins share it", async () => {
      const initials = anIdentity({ ...ELSEWHERE, givenName: "A", middleName: "B" });
      await index.load([initials, aPointer({ ...ELSEWHERE, recordId: "E1" })]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Amira" }), [1, false, "held"]);
      await index.load([anIdentity()]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Amira" }), [0, true, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Beryl" }), [0, true, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Aisha" }), [1, false, "held"]);
    });

    it("holds no name against a record without a given name", async () => {
      await index.load([anIdentity({ givenName: "", middleName: "Zahra" }), aPointer()]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Beryl" }), [1, false, "held"]);
    });

    it("goes by a record without a birth date only where nobody of this number has one", async () => {
      await index.load([anIdentity({ ...ELSEWHERE, birthDate: "" }), aPointer({ ...ELSEWHERE, recordId: "E1" })]);
      assert.deepEqual(find(NUMBER, BORN), [0, true, "other-person"]);
      await index.load([anIdentity()]);
      assert.deepEqual(find(NUMBER, BORN), [0, false, "none-held"]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, false, "other-person"]);
    });

    it("finds the owner of a number that was typed wrong for another, and not the other", async () => {
      await index.load([
        anIdentity(),
        aPointer(),
        anIdentity({ provider: "RJE", localId: "X9", givenName: "Piotr", gender: "male", birthDate: "1972-08-14" }),
        aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
        aPointer({ provider: "RJE", localId: "X9", recordId: "E2" }),
      ]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, "1972-08-14"), [2, false, "held"]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, true, "other-person"]);
    });
  });

  describe("with a twin's record under the wrong number", () => {
    const twins = [
      anIdentity(),
      aPointer(),
      anIdentity({ provider: "RJE", localId: "X9", givenName: "Amira" }),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E2" }),
    ];

    it("never mixes the two: the given name tells them apart, or else who it is must be checked", async () => {
      await index.load(twins);
      assert.deepEqual(find(NUMBER, BORN), [0, true, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Aisha" }), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Amira" }), [2, false, "held"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "A" }), [0, true, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Zara" }), [0, true, "other-person"]);
    });

    it("says nothing where one of them is restricted or has objected", async () => {
      await index.load([...twins, anObjection()]);
      assert.deepEqual(find(NUMBER, BORN), [0, false, "objected"]);
      await index.load([anIdentity({ restricted: true, recordedOn: "2025-01-01" })]);
      assert.deepEqual(find(NUMBER, BORN), [0, false, "restricted"]);
    });

    it("keeps twins with numbers of their own apart", async () => {
      await index.load([
        anIdentity(),
        aPointer(),
        anIdentity({ localId: "P2", nhsNumber: OTHER_NUMBER, givenName: "Amira" }),
      ]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"]);
      assert.deepEqual(find(OTHER_NUMBER, BORN), [0, false, "none-held"]);
    });
  });

  it("shows all of those whom nothing known tells apart, and names each for the audit", async () => {
    await index.load([
      anIdentity(),
      aPointer(),
      anIdentity({ ...ELSEWHERE, givenName: "" }),
      aPointer({ ...ELSEWHERE, recordId: "E1" }),
    ]);
    const found = index.find(byNumber(NUMBER, BORN));
    assert.deepEqual(seen(found), [2, false, "held"]);
    assert.equal(found.personId?.split(" ").length, 2);
  });

  describe("of several whom the index refused to join", () => {
    for (const [mine, other] of [
      ["Baby", "Baby"],
      ["Sam", "Samuel"],
    ] as const) {
      it(`mixes no two sexes (${mine}, ${other})`, async () => {
        await index.load([
          anIdentity({ givenName: mine }),
          aPointer(),
          anIdentity({ ...ELSEWHERE, givenName: other, gender: "male" }),
          aPointer({ ...ELSEWHERE, recordId: "E1" }),
        ]);
        assert.deepEqual(find(NUMBER, BORN), [0, true, "other-person"]);
        assert.deepEqual(find(NUMBER, BORN, { given: mine }), [0, true, "other-person"]);
      });
    }

    it("says nothing where neither has anything to show", async () => {
      await index.load([
        anIdentity({ givenName: "Baby" }),
        anIdentity({ ...ELSEWHERE, givenName: "Baby", gender: "male" }),
        aPointer({ ...ELSEWHERE, recordType: "sexual-health" }),
      ]);
      assert.deepEqual(find(NUMBER, BORN), [0, false, "other-person"]);
    });

    it("does not show a record that may be either twin's", async () => {
      await index.load([
        anIdentity(),
        aPointer(),
        anIdentity({ localId: "P2", givenName: "Amira" }),
        anIdentity({ ...ELSEWHERE, givenName: "A" }),
        aPointer({ ...ELSEWHERE, recordId: "E1" }),
      ]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Aisha" }), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, BORN, { given: "Amira" }), [0, false, "none-held"]);
    });
  });

  it("counts what one answer cannot carry", async () => {
    await index.load([anIdentity(), aPointer({ recordId: "old", recordedOn: "1999-01-01" })]);
    assert.ok(!("more" in index.find(byNumber(NUMBER, BORN))));
    await index.load(Array.from({ length: POINTERS_SHOWN_MAX }, (_, n) => aPointer({ recordId: `D${n}` })));
    const { pointers, more } = index.find(byNumber(NUMBER, BORN));
    assert.deepEqual([pointers.length, more], [POINTERS_SHOWN_MAX, 1]);
    assert.ok(pointers.every(({ recordedOn }) => recordedOn > "1999-01-01"));
  });

  it("finds by demographics one person or nobody, never somebody else", async () => {
    await index.load([anIdentity(), aPointer()]);
    assert.deepEqual(seen(index.find(byDemographics("Khan", "Aisha", BORN))), [1, false, "held"]);
    assert.deepEqual(seen(index.find(byDemographics("Khan", "Zara", BORN))), [0, false, "none-held"]);
    await index.load([anIdentity({ localId: "P2", nhsNumber: OTHER_NUMBER })]);
    assert.deepEqual(seen(index.find(byDemographics("Khan", "Aisha", BORN))), [0, false, "none-held"]);
  });

  it("fails on a damaged row rather than answer", async () => {
    await index.load([anIdentity(), aPointer()]);
    index.db.exec("UPDATE pointer SET recorded_on = '2025-01-03'");
    assert.throws(
      () => index.find(byNumber(NUMBER, BORN)),
      (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
    );
  });
});

describe("knowing the person before anybody is asked", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  it("lets a question by number pass as it is, known or not", async () => {
    await index.load([anIdentity()]);
    for (const number of [NUMBER, OTHER_NUMBER]) {
      const patient = byNumber(number, BORN);
      const known = index.know(patient);
      assert.ok(known.kind === "ask" && known.question.patient === patient);
    }
  });

  it("goes no further for a person who has objected to everything here, under whatever record, until it is withdrawn", async () => {
    await index.load([anIdentity(), anIdentity(ELSEWHERE), anObjection({ ...ELSEWHERE, scope: "type:maternity" })]);
    const objected = () => QUESTIONS.map((question) => index.know(question)).map((known) => "objected" in known);
    assert.ok(!objected().includes(true), "an objection to a part stops nobody from asking");
    await index.load([anObjection(ELSEWHERE)]);
    assert.ok(!objected().includes(false));
    await index.load([anObjection({ ...ELSEWHERE, state: "withdrawn" })]);
    assert.ok(!objected().includes(true));
  });

  it("stops for a person restricted here, asked by number with the birth date or by demographics", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9", restricted: true })]);
    assert.equal(index.know(byNumber(NUMBER, BORN)).kind, "restricted");
    assert.equal(index.know(byDemographics("Khan", "Aisha", BORN)).kind, "restricted");
    assert.equal(index.know(byNumber(NUMBER, "1980-05-18")).kind, "ask");
  });

  for (const [what, record] of UNLINKED) {
    it(`stops for a restricted mark on a record ${what}, however asked`, async () => {
      await index.load([anIdentity(), anIdentity({ ...ELSEWHERE, ...record, restricted: true })]);
      for (const question of QUESTIONS) assert.equal(index.know(question).kind, "restricted");
    });
  }

  it("does not find a restricted person by postcode", async () => {
    await index.load([anIdentity({ restricted: true })]);
    assert.throws(() => index.know(byDemographics("Khan", "Aisha", BORN, "B86 8QD")), isIdentityNotKnown);
  });

  it("turns demographics into the number of the one person here who fits", async () => {
    await index.load([anIdentity()]);
    const known = index.know(byDemographics("KHAN", "aisha", BORN));
    assert.ok(known.kind === "ask" && known.question.patient.by === "number");
    assert.equal(known.question.patient.nhsNumber.expose(), NUMBER);
    assert.equal(known.question.patient.birthDate.expose(), BORN);
    assert.equal(known.question.patient.familyName?.expose(), "KHAN");
  });

  it("asks by demographics for one who fits and has no number", async () => {
    await index.load([anIdentity({ nhsNumber: "", nhsNumberStatus: "" })]);
    const known = index.know(byDemographics("Khan", "Aisha", BORN));
    assert.ok(known.kind === "ask" && known.question.patient.by === "demographics");
  });

  it("asks nobody where nobody or more than one fits, and names no patient", async () => {
    assert.throws(() => index.know(byDemographics("Khan", "Aisha", BORN)), isIdentityNotKnown);
    await index.load([anIdentity(), anIdentity({ localId: "P2", nhsNumber: OTHER_NUMBER })]);
    assert.throws(() => index.know(byDemographics("Khan", "Aisha", BORN)), isIdentityNotKnown);
  });
});

function isIdentityNotKnown(thrown: unknown): boolean {
  assert.ok(thrown instanceof Failure && thrown.code === "identity-not-known");
  assert.match(thrown.message, /^Cannot ask yet: identity not known\./);
  return !/Khan|Aisha|1980/.test(thrown.message);
}

describe("finding, for any records of one number", function () {
  this.timeout(RUNS * 300);

  const record = fc.record({
    given: fc.constantFrom("", "A", "Aisha", "Amira", "Baby", "Zara"),
    family: fc.constantFrom("Khan", "Ali"),
    born: fc.constantFrom(BORN, BORN, BORN, "", "1980", "1980-05", "1900-01-01", "1980-05-18", "1972-08-14"),
    gender: fc.constantFrom("female", "female", "male", ""),
    status: fc.constantFrom("01", "02", ""),
    flag: fc.constantFrom("none", "none", "none", "restricted", "objected", "override", "objected in part"),
    pointers: fc.constantFrom("shown", "shown", "sealed", "none"),
  });
  type SomeRecord = typeof record extends fc.Arbitrary<infer Value> ? { [Field in keyof Value]: string } : never;
  const permit = aPermit({ levels: { safeguarding: "sealed" } });
  const asked = fc.constantFrom("", "A", "Aisha", "Amira", "Zara", "Beryl", "Baby");

  const itemsOf = (records: readonly SomeRecord[]): ParsedItem[] =>
    records.flatMap(({ given, family, born, gender, status, flag, pointers }, n) => {
      const patient = { provider: "RRK", localId: `P${n}` };
      const names = { givenName: given, familyName: family, birthDate: born, gender, nhsNumberStatus: status };
      const recordType = pointers === "sealed" ? "safeguarding" : "discharge-letter";
      return [
        anIdentity({ ...patient, ...names, restricted: flag === "restricted" }),
        ...(pointers === "none" ? [] : [aPointer({ ...patient, recordId: `D${n}`, recordType })]),
        ...(flag === "objected" || flag === "override"
          ? [anObjection({ ...patient, objectionId: `O${n}`, overrideInEmergency: flag === "override" })]
          : []),
        // To the organisation that has all of them: a part, of which nothing is left.
        ...(flag === "objected in part"
          ? [anObjection({ ...patient, objectionId: `O${n}`, scope: "organisation:RRK" })]
          : []),
      ];
    });
  const hides = ({ flag }: SomeRecord): boolean => flag !== "none";
  const isFull = ({ born }: SomeRecord): boolean => born.length === 10 && born !== "1900-01-01";
  /** True where the birth date asked with does not rule the record out. */
  const mayBe = (one: SomeRecord, birthDate: string, records: readonly SomeRecord[]): boolean =>
    one.born === birthDate ||
    !isFull(one) ||
    (one.status === "01" && records.some(({ born, status }) => born === birthDate && status === "01"));
  const contradictory = (one: SomeRecord, other: SomeRecord): boolean =>
    (one.gender !== "" && other.gender !== "" && one.gender !== other.gender) ||
    givenNamesContradict(one.given, other.given);

  const unhidden = record.map((each) => ({ ...each, flag: "none" }));
  /** Rather more of those who are told apart by their names and sexes alone. */
  const alike = fc.oneof(
    unhidden,
    unhidden.map((each) => ({ ...each, born: BORN, pointers: "shown" })),
  );
  const underAny = async (
    one: fc.Arbitrary<SomeRecord>,
    check: (find: TestIndex, records: readonly SomeRecord[], given: string) => void,
  ) => {
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 5 }), asked, async (records, given) => {
        const index = openTestIndex();
        try {
          await index.load(itemsOf(records));
          check(index, records, given);
        } finally {
          await index.close();
        }
      }),
      { numRuns: RUNS },
    );
  };

  it("shows nothing, alike, where any that may be the person's is restricted or objected to", async () => {
    const seen = { hidden: 0, held: 0, check: 0 };
    await underAny(record, (index, records, given) => {
      for (const birthDate of [BORN, "1980-05-18", "1999-09-09"]) {
        const possible = records.filter((each) => mayBe(each, birthDate, records));
        const question = byNumber(NUMBER, birthDate, { given });
        const found = index.find(question, permit);
        if (possible.some(hides)) {
          seen.hidden++;
          assert.equal(leaving(found), NOTHING);
        }
        const isRestricted = ({ flag }: SomeRecord): boolean => flag === "restricted";
        const known = index.know(question).kind;
        if (possible.some(isRestricted)) assert.equal(known, "restricted");
        if (!records.some(isRestricted)) assert.equal(known, "ask");
        if (found.otherPersonHasRecords) {
          seen.check++;
          assert.ok(!records.some(hides), "a check of identity may not set a hidden person apart");
        }
        if (found.pointers.length > 0) seen.held++;
      }
      for (const { family, given: name } of records) {
        if (name === "" || name === "Baby") continue;
        const found = index.find(byDemographics(family, name, BORN), permit);
        const possible = records.filter((each) => mayBe(each, BORN, records));
        if (possible.some(hides)) assert.equal(leaving(found), NOTHING);
      }
    });
    assert.ok(
      Object.values(seen).every((times) => times > 0),
      JSON.stringify(seen),
    );
  });

  it("mixes no two who cannot be one person, and shows nobody of another given name or birth date", async () => {
    let several = 0;
    await underAny(alike, (index, records, given) => {
      const ids = new Map<unknown, string>(
        index.db.prepare<[], [string, string]>("SELECT token, record_id FROM pointer").raw().all(),
      );
      const { pointers } = index.find(byNumber(NUMBER, BORN, { given }), permit);
      const shown = pointers.map(({ pointerId }) => records[Number(ids.get(pointerId)?.slice(1))]!);
      if (shown.length > 1) several++;
      for (const one of shown) {
        assert.equal(one.born, BORN);
        assert.ok(!shown.some((other) => contradictory(one, other)));
      }
      assert.ok(shown.length === 0 || shown.some((one) => !givenNamesContradict(one.given, given)));
    });
    assert.ok(several > 0);
  });

  it("asks for a check of identity only where some details would not give nothing to show", async () => {
    let checks = 0;
    await underAny(unhidden, (index, records, given) => {
      for (const birthDate of [BORN, "1999-09-09"]) {
        if (!index.find(byNumber(NUMBER, birthDate, { given }), permit).otherPersonHasRecords) continue;
        checks++;
        const right = records
          .filter(({ pointers }) => pointers === "shown")
          .map((each) => byNumber(NUMBER, isFull(each) ? each.born : BORN, { given: each.given }));
        assert.ok(right.some((question) => leaving(index.find(question, permit)) !== NOTHING));
      }
    });
    assert.ok(checks > 0);
  });
});

describe("finding the people of the cast in Coventry", () => {
  let index: TestIndex;
  before(async () => {
    const items = await readCast("wm-cw");
    const codes = new Set(items.map((item) => ("values" in item ? item.values.expose().provider : "")));
    index = openTestIndex([...codes].map((code) => aProvider(code)));
    for (let from = 0; from < items.length; from += BATCH_ITEMS_MAX) {
      const { rejected } = await index.load(items.slice(from, from + BATCH_ITEMS_MAX));
      assert.deepEqual(rejected, []);
    }
  });
  after(() => index.close());

  const expected = {
    twentyHistories: "held",
    otherTwin: "held",
    numberOwner: "held",
    restrictedAtPeers: "restricted",
    objector: "objected",
    twin: "none-held",
    stranger: "none-held",
    wrongNumber: "none-held",
  } as const satisfies Partial<Record<CharacterName, Found["why"]>>;
  for (const [name, why] of Object.entries(expected)) {
    it(`${name}: ${why}`, () => {
      const { nhsNumber, birthDate } = CHARACTERS[name as keyof typeof expected];
      const found = index.find(byNumber(nhsNumber, birthDate));
      assert.equal(found.why, why);
      assert.equal(found.pointers.length > 0, why === "held");
      assert.ok(!found.otherPersonHasRecords);
    });
  }

  it("keeps the man whose number was typed wrong apart from the number's owner", () => {
    const { wrongNumber, numberOwner } = CHARACTERS;
    const his = index.find(byNumber(numberOwner.nhsNumber, wrongNumber.birthDate));
    const hers = index.find(byNumber(numberOwner.nhsNumber, numberOwner.birthDate));
    assert.ok(his.pointers.length > 0 && hers.pointers.length > 0);
    assert.notEqual(his.personId, hers.personId);
    const ids = new Set(hers.pointers.map(({ pointerId }) => pointerId));
    assert.ok(his.pointers.every(({ pointerId }) => !ids.has(pointerId)));
  });

  it("says that a number is somebody else's, with any other birth date", () => {
    const found = index.find(byNumber(CHARACTERS.twentyHistories.nhsNumber, "1958-04-18"));
    assert.deepEqual([found.pointers.length, found.otherPersonHasRecords], [0, true]);
  });
});

async function readCast(node: string): Promise<ParsedItem[]> {
  const items: ParsedItem[] = [];
  for (const kind of ["identities", "pointers", "objections"]) {
    const path = fileURLToPath(new URL(`../../topology/people/${node}.${kind}.csv`, import.meta.url));
    for await (const { parsed } of readFeedFile(path, { today: "2026-11-22" })) items.push(parsed);
  }
  return items;
}
