import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { CHARACTERS, type CharacterName } from "../../topology/people/characters.ts";
import { Failure } from "../base/failure.ts";
import { readFeedFile } from "../feeds/read-feed-file.ts";
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
    /** Everything that leaves the node is made of these two; `why` and the person stay in its audit. */
    const leaving = ({ pointers, otherPersonHasRecords }: Found) => JSON.stringify({ pointers, otherPersonHasRecords });

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
        assert.equal(leaving(found), JSON.stringify({ pointers: [], otherPersonHasRecords: false }));
        const stranger = index.find(byNumber(OTHER_NUMBER, BORN));
        assert.equal(leaving(found), leaving(stranger));
      });
    }

    it("an objection that allows it gives way to emergency access, and to nothing else", async () => {
      await index.load([anIdentity(), aPointer(), anObjection({ overrideInEmergency: true })]);
      const under = (purpose: "BTG" | "ETREAT") => index.find(byNumber(NUMBER, BORN), aPermit({ purpose })).why;
      assert.equal(under("BTG"), "held");
      assert.equal(under("ETREAT"), "objected");
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
        anIdentity({ provider: "RJE", localId: "X9", birthDate: "1972-08-14" }),
      ]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, true, "other-person"]);
      await index.load([anObjection({ provider: "RJE", localId: "X9" })]);
      assert.deepEqual(find(NUMBER, "1999-09-09"), [0, false, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN), [1, false, "held"]);
    });

    it("counts both names against the person, and one of them alone not", async () => {
      await index.load([anIdentity(), aPointer()]);
      assert.deepEqual(find(NUMBER, BORN, { family: "Sheldon", given: "Beryl" }), [0, true, "other-person"]);
      assert.deepEqual(find(NUMBER, BORN, { family: "Sheldon", given: "Aisha" }), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, BORN, { family: "Khan", given: "Beryl" }), [1, false, "held"]);
      assert.deepEqual(find(NUMBER, BORN, { family: "KHAN-ALI", given: "A" }), [1, false, "held"]);
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
      anIdentity({ provider: "RJE", localId: "X9", gender: "male" }),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
    ]);
    const found = index.find(byNumber(NUMBER, BORN));
    assert.deepEqual(seen(found), [2, false, "held"]);
    assert.equal(found.personId?.split(" ").length, 2);
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

  it("stops for a person restricted here, asked by number with the birth date or by demographics", async () => {
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9", restricted: true })]);
    assert.equal(index.know(byNumber(NUMBER, BORN)).kind, "restricted");
    assert.equal(index.know(byDemographics("Khan", "Aisha", BORN)).kind, "restricted");
    assert.equal(index.know(byNumber(NUMBER, "1980-05-18")).kind, "ask");
  });

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
