import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";
import fc from "fast-check";

import { NhsNumber } from "../base/nhs-number.ts";
import { seededRandom } from "../base/random.ts";
import { openStore } from "../storage/database.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { type IdentityStore, makeIdentityStore } from "./identity-store.ts";
import { makeIdentityRows } from "./identity-rows.ts";
import { makeNumbers } from "./numbers.ts";
import { makePersonEvents } from "./person-events.ts";
import { makePersons } from "./persons.ts";
import { makeReviewQueue } from "./review-queue.ts";
import { makeStatements } from "./statements.ts";

const AMINA: IdentityRecord = {
  ...{ provider: "RBK", localId: "1", nhsNumber: "", nhsNumberStatus: "", restricted: false, recordedOn: "2024-05-02" },
  ...{ givenName: "Amina", middleName: "", familyName: "Hussain", birthDate: "1984-03-17", gender: "female" },
  ...{ addressLine1: "12 Laburnum Road", addressLine2: "", locality: "Walsall", postcode: "WS1 4QX", phone: "" },
};

/** Valid numbers that were never issued. */
function numberOf(at: number): string {
  const bodies = Array.from("0123456789", (digit) => `9990${String(at).padStart(5, "0")}${digit}`);
  return bodies.find((number) => NhsNumber.parse(number) !== undefined) ?? "";
}

const ELSEWHERE = { addressLine1: "4 Mill Lane", locality: "Dudley", postcode: "DY2 8PR" };

describe("placing a record among those who are known", () => {
  let folder: string;
  let db: Database;
  let store: IdentityStore;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-placing-"));
    db = openStore(join(folder, "index.db"), "index");
    store = makeIdentityStore(db, seededRandom(3));
  });
  afterEach(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });

  let clock = 0;
  /** Puts records in turn; each has a local id of its own, by its place. */
  function put(...records: readonly Partial<IdentityRecord>[]): void {
    for (const [at, record] of records.entries()) {
      db.transaction(() => store.put({ ...AMINA, localId: String(at), ...record }, ++clock))();
    }
  }

  /** Who is with whom, by local ids. */
  function persons(): string {
    const rows = db
      .prepare<[], [string, number]>("SELECT local_id, person_id FROM identity_record WHERE current = 1 ORDER BY 1")
      .raw()
      .all();
    return [...Map.groupBy(rows, ([, person]) => person).values()]
      .map((some) => some.map(([id]) => id).join(""))
      .toSorted()
      .join(" ");
  }

  function reviewed(localId: string): string | undefined {
    return makeReviewQueue(db).of(store.identityNoOf("RBK", localId)!)?.reason;
  }

  it("links without a number what name, birth date and address say", () => {
    put({}, { provider: "RNA", givenName: "AMEENA", familyName: "Hussein" });
    assert.equal(persons(), "01");
    const [event] = db.prepare("SELECT reason, rule_version, score FROM link_event ORDER BY event_no DESC").all() as {
      reason: string;
      rule_version: string;
      score: string;
    }[];
    assert.equal(event?.reason, "score");
    assert.match(event.rule_version, /^number-then-score\//);
    const score = JSON.parse(event.score) as { weight: number; fields: { field: string; level: string }[] };
    assert.ok(score.weight > 20);
    assert.ok(score.fields.some(({ field, level }) => field === "birth" && level === "same"));
    assert.doesNotMatch(event.score, /Hussain|Amina|1984|WS1/i, "an explanation names no value");
  });

  it("decides by a shared number first", () => {
    const number = { nhsNumber: "9990000018" };
    put(number, { ...number, ...ELSEWHERE, familyName: "Rahman" });
    assert.equal(persons(), "01");
    assert.equal(
      db.prepare("SELECT reason FROM link_event ORDER BY event_no DESC").pluck().get(),
      "number-birth-date-initial",
    );
  });

  it("leaves for somebody to look at who agrees but for one thing", () => {
    put({}, { givenName: "Samira" });
    assert.equal(persons(), "0 1");
    assert.equal(reviewed("1"), "agrees-but-for-one-thing");
  });

  it("does not take two namesakes of one birth date for one person, wherever they live, without more", () => {
    const john = { givenName: "John", familyName: "Smith", gender: "male" };
    put({ ...john }, { ...john, ...ELSEWHERE });
    assert.equal(persons(), "0 1");
    assert.equal(reviewed("1"), "in-doubt");
  });

  it("leaves a newborn's record to nobody where it could be either twin's", () => {
    const born = { birthDate: "2024-05-01", familyName: "Khan" };
    put(
      { ...born, givenName: "Samira", nhsNumber: "9990000018" },
      { ...born, givenName: "Imran", gender: "male", nhsNumber: "9990000026" },
      { ...born, givenName: "BABY", gender: "" },
    );
    assert.equal(persons(), "0 1 2");
    assert.equal(reviewed("2"), "several-agree");
  });

  it("joins two persons whom a third record shows to be one, and parts them again for good", () => {
    const maiden = { nhsNumber: "" };
    const married = { nhsNumber: "9990000018", familyName: "Rahman", ...ELSEWHERE };
    const between = { nhsNumber: "9990000018" };
    put(maiden, { ...married, birthDate: "1984-03-18" }, between);
    assert.equal(persons(), "012");
    const eventNo = db.prepare<[], number>("SELECT event_no FROM link_event WHERE kind = 'merge'").pluck().get();
    assert.ok(eventNo !== undefined, "the joining is an event of its own");

    const rows = makeIdentityRows(db, seededRandom(5));
    const parts = { rows, statements: makeStatements(db), events: makePersonEvents(db), numbers: makeNumbers(db) };
    const reviewer = { actor: { kind: "user", id: "u1", role: "R8000" }, atMs: 9, reason: "two people" } as const;
    assert.equal(makePersons(db, parts).revert(eventNo, "revert", reviewer).kind, "done");
    const apart = persons();
    assert.notEqual(apart, "012");
    put(
      { ...maiden, phone: "01632 960111" },
      { ...married, birthDate: "1984-03-18", phone: "01632 960112" },
      { ...between, phone: "01632 960113" },
    );
    assert.equal(persons(), apart, "what somebody decided, the machine does not undo");
  });

  it("says so where more are alike than it compares a record with, and none of those is the person", () => {
    const given = (at: number) => ["Ada", "Bea", "Cleo", "Dot", "Eve", "Fay", "Gwen", "Hope"][at % 8]!;
    const others = Array.from({ length: 64 }, (_, at) => ({
      ...{ givenName: given(at), gender: at % 2 === 0 ? "female" : "male", nhsNumber: numberOf(at) },
      ...{ ...ELSEWHERE, addressLine1: `${at} Mill Lane` },
    }));
    put(...others, { localId: "last", givenName: "Zenobia" });
    const reasonOf = db.prepare<[number], string>("SELECT reason FROM link_event WHERE identity_no = ?").pluck();
    assert.equal(reasonOf.get(store.identityNoOf("RBK", "last")!), "more-alike-than-compared");
    assert.notEqual(reasonOf.get(1), "more-alike-than-compared");
  });

  it("finds by a former name whoever has changed it", () => {
    put({ localId: "a" });
    put({ localId: "a", familyName: "Rahman", recordedOn: "2024-06-01" });
    put({ localId: "b", phone: "01632 960111" });
    assert.equal(persons(), "ab");
  });

  it("keeps an identity where it is when only its address changes", () => {
    put({ localId: "a" }, { localId: "b" });
    put({ localId: "a", ...ELSEWHERE, recordedOn: "2024-06-01" });
    assert.equal(persons(), "ab");
  });

  const anyRecord: fc.Arbitrary<Partial<IdentityRecord>> = fc.record({
    nhsNumber: fc.constantFrom("", "9990000018", "9990000026"),
    nhsNumberStatus: fc.constantFrom("", "01"),
    givenName: fc.constantFrom("Amina", "Samira", "Ameena", "BABY", "TWIN ONE", "A", ""),
    familyName: fc.constantFrom("Hussain", "Hussein", "Rahman", "", "x".repeat(200)),
    birthDate: fc.constantFrom("1984-03-17", "1984-17-03", "1984-03-18", "1984", "1900-01-01", ""),
    gender: fc.constantFrom("female", "male", ""),
    postcode: fc.constantFrom("WS1 4QX", "DY2 8PR", "ZZ99 3VZ", ""),
  });

  it("puts no two verified numbers, and no two sexes of other given names, into one person, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 2, maxLength: 12 }), (records) => {
        db.exec("DELETE FROM identity_record; DELETE FROM match_key; DELETE FROM person; DELETE FROM review_item");
        put(
          ...records.map((record) => ({
            ...record,
            nhsNumberStatus: record.nhsNumber === "" ? "" : record.nhsNumberStatus!,
          })),
        );
        const people = persons().split(" ");
        assert.equal(people.join("").length, records.map((_, at) => String(at)).join("").length, "nobody is lost");
        const verified = db
          .prepare(
            "SELECT person_id FROM identity_record WHERE current = 1 AND nhs_number_status = '01' GROUP BY 1 HAVING count(DISTINCT nhs_number) > 1",
          )
          .all();
        assert.deepEqual(verified, []);
      }),
      { numRuns: 150 },
    );
  });
});
