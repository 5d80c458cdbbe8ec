import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { seededRandom } from "../base/random.ts";
import { openStore } from "../storage/database.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { type IdentityStore, makeIdentityStore } from "./identity-store.ts";

const NUMBER = { nhsNumber: "9990000018" };
const OTHER_NUMBER = { nhsNumber: "9990000026" };
const VERIFIED = { nhsNumberStatus: "01" };
const ELSEWHERE = { addressLine1: "4 Mill Lane", locality: "Dudley", postcode: "DY2 8PR", phone: "" };
const NO_FIXED_ABODE = { addressLine1: "", locality: "", postcode: "ZZ99 3VZ", phone: "" };
const NO_ADDRESS = { addressLine1: "", locality: "", postcode: "" };
const NUMBER_AND_JANE = { ...NUMBER, middleName: "Jane" };
const SAMIRA_KATE = { givenName: "Samira", middleName: "Kate" };
const CHILD = { givenName: "Zara", birthDate: "" };
const NOBODY = { givenName: "UNKNOWN", familyName: "UNKNOWN", birthDate: "1900-01-01", gender: "", ...NO_FIXED_ABODE };
const JOHN = { givenName: "John", familyName: "Smith", gender: "male" };
const NEWBORN = { birthDate: "2024-05-01" };

const AMINA: IdentityRecord = {
  ...{ provider: "RBK", localId: "0", nhsNumber: "", nhsNumberStatus: "", restricted: false, recordedOn: "2024-05-02" },
  ...{ givenName: "Amina", middleName: "", familyName: "Hussain", birthDate: "1984-03-17", gender: "female" },
  ...{ addressLine1: "12 Laburnum Road", addressLine2: "", locality: "Walsall", postcode: "WS1 4QX" },
  phone: "01632 960111",
};

type Change = Partial<IdentityRecord>;

/** What happens to people's records (`data` of linkage sets measured between NHS systems), each by itself, as a node links. */
const ONE_PERSON: readonly [trap: string, one: Change, other: Change][] = [
  ["a given name that sounds alike", NUMBER, { ...NUMBER, ...ELSEWHERE, givenName: "Ameena" }],
  ["a short form", { ...NUMBER, givenName: "Elizabeth" }, { ...NUMBER, ...ELSEWHERE, givenName: "Betty" }],
  ["a short form, without a number", { givenName: "Elizabeth" }, { givenName: "Liz" }],
  ["a transliteration", { givenName: "Mohammed", gender: "male" }, { givenName: "Muhammad", familyName: "Hussein" }],
  ["accents", { givenName: "José", familyName: "Núñez" }, { givenName: "Jose", familyName: "Nunez" }],
  ["a double family name the other way round", { familyName: "Khan-Ali" }, { ...ELSEWHERE, familyName: "Ali Khan" }],
  ["a particle left out", { familyName: "de la Cruz" }, { familyName: "Cruz" }],
  ["a family name changed by marriage", NUMBER, { ...NUMBER, ...ELSEWHERE, familyName: "Rahman" }],
  ["a family name changed, at one address without a number", {}, { familyName: "Rahman" }],
  ["a slip in the family name", {}, { familyName: "Husssain" }],
  ["names in each other's place", {}, { givenName: "Hussain", familyName: "Amina" }],
  ["a wrong part of the birth date", NUMBER, { ...NUMBER, ...ELSEWHERE, birthDate: "1984-03-18" }],
  ["a wrong part of the birth date, without a number", {}, { birthDate: "1984-03-18" }],
  ["day and month swapped", { birthDate: "1984-03-07" }, { birthDate: "1984-07-03" }],
  ["the first of January for a birthday", {}, { birthDate: "1984-01-01" }],
  ["1900-01-01 for a birth date", {}, { birthDate: "1900-01-01" }],
  ["no birth date", {}, { birthDate: "" }],
  ["the other sex, by a slip", {}, { gender: "male" }],
  ["no sex", {}, { gender: "" }],
  ["another address", {}, ELSEWHERE],
  ["a wrong unit in the postcode", {}, { postcode: "WS1 4QY" }],
  ["a pseudo-postcode", {}, NO_FIXED_ABODE],
  ["no postcode", {}, { postcode: "" }],
  ["two numbers, one of them not verified, where all else agrees", { ...NUMBER, ...VERIFIED }, OTHER_NUMBER],
  ["a newborn's placeholder, then a name", { ...NEWBORN, givenName: "BABY" }, { ...NEWBORN, givenName: "Zara" }],
  [
    "another given name, once, under one number and elsewhere",
    NUMBER,
    { ...NUMBER, ...ELSEWHERE, givenName: "Rukhsana" },
  ],
  ["UNKNOWN for a given name", NUMBER, { ...NUMBER, givenName: "UNKNOWN" }],
];

const TWO_PEOPLE: readonly [trap: string, one: Change, other: Change][] = [
  ["twins with a number each", NUMBER, { ...OTHER_NUMBER, givenName: "Samira" }],
  ["twins, one with the other's number", NUMBER, { ...NUMBER, givenName: "Samira" }],
  ["twins of one initial, one with the other's number", NUMBER, { ...NUMBER, givenName: "Aisha" }],
  ["twins of alike names without numbers", {}, { givenName: "Amira" }],
  ["a boy and a girl born together, under one number", NUMBER, { ...NUMBER, givenName: "Imran", gender: "male" }],
  ["newborn twins without names", { ...NEWBORN, givenName: "TWIN ONE" }, { ...NEWBORN, givenName: "TWIN TWO" }],
  ["a mother, and her newborn under her number", NUMBER, { ...NUMBER, ...NEWBORN, givenName: "BABY", gender: "" }],
  ["a mother, and her newborn without a number", {}, { ...NEWBORN, givenName: "BABY", gender: "" }],
  ["father and son of one name", { birthDate: "1951-02-03" }, { birthDate: "1984-09-21" }],
  ["two verified numbers, though all else agrees", { ...NUMBER, ...VERIFIED }, { ...OTHER_NUMBER, ...VERIFIED }],
  ["two of whom nothing is known", NOBODY, NOBODY],
  ["namesakes of no fixed abode, without birth dates", { ...NO_FIXED_ABODE, birthDate: "" }, NO_FIXED_ABODE],
  ["namesakes of one birth date", JOHN, { ...JOHN, ...ELSEWHERE }],
  ["two of one hall of residence, born on one day", {}, { givenName: "Rukhsana", familyName: "Begum" }],
  ["twins, one with a double family name", {}, { givenName: "Samira", familyName: "Hussain-Khan" }],
  ["twins of alike names, one without an address", {}, { ...NO_ADDRESS, givenName: "Amira" }],
  ["twins, one with the other's number and no address", NUMBER, { ...NUMBER, ...NO_ADDRESS, givenName: "Samira" }],
  ["twins, one with the other's number and no birth date", NUMBER, { ...NUMBER, givenName: "Samira", birthDate: "" }],
  ["twins of one number and other middle names", NUMBER_AND_JANE, { ...NUMBER, ...ELSEWHERE, ...SAMIRA_KATE }],
  ["a mother, and her child under her number without a birth date", NUMBER, { ...NUMBER, ...CHILD }],
  ["two women of one hall, born on one day, of alike names", {}, { givenName: "Amira", familyName: "Begum" }],
  ["twins, one without a family name", {}, { givenName: "Samira", familyName: "" }],
  ["a record without names, and whoever it may be", {}, { givenName: "", familyName: "" }],
  [
    "twins, one under the other's number and another name",
    NUMBER,
    { ...NUMBER, givenName: "Samira", familyName: "Khan" },
  ],
  ["another given name under one number", NUMBER, { ...NUMBER, givenName: "Rukhsana" }],
];

/** What no door lets in, and a store that was filled otherwise may hold. */
const ODD: readonly [trap: string, change: Change][] = [
  ["names of 2,000 letters", { givenName: "y".repeat(2_000), familyName: "x".repeat(2_000) }],
  ["names without a letter", { givenName: "---", familyName: "12" }],
  ["names in broken encodings", { givenName: "M\ufffdller", familyName: "Kh\u0000an\u202e" }],
  ["a birth in the future", { birthDate: "2990-12-31" }],
  ["a birth before 1860", { birthDate: "1850-02-30" }],
  ["a date that is none", { birthDate: "yesterday" }],
  ["an address of 3,000 letters", { addressLine1: "a".repeat(3_000) }],
];

describe("the traps of linking, each by itself", () => {
  let folder: string;
  let db: Database;
  let store: IdentityStore;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-traps-"));
    db = openStore(join(folder, "index.db"), "index");
    store = makeIdentityStore(db, seededRandom(3));
  });
  afterEach(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });

  function personsOf(...changes: readonly Change[]): number {
    db.transaction(() => {
      for (const [at, change] of changes.entries()) {
        store.put({ ...AMINA, provider: ["RBK", "RNA"][at % 2]!, localId: String(at), ...change }, at);
      }
    })();
    return Number(db.prepare("SELECT count(DISTINCT person_id) FROM identity_record WHERE current = 1").pluck().get());
  }

  for (const [trap, one, other] of ONE_PERSON) {
    it(`makes one person of two records in spite of ${trap}, whichever comes first`, () => {
      assert.equal(personsOf(one, other), 1);
      db.exec("DELETE FROM identity_record; DELETE FROM match_key");
      assert.equal(personsOf(other, one), 1);
    });
  }

  for (const [trap, one, other] of TWO_PEOPLE) {
    it(`makes two persons of ${trap}, whichever comes first`, () => {
      assert.equal(personsOf(one, other), 2);
      db.exec("DELETE FROM identity_record; DELETE FROM match_key; DELETE FROM review_item");
      assert.equal(personsOf(other, one), 2);
    });
  }

  for (const [trap, change] of ODD) {
    it(`keeps ${trap} as they are, and takes nobody else for the same`, () => {
      const another = { ...change, ...ELSEWHERE, givenName: "Tariq", gender: "male" };
      assert.equal(personsOf(change, another), 2);
      assert.equal(store.put({ ...AMINA, ...change }, 9), "unchanged", "it was kept as it came");
    });
  }
});
