import { BirthDate, isCalendarDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { isPseudoPostcode, toComparable } from "./linkage/comparable.ts";
import { normaliseName, normalisePostcode } from "./names.ts";

/**
 * The parameters of a search, as the Personal Demographics Service's FHIR API has them, and its rules about which of them go
 * together. What these rules refuse is never answered by a wider search.
 */

/** A search as it came in. Names and postcode may hold `*`; dates may begin with `eq`, `ge` or `le`. */
export interface AskedSearch {
  readonly family?: string;
  readonly given: readonly string[];
  readonly gender?: string;
  /** One date, or two: `ge` and `le`. */
  readonly birthDate: readonly string[];
  readonly deathDate?: string;
  readonly postcode?: string;
  readonly practice?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly fuzzy: boolean;
  readonly exact: boolean;
  readonly history: boolean;
  /** 1 to {@link RESULTS_MAX}; absent: as many as may be. */
  readonly maxResults?: number;
}

/** Most people that one search shows. */
export const RESULTS_MAX = 50;
/** Longest stretch of birth dates that is searched, in days. */
export const DAYS_MAX = 1_096;
const GIVEN_NAMES_MAX = 5;
const NAME_LETTERS_MIN = 2;
const PHONE_DIGITS_MIN = 7;

/** A name or postcode, normalised: the pieces between its wildcards; one piece where it has none. */
export type Pattern = readonly [first: string, ...rest: string[]];

export interface SearchTerms {
  readonly family?: Pattern;
  readonly given: readonly Pattern[];
  readonly gender?: string;
  /** Both ends included, `YYYY-MM-DD`. */
  readonly born: { readonly from: string; readonly to: string };
  readonly postcode?: Pattern;
  /** As the linker compares it: the last nine digits. */
  readonly phone?: string;
}

/** A search that can be answered. */
export interface Search {
  readonly terms: Concealed<SearchTerms>;
  readonly fuzzy: boolean;
  /** Only whom every term fits exactly. */
  readonly exact: boolean;
  /** Also by what was so once. */
  readonly history: boolean;
  readonly maxResults: number;
  /** Nobody looks at the answer but a system: one person, or none. */
  readonly unattended: boolean;
}

/** True where the search names a place, by which a protected person is never found. */
export function namesPlace({ postcode, phone }: SearchTerms): boolean {
  return postcode !== undefined || phone !== undefined;
}

/** Every day of a stretch, `YYYY-MM-DD`. */
export function daysOf({ from, to }: SearchTerms["born"]): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY_MS)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** Which fields a search has, without their values: for the audit. */
export function fieldsOf({ family, given, gender, postcode, phone }: SearchTerms): string[] {
  const there: [string, boolean][] = [
    ["family", family !== undefined],
    ["given", given.length > 0],
    ["gender", gender !== undefined],
    ["birth-date", true],
    ["postcode", postcode !== undefined],
    ["phone", phone !== undefined],
  ];
  return there.flatMap(([field, isThere]) => (isThere ? [field] : []));
}

/**
 * Reads a search and refuses what cannot be answered.
 *
 * @param today `YYYY-MM-DD`.
 * @param unattended no person will look at the answer.
 * @throws {Failure} `invalid-input`: a field is wrong, or too few are given, or they do not go together; names the field.
 * @throws {Failure} `not-permitted`: several results are wanted where no person looks at them.
 * @throws {Failure} `not-served`: this index does not hold what a field asks for.
 */
export function parseSearch(asked: AskedSearch, today: string, unattended: boolean): Search {
  const { fuzzy, exact } = asked;
  if (fuzzy && exact) throw wrong("exact", "does not go with fuzzy: an exact match is no fuzzy one");
  const terms: SearchTerms = {
    given: asked.given.map((name) => toName(name, "given")),
    born: toBorn(asked.birthDate, today),
    ...(asked.family !== undefined && { family: toFamily(asked.family) }),
    ...(asked.gender !== undefined && { gender: toGender(asked.gender) }),
    ...(asked.postcode !== undefined && { postcode: toPostcode(asked.postcode) }),
    ...(asked.phone !== undefined && { phone: toPhone(asked.phone) }),
  };
  if (terms.given.length > GIVEN_NAMES_MAX) throw wrong("given", `is there more than ${GIVEN_NAMES_MAX} times`);
  refuseNotHeld(asked);
  refuseTooFew(terms, fuzzy);
  if (fuzzy || exact) refuseWildcards(terms, fuzzy ? "fuzzy" : "exact");
  return {
    terms: new Concealed(terms),
    ...{ fuzzy, exact, unattended },
    history: fuzzy || asked.history,
    maxResults: toMaxResults(asked.maxResults, unattended),
  };
}

/** What PDS can search by and this index cannot. To leave such a field out silently would be a wider search. */
function refuseNotHeld({ deathDate, practice, email }: AskedSearch): void {
  const notHeld = Object.entries({ death_date: deathDate, practice, email }).find(([, value]) => value !== undefined);
  if (notHeld === undefined) return;
  throw new Failure("not-served", `This index cannot search by ${notHeld[0]}: leave it out.`, { where: notHeld[0] });
}

function refuseTooFew({ family, given, gender, postcode }: SearchTerms, fuzzy: boolean): void {
  const [hasFamily, hasGiven] = [family !== undefined, given.length > 0];
  if (!fuzzy) {
    if (!hasFamily) throw wrong("family", "is missing: a search needs a family name and a date of birth");
    return;
  }
  if (hasFamily && hasGiven) return;
  if ((hasFamily || hasGiven) && gender !== undefined && postcode !== undefined) return;
  throw wrong(
    hasFamily ? "given" : "family",
    "is missing: a fuzzy search needs date of birth with both names, or with one name, gender and postcode",
  );
}

function refuseWildcards({ family, given, postcode }: SearchTerms, mode: "fuzzy" | "exact"): void {
  const fields: [string, readonly (Pattern | undefined)[]][] = [
    ["family", [family]],
    ["given", given],
    ["postcode", [postcode]],
  ];
  for (const [field, patterns] of fields) {
    if (!patterns.some((pattern) => pattern !== undefined && pattern.length > 1)) continue;
    throw wrong(field, `has a wildcard, which a search that is ${mode} does not take`);
  }
}

function toFamily(text: string): Pattern {
  const pattern = toName(text, "family");
  const isName = pattern.length > 1 || toComparable({ ...NOTHING, familyName: text }).family !== "";
  if (!isName) throw wrong("family", "stands for no name: nobody can be found by it");
  return pattern;
}

function toName(text: string, field: string): Pattern {
  return toPattern(text, field, normaliseName, 1);
}

function toPostcode(text: string): Pattern {
  const pattern = toPattern(text, "postcode", normalisePostcode, 2);
  if (isPseudoPostcode(pattern[0])) throw wrong("postcode", "stands for no place: leave it out");
  return pattern;
}

/** @param lettersMin of a text without a wildcard. */
function toPattern(text: string, field: string, normalise: (text: string) => string, lettersMin: number): Pattern {
  const [first = "", ...rest] = text.split("*").map(normalise);
  if (text.trim() === "") throw wrong(field, "is empty: leave it out, or give it");
  if (rest.length > 0 && first.length < NAME_LETTERS_MIN)
    throw wrong(field, "has a wildcard in its first two characters");
  if (first.length < lettersMin) throw wrong(field, "has too few letters to be searched by");
  return [first, ...rest];
}

function toGender(text: string): string {
  if (["male", "female", "other", "unknown"].includes(text)) return text;
  throw wrong("gender", "is none of male, female, other, unknown");
}

/** As the linker compares it; empty where it is no number. */
export function phoneOf(text: string): string {
  return toComparable({ ...NOTHING, phone: text }).phone;
}

function toPhone(text: string): string {
  if (text.includes("*")) throw wrong("phone", "has a wildcard, which it does not take");
  const phone = phoneOf(text);
  if (phone.length < PHONE_DIGITS_MIN)
    throw wrong("phone", `has fewer than ${PHONE_DIGITS_MIN} digits, or is no number`);
  return phone;
}

/** A record of nobody, to be made ready field by field. */
export const NOTHING = {
  nhsNumber: "",
  nhsNumberStatus: "",
  givenName: "",
  middleName: "",
  familyName: "",
  birthDate: "",
  gender: "",
  addressLine1: "",
  addressLine2: "",
  locality: "",
  postcode: "",
  phone: "",
  recordedOn: "",
} as const;

function toBorn(dates: readonly string[], today: string): SearchTerms["born"] {
  if (dates.length === 0) throw wrong("birth_date", "is missing: a search needs a date of birth");
  if (dates.length > 2) throw wrong("birth_date", "is there more than twice");
  const read = dates.map((text) => {
    const [, comparison = "eq", date = ""] = /^(eq|ge|le)?(.*)$/s.exec(text) ?? [];
    if (!isCalendarDate(date)) throw wrong("birth_date", "is not a real day as YYYY-MM-DD");
    return { comparison, date };
  });
  const dateOf = (comparison: string): string | undefined => read.find((each) => each.comparison === comparison)?.date;
  const [equal, from, to] = [dateOf("eq"), dateOf("ge"), dateOf("le")];
  if (read.length === 2 && (from === undefined || to === undefined)) {
    throw wrong("birth_date", "is there twice, which needs one with ge and one with le");
  }
  return checkBorn({ from: equal ?? from ?? FIRST_BIRTH, to: equal ?? to ?? today }, today);
}

/** The first day of birth that is one: see {@link BirthDate}. */
const FIRST_BIRTH = "1860-01-01";
const DAY_MS = 86_400_000;

function checkBorn(born: SearchTerms["born"], today: string): SearchTerms["born"] {
  if (BirthDate.parse(born.from, today) === undefined)
    throw wrong("birth_date", "is not a day from 1860-01-01 to today");
  if (born.from === born.to && toComparable({ ...NOTHING, birthDate: born.from }).year === "") {
    throw wrong("birth_date", "is a day that stands where none is known: nobody can be found by it");
  }
  if (born.from > born.to) throw wrong("birth_date", "ends before it begins");
  const days = (Date.parse(born.to) - Date.parse(born.from)) / DAY_MS + 1;
  if (days <= DAYS_MAX) return born;
  throw wrong("birth_date", `spans more than ${DAYS_MAX} days: give both ends, three years apart at most`);
}

function toMaxResults(wanted: number | undefined, unattended: boolean): number {
  if (unattended && (wanted ?? 1) !== 1) {
    throw new Failure("not-permitted", "Where no person looks at the answer, max_results must be 1.", {
      where: "max_results",
    });
  }
  const most = wanted ?? (unattended ? 1 : RESULTS_MAX);
  if (Number.isInteger(most) && most >= 1 && most <= RESULTS_MAX) return most;
  throw wrong("max_results", `is not 1 to ${RESULTS_MAX}`);
}

function wrong(field: string, what: string): Failure {
  return new Failure("invalid-input", `${field} ${what}.`, { where: field });
}
