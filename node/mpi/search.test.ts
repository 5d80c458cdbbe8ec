import assert from "node:assert/strict";

import fc from "fast-check";

import { Failure } from "../base/failure.ts";
import { anIdentity, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { makePersonSearch, type SearchOutcome } from "./search.ts";
import { type AskedSearch, DAYS_MAX, parseSearch } from "./search-terms.ts";

const TODAY = "2026-11-22";
const PLAIN: AskedSearch = { given: [], birthDate: [], fuzzy: false, exact: false, history: false };
const KHAN: Partial<AskedSearch> = { family: "Khan", birthDate: ["1980-05-17"] };

describe("a search's terms", () => {
  const refused: [what: string, asked: Partial<AskedSearch>, where: string][] = [
    ["no date of birth", { family: "Khan" }, "birth_date"],
    ["no family name", { given: ["Aisha"], birthDate: ["1980-05-17"] }, "family"],
    ["a telephone number alone", { phone: "07700 900738" }, "birth_date"],
    ["an empty name", { ...KHAN, given: [" "] }, "given"],
    ["a wildcard too early", { ...KHAN, family: "K*" }, "family"],
    ["a wildcard behind a mark", { ...KHAN, family: "K'*" }, "family"],
    ["a wildcard and nothing else", { ...KHAN, family: "*" }, "family"],
    ["a wildcard in a postcode too early", { ...KHAN, postcode: "B*" }, "postcode"],
    ["a wildcard in a fuzzy search", { ...KHAN, family: "Kha*", given: ["Aisha"], fuzzy: true }, "family"],
    ["a wildcard in an exact search", { ...KHAN, postcode: "B86*", exact: true }, "postcode"],
    ["a wildcard in a telephone number", { ...KHAN, phone: "07700*" }, "phone"],
    ["fuzzy and exact", { ...KHAN, given: ["Aisha"], fuzzy: true, exact: true }, "exact"],
    ["a fuzzy search by one name", { ...KHAN, fuzzy: true }, "given"],
    [
      "a fuzzy search by given name and gender",
      { ...KHAN, family: undefined, given: ["A"], gender: "female", fuzzy: true } as never,
      "family",
    ],
    ["no real day", { ...KHAN, birthDate: ["1980-02-30"] }, "birth_date"],
    ["a day to come", { ...KHAN, birthDate: ["2027-01-01"] }, "birth_date"],
    ["a name that stands for none", { ...KHAN, family: "Unknown" }, "family"],
    ["a day that stands for none", { ...KHAN, birthDate: ["1900-01-01"] }, "birth_date"],
    ["two equal days", { ...KHAN, birthDate: ["1980-01-01", "1980-01-02"] }, "birth_date"],
    ["a stretch that ends before it begins", { ...KHAN, birthDate: ["ge1980-02-01", "le1980-01-01"] }, "birth_date"],
    ["a stretch of a lifetime", { ...KHAN, birthDate: ["le1980-01-01"] }, "birth_date"],
    ["a gender of its own", { ...KHAN, gender: "f" }, "gender"],
    ["no place", { ...KHAN, postcode: "ZZ99 3WZ" }, "postcode"],
    ["nobody's telephone number", { ...KHAN, phone: "0000000000" }, "phone"],
    ["51 results", { ...KHAN, maxResults: 51 }, "max_results"],
    ["no results", { ...KHAN, maxResults: 0 }, "max_results"],
    ["six given names", { ...KHAN, given: ["Ab", "Bc", "Cd", "De", "Ef", "Fg"] }, "given"],
  ];
  for (const [what, asked, where] of refused) {
    it(`are refused with ${what}, by the field's name`, () => {
      assert.throws(
        () => parseSearch({ ...PLAIN, ...asked }, TODAY, false),
        (thrown) => thrown instanceof Failure && thrown.code === "invalid-input" && thrown.where === where,
      );
    });
  }

  for (const field of ["deathDate", "practice", "email"] as const) {
    it(`are refused, not widened, where the index cannot judge one: ${field}`, () => {
      assert.throws(
        () => parseSearch({ ...PLAIN, ...KHAN, [field]: "x" }, TODAY, false),
        (thrown) => thrown instanceof Failure && thrown.code === "not-served",
      );
    });
  }

  it("take one result and no more where nobody looks at it", () => {
    assert.equal(parseSearch({ ...PLAIN, ...KHAN }, TODAY, true).maxResults, 1);
    assert.throws(
      () => parseSearch({ ...PLAIN, ...KHAN, maxResults: 2 }, TODAY, true),
      (thrown) => thrown instanceof Failure && thrown.code === "not-permitted",
    );
  });

  it("cannot be printed by accident, nor by what refuses them", () => {
    assert.ok(!JSON.stringify(parseSearch({ ...PLAIN, ...KHAN }, TODAY, false)).includes("khan"));
    fc.assert(
      fc.property(fc.string({ minLength: 3 }), (text) => {
        try {
          parseSearch({ ...PLAIN, family: text, birthDate: [text], gender: text }, TODAY, false);
        } catch (thrown) {
          assert.ok(thrown instanceof Failure);
          assert.ok(text.trim().length < 4 || !thrown.message.includes(text));
        }
      }),
    );
  });

  it("span three years at most", () => {
    const from = "2020-01-01";
    const to = new Date(Date.parse(from) + (DAYS_MAX - 1) * 86_400_000).toISOString().slice(0, 10);
    assert.doesNotThrow(() => parseSearch({ ...PLAIN, ...KHAN, birthDate: [`ge${from}`, `le${to}`] }, TODAY, false));
  });
});

describe("a search of the index", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const search = (asked: Partial<AskedSearch>, unattended = false): SearchOutcome =>
    makePersonSearch(index.db).search(parseSearch({ ...PLAIN, ...asked }, TODAY, unattended));
  const found = (asked: Partial<AskedSearch>) => {
    const outcome = search(asked);
    return outcome.kind === "found" ? outcome.persons : [];
  };
  const load = (...people: Partial<IdentityRecord>[]) => index.load(people.map((person) => anIdentity(person)));
  const someone = (at: number, more: Partial<IdentityRecord>): Partial<IdentityRecord> => ({
    ...{ localId: `L${at}`, nhsNumber: "", nhsNumberStatus: "" },
    ...more,
  });
  const detailsOf = (asked: Partial<AskedSearch>) => found(asked)[0]?.details.expose();

  it("finds by family name and birth date, and shows who that is now", async () => {
    await load({});
    const [person, another] = found(KHAN);
    assert.equal(another, undefined);
    assert.equal(person?.score, 1);
    assert.deepEqual(person?.details.expose(), {
      nhsNumber: "9000000009",
      verified: true,
      names: [{ family: "Khan", given: "Aisha", middle: "" }],
      birthDates: ["1980-05-17"],
      ...{ died: "", deathRegistered: false },
      genders: ["female"],
      addressLines: ["1 Canal Road", "Birmingham"],
      postcode: "B86 8QD",
      phone: "07700 900738",
    });
    assert.deepEqual(search({ ...KHAN, birthDate: ["1980-05-18"] }), { kind: "none" });
    assert.ok(!JSON.stringify(person).includes("Khan"));
  });

  it("takes every term as said: one that does not fit ends it", async () => {
    await load({});
    for (const other of [
      { given: ["Amira"] },
      { gender: "male" },
      { postcode: "B1 1AA" },
      { phone: "0121 496 0999" },
    ]) {
      assert.deepEqual(search({ ...KHAN, ...other }), { kind: "none" });
    }
    const all = {
      ...KHAN,
      given: ["aisha"],
      gender: "female",
      postcode: "b868qd",
      phone: "+44 7700 900738",
      exact: true,
    };
    assert.equal(found(all)[0]?.score, 1);
  });

  it("finds by the beginning of names and postcode, at less than 1", async () => {
    await load({}, someone(2, { familyName: "Khatun", givenName: "Ada" }), someone(3, { familyName: "Kaur" }));
    const scores = found({ ...KHAN, family: "Kha*" }).map(({ score }) => score);
    assert.equal(scores.length, 2);
    assert.ok(scores.every((score) => score < 1));
    assert.equal(found({ ...KHAN, family: "Kh*n", given: ["Ai*a"], postcode: "B8*" }).length, 1);
  });

  it("finds double names, particles and marks, however they are put together", async () => {
    const names = [
      ...["Smith-Jones", "de la Cruz-Khan", "Nguyễn Thị", "Mac Donald", "O’Brien", "St John", "ap Rhys", "Al-Hassan"],
      ...["van der Berg", "Straße", "Łukasz", "李小龍", "محمد", "Robert'); DROP TABLE", "Ng", "a".repeat(2_000)],
    ];
    await load(...names.map((familyName, at) => someone(at, { familyName, birthDate: `1950-01-${at + 10}` })));
    for (const [at, name] of names.entries()) {
      const birthDate = [`1950-01-${at + 10}`];
      const together = name.replace(/[ '’-]/gu, "");
      for (const family of [name, together, name.replaceAll("-", " "), name.toUpperCase()]) {
        assert.equal(found({ family, birthDate }).length, 1, family);
      }
      const [first, ...parts] = name.split(/[ -]/u);
      if (parts.length !== 1 || first === "ap" || first === "St") continue;
      assert.equal(found({ family: parts[0]!, given: ["Aisha"], birthDate, fuzzy: true }).length, 1, parts[0]);
    }
  });

  it("finds within a stretch of birth dates, whole names and beginnings alike", async () => {
    await load({}, someone(2, { birthDate: "1980-06-01" }), someone(3, { birthDate: "1981-06-01" }));
    const stretch = { birthDate: ["ge1980-05-01", "le1980-06-30"] };
    assert.equal(found({ ...KHAN, ...stretch }).length, 2);
    assert.equal(found({ ...KHAN, ...stretch, family: "Kh*" }).length, 2);
  });

  it("finds middle names, double given names and several of them", async () => {
    await load({ givenName: "Mary Ann", middleName: "Jane" });
    for (const given of [["Mary Ann"], ["mary"], ["Jane"], ["Ann", "Jane"]])
      assert.equal(found({ ...KHAN, given }).length, 1);
    assert.equal(found({ ...KHAN, given: ["Mary", "Zoe"] }).length, 0);
  });

  it("finds fuzzily what sounds alike, short forms, one slip, and names in each other's place", async () => {
    await load(someone(1, { familyName: "Smith", givenName: "Katherine" }));
    const asked = { birthDate: ["1980-05-17"], fuzzy: true };
    const names: [family: string, given: string][] = [
      ...([
        ["Smythe", "Katherine"],
        ["Smith", "Kate"],
        ["Smith", "Kathrine"],
        ["Katherine", "Smith"],
      ] as [string, string][]),
    ];
    for (const [family, given] of names) {
      const [person] = found({ ...asked, family, given: [given] });
      assert.ok(person !== undefined && person.score < 1, `${family}, ${given}`);
      assert.equal(found({ ...asked, fuzzy: false, family, given: [given] }).length, 0, `${family}, ${given}`);
    }
    const withPlace = { gender: "female", postcode: "B86 8QD" };
    assert.equal(found({ ...asked, family: "Smyth", ...withPlace }).length, 1);
    assert.equal(found({ ...asked, given: ["Katie"], ...withPlace }).length, 1);
  });

  it("puts the best match first, and equals always in the same order", async () => {
    const people = [
      someone(1, {}),
      someone(2, { familyName: "Kahn" }),
      someone(3, { familyName: "Kahn" }),
      someone(4, { familyName: "Khan-Ali" }),
    ];
    await load(...people);
    const asked = { family: "Khan", given: ["Aisha"], birthDate: ["1980-05-17"], fuzzy: true };
    const [first, ...rest] = found(asked);
    assert.equal(first?.score, 1);
    assert.ok(rest.length === 3 && rest.every(({ score }) => score < 1));
    const ids = found(asked).map(({ personId }) => personId);
    for (let times = 0; times < 3; times++)
      assert.deepEqual(
        found(asked).map(({ personId }) => personId),
        ids,
      );
  });

  it("finds by a former name where history is searched, and shows what is so now alone", async () => {
    await load({});
    await load({ familyName: "Whitehouse", postcode: "CV1 1AA", recordedOn: "2025-01-01" });
    assert.equal(found(KHAN).length, 0);
    const [person] = found({ ...KHAN, history: true });
    assert.ok(person !== undefined && person.score < 1);
    assert.deepEqual(person.details.expose().names, [{ family: "Whitehouse", given: "Aisha", middle: "" }]);
    assert.ok(!JSON.stringify(person.details.expose()).includes("Khan"));
    assert.equal(found({ ...KHAN, history: true, exact: true }).length, 0);
  });

  const changes: [what: string, more: Partial<IdentityRecord>][] = [
    ["another number", { nhsNumber: "9000000017" }],
    ["another sex", { gender: "male" }],
    ["a number taken away", { nhsNumber: "", nhsNumberStatus: "" }],
    ["a mark of restriction", { restricted: true }],
  ];
  for (const [what, more] of changes) {
    it(`finds nobody by a former name across ${what}: it may have been a protected change`, async () => {
      await load({});
      await load({ familyName: "Whitehouse", givenName: "Zoe", recordedOn: "2025-01-01", ...more });
      await load({ familyName: "Hadley", givenName: "Zoe", recordedOn: "2025-02-01", ...more });
      assert.deepEqual(search({ ...KHAN, history: true }), { kind: "none" });
      assert.deepEqual(search({ ...KHAN, given: ["Aisha"], fuzzy: true }), { kind: "none" });
      assert.equal(found({ ...KHAN, family: "Hadley" }).length, 1);
    });
  }

  it("finds nobody by a former name whose number was taken up under protection", async () => {
    await load({});
    await load({ familyName: "Whitehouse", recordedOn: "2025-01-01" });
    index.db.prepare("INSERT INTO protected_number VALUES (9000000009)").run();
    assert.deepEqual(search({ ...KHAN, history: true }), { kind: "none" });
  });

  it("finds a restricted person by name and birth date, without any place", async () => {
    await load({ restricted: true }, { provider: "RJE", localId: "X9" });
    const [person] = found(KHAN);
    assert.equal(person?.restricted, true);
    const details = person?.details.expose();
    assert.deepEqual([details?.addressLines, details?.postcode, details?.phone], [[], "", ""]);
    assert.equal(details?.nhsNumber, "9000000009");
  });

  it("shows no place of a record that may be a restricted person's, though nothing has linked it", async () => {
    await load({ restricted: true }, someone(2, { provider: "RJE", postcode: "CV1 1AA" }));
    assert.equal(found(KHAN).length, 2);
    for (const person of found(KHAN)) assert.equal(person.details.expose().postcode, "");
    assert.deepEqual(search({ ...KHAN, postcode: "CV1 1AA" }), { kind: "none" });
  });

  it("shows no place of it either where another term fits the restricted record not at all", async () => {
    await load({ restricted: true, givenName: "A", gender: "" }, someone(2, { provider: "RJE", postcode: "CV1 1AA" }));
    const asked = { ...KHAN, given: ["Aisha"], gender: "female" };
    assert.equal(detailsOf(asked)?.postcode, "");
    assert.deepEqual(search({ ...asked, postcode: "CV1 1AA" }), { kind: "none" });
  });

  it("takes nobody of another family name for a restricted person", async () => {
    await load({ restricted: true, familyName: "Hadley" }, someone(2, {}), someone(3, { familyName: "Kahn" }));
    const born = { birthDate: ["1980-05-17"] };
    assert.equal(found({ ...born, family: "Kh*", postcode: "B86 8QD" }).length, 1);
    await load(someone(4, { familyName: "Kahn", restricted: true }));
    assert.deepEqual(search({ ...born, family: "Kh*", postcode: "B86 8QD" }), { kind: "none" });
  });

  it("shows 50 people and not one more, and says that there are too many", async () => {
    const people = Array.from({ length: 51 }, (_, at) =>
      someone(at, { givenName: `Aisha${"abcdefghij"[at % 10]}${"abcdefghij"[Math.floor(at / 10)]}` }),
    );
    await load(...people.slice(0, 50));
    assert.equal(found(KHAN).length, 50);
    assert.deepEqual(search({ ...KHAN, maxResults: 49 }), { kind: "too-many" });
    await load(people[50]!);
    assert.deepEqual(search(KHAN), { kind: "too-many" });
    assert.equal(found({ ...KHAN, given: [people[50]!.givenName!] }).length, 1);
  });

  it("gives a system the one person or nobody, and does not say which it was", async () => {
    await load({});
    assert.equal(search(KHAN, true).kind, "found");
    await load(someone(2, { givenName: "Amira" }));
    assert.deepEqual(search(KHAN, true), { kind: "none" });
  });

  it("warns of people of one name and of one household", async () => {
    await load(someone(1, {}), someone(2, { givenName: "Amira" }), someone(3, { postcode: "CV1 1AA" }));
    const warnings = Object.fromEntries(
      found(KHAN).map((person) => [
        person.details.expose().postcode + person.details.expose().names[0]?.given,
        person.warnings,
      ]),
    );
    assert.deepEqual(warnings, {
      "B86 8QDAisha": ["same-name", "household"],
      "B86 8QDAmira": ["household"],
      "CV1 1AAAisha": ["same-name"],
    });
  });

  it("shows no number where a person's records give several", async () => {
    await load(someone(1, { nhsNumber: "9000000009" }));
    assert.equal(detailsOf(KHAN)?.verified, false);
  });

  it("fails rather than show a damaged row", async () => {
    await load({});
    index.db.prepare("UPDATE identity_record SET postcode = 'CV1 1AA'").run();
    assert.throws(
      () => search(KHAN),
      (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
    );
  });
});

/** Each with up to 25 searches. */
const INDEXES = process.env["COUNT"] === "full" ? 500 : 25;

describe("a search of any index", function () {
  if (INDEXES > 25) this.timeout(600_000);
  const NAMES = ["Khan", "Kahn", "Ali", "Khan-Ali", "Smith", "Smythe"];
  const GIVEN = ["Aisha", "Ayesha", "Ali", "Smith", "Kate", "Katherine", "A"];
  const DAYS = ["1980-05-17", "1980-05-18", "1979-12-31"];
  const PLACES = ["B86 8QD", "CV1 1AA", ""];
  const PHONES = ["07700 900738", "0121 496 0000", ""];
  const person = fc.record({
    familyName: fc.constantFrom(...NAMES),
    givenName: fc.constantFrom(...GIVEN),
    birthDate: fc.constantFrom(...DAYS),
    gender: fc.constantFrom("female", "male", ""),
    postcode: fc.constantFrom(...PLACES),
    phone: fc.constantFrom(...PHONES),
    restricted: fc.boolean(),
    provider: fc.constantFrom("RRK", "RJE"),
    /** Several records of one local id are its versions. */
    localId: fc.constantFrom("P1", "P2", "P3", "P4", "P5", "P6"),
    nhsNumber: fc.constantFrom("9000000009", "9000000017", ""),
  });
  const asked = fc.record(
    {
      family: fc.constantFrom(...NAMES, "Kha*", "Sm*h"),
      given: fc.subarray([...GIVEN, "Ka*"], { maxLength: 2 }),
      birthDate: fc.constantFrom(["1980-05-17"], ["1980-05-18"], ["ge1979-12-01", "le1980-06-01"]),
      gender: fc.constantFrom("female", "male"),
      postcode: fc.constantFrom("B86 8QD", "CV1 1AA", "B8*"),
      phone: fc.constantFrom("07700 900738", "0121 496 0000"),
      fuzzy: fc.boolean(),
      exact: fc.boolean(),
      history: fc.boolean(),
    },
    { requiredKeys: ["given", "fuzzy", "exact", "history"] },
  );

  /** Runs a property on an index of some people; the answer to a search that is refused is `undefined`. */
  const inIndexes = async (
    holds: (ask: (one: Partial<AskedSearch>) => SearchOutcome | undefined, one: Partial<AskedSearch>) => void,
  ): Promise<void> => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(person, { minLength: 1, maxLength: 14 }),
        fc.array(asked, { minLength: 5, maxLength: 25 }),
        async (people, searches) => {
          const index = openTestIndex();
          try {
            for (const [at, each] of people.entries()) {
              await index.load([anIdentity({ ...each, recordedOn: `2024-01-${String(at + 10)}` })]);
            }
            const searchOf = makePersonSearch(index.db);
            const ask = (one: Partial<AskedSearch>): SearchOutcome | undefined => {
              try {
                return searchOf.search(parseSearch({ ...PLAIN, ...one }, TODAY, false));
              } catch (thrown) {
                assert.ok(thrown instanceof Failure && thrown.code === "invalid-input");
                return undefined;
              }
            };
            for (const one of searches) holds(ask, one);
          } finally {
            await index.close();
          }
        },
      ),
      { numRuns: INDEXES },
    );
  };
  const idsOf = (outcome: SearchOutcome | undefined): string[] =>
    outcome?.kind === "found" ? outcome.persons.map(({ personId }) => personId) : [];
  const without = (one: Partial<AskedSearch>, field: keyof AskedSearch): Partial<AskedSearch> =>
    field === "given"
      ? { ...one, given: [] }
      : Object.fromEntries(Object.entries(one).filter(([name]) => name !== field));

  it("never finds more where a field that it needs is missing: it is refused", () =>
    inIndexes((ask, one) => {
      assert.equal(ask(without(one, "birthDate")), undefined);
      if (one.fuzzy !== true) assert.equal(ask(without(one, "family")), undefined);
      else if (one.gender === undefined || one.postcode === undefined) {
        assert.equal(ask(without(one, "family")), undefined);
        assert.equal(ask(without(one, "given")), undefined);
      }
      for (const field of ["family", "postcode", "phone", "gender"] as const)
        assert.equal(ask({ ...one, [field]: " " }), undefined);
    }));

  it("finds nobody by one term more whom it does not find without it", () =>
    inIndexes((ask, one) => {
      for (const field of ["given", "gender", "postcode", "phone"] as const) {
        const wider = ask(without(one, field));
        if (wider === undefined || wider.kind === "too-many") continue;
        const ids = new Set(idsOf(wider));
        assert.deepEqual(
          idsOf(ask(one)).filter((id) => !ids.has(id)),
          [],
          field,
        );
      }
    }));

  it("never finds a restricted person by place, nor shows where they are", () =>
    inIndexes((ask, one) => {
      const outcome = ask(one);
      if (outcome?.kind !== "found") return;
      for (const found of outcome.persons.filter(({ restricted }) => restricted)) {
        const { addressLines, postcode, phone } = found.details.expose();
        assert.deepEqual([one.postcode, one.phone, addressLines, postcode, phone], [undefined, undefined, [], "", ""]);
      }
    }));

  it("answers the same twice, best first, exact matches alone with 1", () =>
    inIndexes((ask, one) => {
      const outcome = ask(one);
      assert.deepEqual(idsOf(ask(one)), idsOf(outcome));
      if (outcome?.kind !== "found") return;
      const scores = outcome.persons.map(({ score }) => score);
      assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
      );
      assert.ok(scores.every((score) => score > 0 && score <= 1));
      if (one.exact === true) assert.ok(scores.every((score) => score === 1));
    }));

  it("finds whatever a name is written in, as it was written, or refuses it by the field", async () => {
    const hostile = [
      "Robert'); DROP TABLE",
      "%_%",
      "\\",
      "Nguyễn Thị",
      "李小龍",
      "محمد",
      "Ωmega",
      "ﬁsher",
      "İstanbul",
      "a".repeat(2_000),
    ];
    const name = fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }));
    const index = openTestIndex();
    const searchOf = makePersonSearch(index.db);
    let at = 0;
    let found = 0;
    try {
      await fc.assert(
        fc.asyncProperty(name, name, async (familyName, givenName) => {
          fc.pre(!/[*\p{Cc}\ufffd]/u.test(familyName + givenName));
          const birthDate = new Date(Date.UTC(1930, 0, 2 + at++)).toISOString().slice(0, 10);
          await index.load([anIdentity({ localId: `L${at}`, nhsNumber: "", familyName, givenName, birthDate })]);
          for (const fuzzy of [false, true]) {
            const terms = { ...PLAIN, family: familyName, given: [givenName], birthDate: [birthDate], fuzzy };
            const outcome = ((): SearchOutcome | undefined => {
              try {
                return searchOf.search(parseSearch(terms, TODAY, false));
              } catch (thrown) {
                assert.ok(thrown instanceof Failure && thrown.code === "invalid-input", String(thrown));
                return undefined;
              }
            })();
            if (outcome?.kind !== "found") continue;
            found++;
            assert.deepEqual(outcome.persons[0]?.details.expose().names, [
              { family: familyName, given: givenName, middle: "" },
            ]);
          }
        }),
        { numRuns: 300 },
      );
      assert.ok(found > 100, `${found} were found`);
    } finally {
      await index.close();
    }
  });
});
