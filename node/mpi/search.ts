import type { Database } from "better-sqlite3";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { StoredIdentity } from "./identity-record.ts";
import { type Comparable, toComparable } from "./linkage/comparable.ts";
import { keysOfDays, makeCandidatesOf, type MatchKey, matchKeysOfComparable, type StoredKind } from "./match-keys.ts";
import { soundOf } from "./linkage/sound.ts";
import { type MatchDetails, personsContradict } from "./matching.ts";
import { familyNamesContradict, normaliseName } from "./names.ts";
import { makeNumberStandings, type NumberStanding } from "./number-standing.ts";
import { makeNumbers } from "./numbers.ts";
import { makeSearchRows } from "./search-rows.ts";
import { type Fit, fitOf, saidBy } from "./search-score.ts";
import { daysOf, namesPlace, NOTHING, type Pattern, type Search, type SearchTerms } from "./search-terms.ts";
import { detailsToShow, type FoundDetails, type SearchWarning, warningsOf } from "./search-view.ts";

/** The kind of the outbox rows that stand for identities which have no keys yet. */
export const FILL_MATCH_KEYS = "match-keys";
/** Identities of one key that are looked at; whoever shares a name and a birth date with so many is not told apart by it. */
export const CANDIDATES_MAX = 200;
/** Identities that a search by the beginning of a name looks at: those born on its days. */
const SCANNED_MAX = 2_000;

/** A person as a search shows them: as their records are now, whatever they were found by. */
export interface FoundPerson {
  /** Opaque; for the audit of this node. */
  readonly personId: string;
  /** 0 to 1; 1 = every term fits exactly. */
  readonly score: number;
  /** True where any provider marks the person restricted: no address, no telephone. */
  readonly restricted: boolean;
  readonly details: Concealed<FoundDetails>;
  /** Others among those found whom one could take for this person. */
  readonly warnings: readonly SearchWarning[];
}

export type SearchOutcome =
  | { readonly kind: "found"; readonly persons: readonly FoundPerson[] }
  /** Nobody, or without a user nobody alone. */
  | { readonly kind: "none" }
  /** More than were wanted, or more than can be told apart: nobody is shown. */
  | { readonly kind: "too-many" };

/** Searches the index. Synchronous, against one state of the store where the caller sees to it. */
export interface PersonSearch {
  /**
   * @throws {Failure} `overloaded`: the index is still being made ready for searches.
   * @throws {Failure} `store-unavailable`: a row that bears on the answer is damaged.
   */
  search(search: Search): SearchOutcome;
  /** How many identities the last search judged; for measurements. */
  lastJudged(): number;
}

/** @param db a read-only connection to the index. */
export function makePersonSearch(db: Database): PersonSearch {
  const rows = makeSearchRows(db);
  const [numbers, standings] = [makeNumbers(db), makeNumberStandings(db)];
  const standingOf = (nhsNumber: string): NumberStanding => standings.of(numbers.canonical(Number(nhsNumber)));
  const candidatesOf = makeCandidatesOf(db);
  const ofStretch = db
    .prepare<[number, number, number], number>(
      "SELECT DISTINCT identity_no FROM match_key WHERE key BETWEEN ? AND ? LIMIT ?",
    )
    .pluck();
  const isBeingFilled = db
    .prepare<[], number>(`SELECT EXISTS (SELECT 1 FROM outbox WHERE kind = '${FILL_MATCH_KEYS}')`)
    .pluck();
  let judged = 0;

  /** The identities that may fit; `undefined` where there are too many to look at. */
  function candidates(terms: SearchTerms, fuzzy: boolean): readonly number[] | undefined {
    const keys = keysOf(terms, fuzzy);
    if (keys === undefined) {
      const { first, last } = keysOfDays(terms.born.from, terms.born.to);
      const found = ofStretch.all(first, last, SCANNED_MAX + 1);
      return found.length > SCANNED_MAX ? undefined : found;
    }
    const { identityNos, cut } = candidatesOf(keys, CANDIDATES_MAX);
    return cut.length > 0 || identityNos.length > SCANNED_MAX ? undefined : identityNos;
  }

  /** The best fit of each person, by what is so now and by history too; and every restricted record there is among them. */
  function judge(asked: Search, identityNos: readonly number[]): Judged {
    const terms = asked.terms.expose();
    const persons = new Map<number, BestFit>();
    const restricted: StoredIdentity[] = [];
    for (const identityNo of identityNos) {
      const current = rows.current(identityNo);
      if (current === undefined) continue;
      if (current.restricted) restricted.push(current);
      const now = saidBy([current]);
      const former = asked.history ? rows.former(current) : [];
      const fitNow = fitOf(terms, asked.fuzzy, now);
      const fit = former.length === 0 ? fitNow : fitOf(terms, asked.fuzzy, now, saidBy(former));
      if (fit === undefined) continue;
      const before = persons.get(current.personKey);
      persons.set(current.personKey, { now: better(before?.now, fitNow), ever: better(before?.ever, fit) });
    }
    return { persons, restricted };
  }

  function search(asked: Search): SearchOutcome {
    if (isBeingFilled.get() === 1) {
      throw new Failure("overloaded", "The index is being made ready for searches: search again in some minutes.");
    }
    const terms = asked.terms.expose();
    const identityNos = candidates(terms, asked.fuzzy);
    judged = identityNos?.length ?? 0;
    if (identityNos === undefined) return tooMany(asked);
    const { persons: fits, restricted } = judge(asked, identityNos);
    if (fits.size > CANDIDATES_MAX) return tooMany(asked);

    const candidatePersons = [...fits].map(([personKey, fit]) => ({
      personKey,
      fit,
      records: rows.ofPerson(personKey),
    }));
    const guarded = guard(candidatePersons, restricted);
    const byPlace = namesPlace(terms);
    const shown = guarded.flatMap((person) => {
      // Whoever is protected is found by what is so now, and never by where they are.
      const fit = person.isProtected ? person.fit.now : person.fit.ever;
      if (fit === undefined || (byPlace && (person.isProtected || !fit.fitsPlace))) return [];
      return asked.exact && fit.score < 1 ? [] : [{ ...person, score: fit.score }];
    });
    if (shown.length === 0) return { kind: "none" };
    if (shown.length > asked.maxResults) return tooMany(asked);
    const persons = shown.toSorted(bestFirst).map((person) => toFound(person, shown, standingOf));
    return { kind: "found", persons };
  }

  return { search, lastJudged: () => judged };
}

interface BestFit {
  readonly now: Fit | undefined;
  readonly ever: Fit | undefined;
}

interface Judged {
  readonly persons: ReadonlyMap<number, BestFit>;
  /** Also of those whom a term does not fit: they may be recorded otherwise elsewhere. */
  readonly restricted: readonly StoredIdentity[];
}

interface Candidate {
  readonly personKey: number;
  readonly fit: BestFit;
  readonly records: readonly StoredIdentity[];
}

interface Guarded extends Candidate {
  readonly restricted: boolean;
  /** Restricted, or maybe a restricted person's record that nothing has linked yet. */
  readonly isProtected: boolean;
}

interface Shown extends Guarded {
  readonly score: number;
}

/** The outcome of a search that fits too many. A system is not told that there is anybody. */
function tooMany({ unattended }: Search): SearchOutcome {
  return { kind: unattended ? "none" : "too-many" };
}

/** The keys that whoever fits shares one of; `undefined` where only the days are known: names are given in part. */
function keysOf({ family, given, postcode, born }: SearchTerms, fuzzy: boolean): MatchKey[] | undefined {
  const kinds = new Set<StoredKind>(["name-birth"]);
  // Instead of the other name there is a place. Where both names are there, it finds nobody more: a term only narrows.
  if (fuzzy && (family === undefined || given.length === 0)) kinds.add("postcode-birth");
  // Of several given names the first: each is a key a day, and the family name is one too.
  const names = [family, ...(fuzzy ? given.slice(0, 1) : [])].filter((pattern) => pattern !== undefined);
  if (names.length === 0 || !names.every(isWhole)) return undefined;
  const days = daysOf(born);
  return names.flatMap(([familyName]) => {
    const record = toComparable({ ...NOTHING, familyName, postcode: postcode?.[0] ?? "" });
    return days.flatMap((day) => matchKeysOfComparable(bornOn(record, day)).filter(({ kind }) => kinds.has(kind)));
  });
}

function bornOn(record: Comparable, isoDate: string): Comparable {
  const [year = "", month = "", day = ""] = isoDate.split("-");
  return { ...record, year, month, day };
}

function isWhole(pattern: Pattern | undefined): boolean {
  return pattern !== undefined && pattern.length === 1;
}

function better(one: Fit | undefined, other: Fit | undefined): Fit | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.fitsPlace !== other.fitsPlace) return one.fitsPlace ? one : other;
  return one.score >= other.score ? one : other;
}

/**
 * Marks who is protected: the restricted, and whoever may be one of them under a record that nothing has linked yet, whose
 * address would tell where they are.
 */
function guard(persons: readonly Candidate[], restrictedRecords: readonly StoredIdentity[]): Guarded[] {
  const marked = persons.map((person) => ({ ...person, restricted: person.records.some((each) => each.restricted) }));
  const restricted = [
    ...restrictedRecords.map((record) => [record]),
    ...marked.flatMap((person) => (person.restricted ? [person.records] : [])),
  ];
  return marked.map((person) => ({
    ...person,
    isProtected: person.restricted || restricted.some((other) => mayBeOne(person.records, other)),
  }));
}

function mayBeOne(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean {
  return shareFamilyName(ones, others) && !personsContradict(matchDetailsOf(ones), matchDetailsOf(others));
}

/** True where one of the one's family names may be one of the other's, or none is known. */
function shareFamilyName(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean {
  return ones.some(({ familyName: one }) =>
    others.some(({ familyName: other }) => !familyNamesContradict(one, other) || sound(one) === sound(other)),
  );
}

function sound(familyName: string): string {
  return soundOf(normaliseName(familyName));
}

function matchDetailsOf(records: readonly StoredIdentity[]): MatchDetails {
  const each = (read: (record: StoredIdentity) => string): string[] => records.map(read).filter((text) => text !== "");
  const verified = records.filter(({ nhsNumberStatus }) => nhsNumberStatus === "01");
  return {
    verifiedNumbers: verified.map(({ nhsNumber }) => nhsNumber).filter((number) => number !== ""),
    birthDates: each(({ birthDate }) => birthDate),
    genders: each(({ gender }) => gender),
    givenNames: each(({ givenName }) => givenName),
  };
}

/** Best first; of equals, always in the same order. */
function bestFirst(one: Shown, other: Shown): number {
  return other.score - one.score || one.personKey - other.personKey;
}

function toFound(
  person: Shown,
  shown: readonly Shown[],
  standingOf: (nhsNumber: string) => NumberStanding,
): FoundPerson {
  return {
    personId: person.personKey.toString(36),
    score: person.score,
    restricted: person.restricted,
    details: new Concealed(detailsToShow(person, standingOf)),
    warnings: warningsOf(person, shown),
  };
}
