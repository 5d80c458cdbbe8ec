import { givenNamesContradict, initialOf } from "./names.ts";

/** Goes up whenever the rule below would decide any pair otherwise; kept with every link. */
export const RULE_VERSION = "number-then-score/2026.2";

/** What the rule looks at in one identity record. */
export interface MatchRecord {
  /** Ten digits, or empty. */
  readonly nhsNumber: string;
  /** Status of the number; `01` = verified. */
  readonly nhsNumberStatus: string;
  /** `YYYY-MM-DD`, a part of it, or empty. */
  readonly birthDate: string;
  readonly givenName: string;
  readonly gender: string;
}

/** A person who already has records here. */
export interface MatchPerson<Id> {
  readonly personId: Id;
  readonly records: readonly MatchRecord[];
}

export type LinkDecision<Id> =
  | { readonly kind: "link"; readonly personId: Id; readonly reason: "number-birth-date-initial" }
  | {
      readonly kind: "new";
      readonly reason:
        "no-number" | "no-birth-date" | "no-given-name" | "number-unknown" | "nobody-agrees" | "several-agree";
    };

/** Dates that systems write where none was given. */
const DEFAULT_DATES = new Set(["1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01"]);

/**
 * The first linking rule: the same number (verified or not), date of birth and first initial, and neither sex nor the
 * full given name contradicts. Everything else is a person of its own until scoring comes.
 *
 * A person is joined only as a whole: one of their records must agree and none may contradict. Where several persons
 * would do, none is chosen.
 */
export function decideLink<Id>(incoming: MatchRecord, persons: readonly MatchPerson<Id>[]): LinkDecision<Id> {
  if (incoming.nhsNumber === "") return { kind: "new", reason: "no-number" };
  if (!isTelling(incoming.birthDate)) return { kind: "new", reason: "no-birth-date" };
  if (initialOf(incoming.givenName) === "") return { kind: "new", reason: "no-given-name" };
  if (persons.length === 0) return { kind: "new", reason: "number-unknown" };

  const agreeing = persons.filter(({ records }) => admits(records, incoming));
  const [only, second] = agreeing;
  if (only === undefined) return { kind: "new", reason: "nobody-agrees" };
  if (second !== undefined) return { kind: "new", reason: "several-agree" };
  return { kind: "link", personId: only.personId, reason: "number-birth-date-initial" };
}

function admits(records: readonly MatchRecord[], incoming: MatchRecord): boolean {
  return records.some((record) => agree(record, incoming)) && !records.some((record) => contradict(record, incoming));
}

/** Same number, same full date of birth, same first initial. */
export function agree(one: MatchRecord, other: MatchRecord): boolean {
  if (one.nhsNumber === "" || one.nhsNumber !== other.nhsNumber) return false;
  if (!isTelling(one.birthDate) || one.birthDate !== other.birthDate) return false;
  const initial = initialOf(one.givenName);
  return initial !== "" && initial === initialOf(other.givenName);
}

/** Two verified numbers, two full dates of birth, two sexes, or two given names that cannot be one person's. */
export function contradict(one: MatchRecord, other: MatchRecord): boolean {
  const bothVerified = one.nhsNumberStatus === "01" && other.nhsNumberStatus === "01";
  if (bothVerified && one.nhsNumber !== other.nhsNumber) return true;
  const bothTelling = isTelling(one.birthDate) && isTelling(other.birthDate);
  if (bothTelling && one.birthDate !== other.birthDate) return true;
  const sexes = [one.gender, other.gender];
  if (sexes.includes("male") && sexes.includes("female")) return true;
  return givenNamesContradict(one.givenName, other.givenName);
}

/** What all of one person's records say together, each value once; only what is not empty. */
export interface MatchDetails {
  readonly verifiedNumbers: readonly string[];
  readonly birthDates: readonly string[];
  readonly genders: readonly string[];
  readonly givenNames: readonly string[];
}

/** True where any record of the one {@link contradict}s any record of the other: they are not one person. */
export function personsContradict(one: MatchDetails, other: MatchDetails): boolean {
  return (
    anyTwo(one.verifiedNumbers, other.verifiedNumbers, differ) ||
    anyTwo(one.birthDates.filter(isTelling), other.birthDates.filter(isTelling), differ) ||
    anyTwo(one.genders.filter(isSex), other.genders.filter(isSex), differ) ||
    anyTwo(one.givenNames, other.givenNames, givenNamesContradict)
  );
}

function anyTwo(
  ones: readonly string[],
  others: readonly string[],
  holds: (one: string, other: string) => boolean,
): boolean {
  return ones.some((one) => others.some((other) => holds(one, other)));
}

function differ(one: string, other: string): boolean {
  return one !== other;
}

function isSex(gender: string): boolean {
  return gender === "male" || gender === "female";
}

/** A full date that somebody was really born on, as far as one can tell. */
export function isTelling(birthDate: string): boolean {
  return birthDate.length === 10 && !DEFAULT_DATES.has(birthDate);
}
