import type { Database } from "better-sqlite3";

import type { BirthDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { damagedRow, type RawRow } from "../base/row-checksum.ts";
import { makeCurrentIdentities } from "./current-identities.ts";
import { demographicKey, fromRow, IDENTITY_COLUMNS, type StoredIdentity } from "./identity-record.ts";
import { isTelling, type MatchDetails } from "./matching.ts";
import { isPlaceholder, normaliseName, normalisePostcode } from "./names.ts";
import { makeNumbers } from "./numbers.ts";
import { type InOneSnapshot, makeInOneSnapshot } from "./snapshot.ts";

/** A person as all their current identity records describe them. */
export interface PersonView {
  /** Opaque; for the audit of this node. */
  readonly personId: string;
  /** The numbers of the person's identities: what pointers and objections attach to. Meaningless elsewhere. */
  readonly identities: readonly number[];
  /** True where any provider marks the person restricted. */
  readonly restricted: boolean;
  readonly details: Concealed<PersonDetails>;
}

/** As sent, each spelling once; only what is not empty. */
export interface PersonDetails extends MatchDetails {
  readonly numbers: readonly string[];
  readonly familyNames: readonly string[];
  readonly middleNames: readonly string[];
}

export interface DemographicSearch {
  readonly familyName: Concealed<string>;
  readonly givenName: Concealed<string>;
  readonly birthDate: BirthDate;
  readonly postcode?: Concealed<string>;
}

/** Several people are as good as none: the question must not choose between them. */
export type UniqueMatch =
  { readonly kind: "one"; readonly person: PersonView } | { readonly kind: "none" } | { readonly kind: "several" };

/** The master patient index, read. Every method throws {@link Failure} `store-unavailable` where a row is damaged. */
export interface Mpi {
  /** Everybody to whom any current record gives this number, or one that replaced it or that it replaced: one person, as a rule. */
  personsByNumber(nhsNumber: NhsNumber): readonly PersonView[];
  /**
   * The one person with a record of this family name, given name and date of birth, spelt alike but for case, marks and
   * punctuation; with a postcode, that record's postcode too. A restricted person is never found by postcode, nor anybody
   * whose names and date of birth are a restricted person's too: they may be one person whom nothing has linked yet. A
   * placeholder for a given name, or a date that stands where none is known, finds nobody.
   */
  personByDemographics(search: DemographicSearch): UniqueMatch;
  /**
   * Those whom somebody is to compare with the person of these identities: with a record in review that may be theirs, or
   * whom a record of theirs in review may be. Nobody who has a number under protection, and nobody for whom has one.
   */
  personsInDoubt(identities: readonly number[]): readonly PersonView[];
  /** The person's one number: the one verified number, or else the one number there is. */
  numberOf(personId: string): NhsNumber | undefined;
  /** Reads that must agree with one another, against one state of the store. Synchronous work only. */
  readonly inOneSnapshot: InOneSnapshot;
  /** For an operator; counts every row, so not for the way of a question. */
  counts(): { readonly persons: number; readonly identities: number };
}

/** @param db a read-only connection to the index. */
export function makeMpi(db: Database): Mpi {
  const byNumber = db
    .prepare<[number], RawRow>(
      `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE current = 1 AND person_id IN
         (SELECT person_id FROM identity_record WHERE current = 1 AND nhs_number = ?)`,
    )
    .raw();
  const byDemographics = db
    .prepare<[number], RawRow>(
      `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE current = 1 AND demographic_key = ?`,
    )
    .raw();
  const identities = makeCurrentIdentities(db);
  const numbers = makeNumbers(db);
  const inReviewFor = db
    .prepare<[number], number>("SELECT in_review_no FROM review_candidate WHERE identity_no = ?")
    .pluck();
  const candidatesOf = db
    .prepare<[number], number>("SELECT identity_no FROM review_candidate WHERE in_review_no = ?")
    .pluck();
  const countPersons = db.prepare<[], number>("SELECT count(*) FROM person").pluck();
  const countIdentities = db.prepare<[], number>("SELECT count(*) FROM identity_record WHERE current = 1").pluck();

  function personsByNumber(nhsNumber: NhsNumber): readonly PersonView[] {
    const digits = nhsNumber.expose();
    const family = numbers.family(Number(digits));
    const groups = groupByPerson(family.flatMap((number) => byNumber.all(number)));
    for (const records of groups) {
      // The index led here; only a verified row may say that the number is this person's.
      if (!records.some((record) => family.includes(Number(record.nhsNumber)))) {
        throw damagedRow("identity_record", records[0]?.recordNo);
      }
    }
    return groups.map(viewOf);
  }

  function personsInDoubt(ofPerson: readonly number[]): readonly PersonView[] {
    const own = new Set(ofPerson);
    const others = new Set(
      ofPerson.flatMap((each) => [...inReviewFor.all(each), ...candidatesOf.all(each)]).filter((no) => !own.has(no)),
    );
    if (others.size === 0) return [];
    const recordsWith = (identityNos: Iterable<number>): StoredIdentity[] => {
      const keys = new Set([...identityNos].flatMap((identityNo) => identities.byNo(identityNo)?.personKey ?? []));
      return [...keys].flatMap(identities.ofPerson);
    };
    const [ownRecords, otherRecords] = [recordsWith(own), recordsWith(others)];
    const isOwn = new Set(ownRecords.map(({ personKey }) => personKey));
    if ([...ownRecords, ...otherRecords].some(hasProtectedNumber)) return [];
    return groupRecords(otherRecords.filter(({ personKey }) => !isOwn.has(personKey))).map(viewOf);
  }

  function hasProtectedNumber({ nhsNumber }: StoredIdentity): boolean {
    return nhsNumber !== "" && numbers.isProtected(Number(nhsNumber));
  }

  function personByDemographics(search: DemographicSearch): UniqueMatch {
    const [family, given] = [normaliseName(search.familyName.expose()), normaliseName(search.givenName.expose())];
    const birthDate = search.birthDate.expose();
    const key = demographicKey(family, given, birthDate);
    const isTold = isTelling(birthDate) && !isPlaceholder(search.givenName.expose());
    if (key === undefined || !isTold) return { kind: "none" };
    const postcode = search.postcode === undefined ? undefined : normalisePostcode(search.postcode.expose());

    const named = new Set<number>();
    const placed = new Set<number>();
    for (const record of byDemographics.all(key).map(fromRow)) {
      if (normaliseName(record.familyName) !== family || normaliseName(record.givenName) !== given) continue;
      if (record.birthDate !== birthDate) continue;
      named.add(record.personKey);
      if (postcode === undefined || normalisePostcode(record.postcode) === postcode) placed.add(record.personKey);
    }
    const views = [...named].map((personKey) => viewOf(identities.ofPerson(personKey)));
    if (postcode !== undefined && views.some(({ restricted }) => restricted)) return { kind: "none" };
    const [person, another] = views.filter(({ personId }) => placed.has(keyOf(personId)));
    if (person === undefined) return { kind: "none" };
    return another === undefined ? { kind: "one", person } : { kind: "several" };
  }

  function numberOf(personId: string): NhsNumber | undefined {
    const records = identities.ofPerson(keyOf(personId)).filter(({ nhsNumber }) => nhsNumber !== "");
    const verified = records.filter(isVerified);
    const held = (verified.length > 0 ? verified : records).map(({ nhsNumber }) => Number(nhsNumber));
    const [number, another] = distinct(held.map((each) => asDigits(numbers.canonical(each))));
    return number === undefined || another !== undefined ? undefined : NhsNumber.parse(number);
  }

  return {
    personsByNumber,
    personByDemographics,
    personsInDoubt,
    numberOf,
    inOneSnapshot: makeInOneSnapshot(db),
    counts: () => ({ persons: countPersons.get() ?? 0, identities: countIdentities.get() ?? 0 }),
  };
}

/** Each record once, though two of its person's numbers may have led to it. */
function groupByPerson(rows: readonly RawRow[]): StoredIdentity[][] {
  return groupRecords(rows.map(fromRow));
}

function groupRecords(records: readonly StoredIdentity[]): StoredIdentity[][] {
  const groups = new Map<number, Map<number, StoredIdentity>>();
  for (const record of records) {
    const group = groups.get(record.personKey) ?? new Map<number, StoredIdentity>();
    groups.set(record.personKey, group.set(record.identityNo, record));
  }
  return [...groups.values()].map((group) => [...group.values()]);
}

function asDigits(nhsNumber: number): string {
  return String(nhsNumber).padStart(10, "0");
}

function keyOf(personId: string): number {
  return Number.parseInt(personId, 36);
}

function viewOf(records: readonly StoredIdentity[]): PersonView {
  return {
    personId: (records[0]?.personKey ?? 0).toString(36),
    identities: records.map(({ identityNo }) => identityNo),
    restricted: records.some(({ restricted }) => restricted),
    details: new Concealed({
      numbers: distinct(records.map(({ nhsNumber }) => nhsNumber)),
      verifiedNumbers: distinct(records.filter(isVerified).map(({ nhsNumber }) => nhsNumber)),
      birthDates: distinct(records.map(({ birthDate }) => birthDate)),
      genders: distinct(records.map(({ gender }) => gender)),
      familyNames: distinct(records.map(({ familyName }) => familyName)),
      givenNames: distinct(records.map(({ givenName }) => givenName)),
      middleNames: distinct(records.map(({ middleName }) => middleName)),
    }),
  };
}

function isVerified({ nhsNumberStatus }: StoredIdentity): boolean {
  return nhsNumberStatus === "01";
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text !== "");
}
