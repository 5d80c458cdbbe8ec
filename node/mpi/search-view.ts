import type { StoredIdentity } from "./identity-record.ts";
import { normaliseName, normalisePostcode } from "./names.ts";
import { LIVING, type NumberStanding } from "./number-standing.ts";

/** `same-name`: another one found has these names. `household`: another one found has this family name and address. */
export type SearchWarning = "same-name" | "household";

/** Empty text = not known, or not shown. */
export interface FoundDetails {
  /** The one number; empty where there is none, or several. */
  readonly nhsNumber: string;
  /** False too where the number was withdrawn. */
  readonly verified: boolean;
  /** Each spelling once, the one recorded last first. */
  readonly names: readonly { readonly family: string; readonly given: string; readonly middle: string }[];
  readonly birthDates: readonly string[];
  readonly genders: readonly string[];
  readonly addressLines: readonly string[];
  readonly postcode: string;
  readonly phone: string;
  /** When the patient of the number died, as the national service knows it. */
  readonly died: string;
  /** True where the registrar has said so. */
  readonly deathRegistered: boolean;
}

/** What of a person is shown, or kept back. */
export interface PersonToShow {
  /** All that are current. */
  readonly records: readonly StoredIdentity[];
  /** No place is shown: neither address nor telephone. */
  readonly isProtected: boolean;
}

/**
 * As the person's records are now, whatever they were found by.
 *
 * @param standingOf what the national service says of a number, or of the one that replaced it.
 */
export function detailsToShow(
  { records, isProtected }: PersonToShow,
  standingOf: (nhsNumber: string) => NumberStanding,
): FoundDetails {
  const latest = records.toSorted(
    (one, other) => compareTexts(other.recordedOn, one.recordedOn) || other.recordNo - one.recordNo,
  );
  const numbered = latest.filter((record) => record.nhsNumber !== "");
  const verified = numbered.filter(
    ({ nhsNumberStatus, nhsNumber }) => nhsNumberStatus === "01" && !standingOf(nhsNumber).withdrawn,
  );
  const [number, another] = distinct(verified.length > 0 ? verified : numbered, (record) => record.nhsNumber);
  const nhsNumber = another === undefined ? (number ?? "") : "";
  const { died, deathRegistered } = nhsNumber === "" ? LIVING : standingOf(nhsNumber);
  const home = isProtected ? undefined : latest.find(({ postcode, addressLine1 }) => postcode + addressLine1 !== "");
  return {
    ...{ nhsNumber, died, deathRegistered },
    verified: nhsNumber !== "" && verified.length > 0,
    names: namesOf(latest),
    birthDates: distinct(latest, ({ birthDate }) => birthDate),
    genders: distinct(latest, ({ gender }) => gender),
    addressLines: home === undefined ? [] : linesOf(home),
    postcode: home?.postcode ?? "",
    phone: isProtected ? "" : (latest.find(({ phone }) => phone !== "")?.phone ?? ""),
  };
}

function distinct(records: readonly StoredIdentity[], read: (record: StoredIdentity) => string): string[] {
  return [...new Set(records.map(read))].filter((text) => text !== "");
}

function namesOf(records: readonly StoredIdentity[]): FoundDetails["names"] {
  const names = new Map<string, FoundDetails["names"][number]>();
  for (const { familyName: family, givenName: given, middleName: middle } of records) {
    const name = { family, given, middle };
    const key = JSON.stringify(name);
    if (!names.has(key)) names.set(key, name);
  }
  return [...names.values()];
}

function linesOf({ addressLine1, addressLine2, locality }: StoredIdentity): string[] {
  return [addressLine1, addressLine2, locality].filter((line) => line !== "");
}

/** What else stands among those shown that one could take for this person. Who is protected is nobody's household. */
export function warningsOf(person: PersonToShow, shown: readonly PersonToShow[]): SearchWarning[] {
  const others = shown.filter((other) => other !== person);
  const warnings: SearchWarning[] = [];
  if (others.some((other) => haveOneIn(person, other, fullName))) warnings.push("same-name");
  const atHome = others.filter((other) => !other.isProtected);
  if (!person.isProtected && atHome.some((other) => haveOneIn(person, other, household))) warnings.push("household");
  return warnings;
}

/** True where one of the keys of the one's records is a key of the other's. */
function haveOneIn(one: PersonToShow, other: PersonToShow, keyOf: (record: StoredIdentity) => string): boolean {
  const keys = new Set(one.records.map(keyOf));
  return other.records.some((record) => keyOf(record) !== "" && keys.has(keyOf(record)));
}

function fullName({ familyName, givenName }: StoredIdentity): string {
  const [family, given] = [normaliseName(familyName), normaliseName(givenName)];
  return family === "" || given === "" ? "" : `${family}|${given}`;
}

function household({ familyName, addressLine1, postcode }: StoredIdentity): string {
  const [family, place] = [normaliseName(familyName), normalisePostcode(postcode)];
  const house = normalisePostcode(addressLine1);
  return family === "" || place === "" || house === "" ? "" : `${family}|${house}|${place}`;
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
