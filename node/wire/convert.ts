import { BirthDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import { isUuid, parseOrganisationCode } from "../base/words.ts";
import { ASSURANCE, PURPOSE, RELATIONSHIP_KIND, SETTING, TRIGGER, wordOf } from "./convert-words.ts";
import type { DemographicQuery, NumberQuery, Claim as WireClaim } from "./generated/corridor/v1/identity.ts";
import type { PatientQuery as WirePatientQuery } from "./generated/corridor/v1/identity.ts";

/**
 * Questions, off the wire and onto it. What comes in is a stranger's until every field has been looked at; a fault names
 * the field and what it should be, never what it was.
 */

const NAME_CHARACTERS_MAX = 100;
const POSTCODE_CHARACTERS_MAX = 10;
const USER_CHARACTERS_MAX = 100;
const ROLE_CHARACTERS_MAX = 40;
const REFERENCE_CHARACTERS_MAX = 100;
const REASON_CHARACTERS_MAX = 500;

/** Controls, NUL among them; marks that turn the direction of text; what is left of broken encoding. */
const UNFIT = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]/u;

export { checkClaimHoldsNoNumber, checkHoldsNoNumber } from "../base/claim-numbers.ts";

/** @param what ends the sentence that begins with the field: "is missing". */
export function invalid(where: string, what: string): Failure {
  return new Failure("invalid-input", `${where} ${what}.`, { where });
}

/** The message of a field that must be there. */
export function required<T>(value: T | undefined, where: string): T {
  if (value === undefined) throw invalid(where, "is missing");
  return value;
}

/** The word of an enum field. */
export function word<Word extends string>(table: Readonly<Record<Word, number>>, value: number, where: string): Word {
  const known = wordOf(table, value);
  if (known === undefined) throw invalid(where, value === 0 ? "is missing" : "has a value that is not known here");
  return known;
}

/** A field of text that a person may have typed. */
export function optionalText(value: string, charactersMax: number, where: string): string {
  if (value.length > charactersMax) throw invalid(where, `is longer than ${charactersMax} characters`);
  if (UNFIT.test(value)) {
    throw invalid(where, "holds control characters, marks that turn the direction of text, or broken encoding");
  }
  return value;
}

export function requiredText(value: string, charactersMax: number, where: string): string {
  if (optionalText(value, charactersMax, where).trim() === "") throw invalid(where, "is missing");
  return value;
}

/** A version 4 UUID. */
export function requiredUuid(value: string, where: string): string {
  if (!isUuid(value)) throw invalid(where, "is not a UUID in lower case");
  return value;
}

/** @param today the day of the question, `YYYY-MM-DD`. */
export function toPatient(message: WirePatientQuery | undefined, today: string, where = "patient"): PatientQuery {
  const by = required(message, where).by;
  if (by === undefined) throw invalid(where, "names nobody: give a number, or demographics");
  return by.$case === "number"
    ? toNumberQuery(by.value, today, `${where}.number`)
    : toDemographicQuery(by.value, today, `${where}.demographics`);
}

function toNumberQuery(message: NumberQuery, today: string, where: string): PatientQuery {
  const familyName = optionalName(message.familyName, `${where}.family_name`);
  const givenName = optionalName(message.givenName, `${where}.given_name`);
  return {
    by: "number",
    nhsNumber: toNhsNumber(message.nhsNumber, `${where}.nhs_number`),
    birthDate: toBirthDate(message.birthDate, today, `${where}.birth_date`),
    ...(familyName && { familyName }),
    ...(givenName && { givenName }),
  };
}

function toDemographicQuery(message: DemographicQuery, today: string, where: string): PatientQuery {
  const postcode = optionalText(message.postcode, POSTCODE_CHARACTERS_MAX, `${where}.postcode`);
  return {
    by: "demographics",
    familyName: requiredName(message.familyName, `${where}.family_name`),
    givenName: requiredName(message.givenName, `${where}.given_name`),
    birthDate: toBirthDate(message.birthDate, today, `${where}.birth_date`),
    ...(postcode !== "" && { postcode: new Concealed(postcode) }),
  };
}

function toNhsNumber(value: string, where: string): NhsNumber {
  if (value === "") throw invalid(where, "is missing");
  if (!/^[0-9]{10}$/.test(value)) throw invalid(where, "is not ten digits 0 to 9 without spaces");
  const number = NhsNumber.parse(value);
  if (number === undefined) throw invalid(where, "is not a valid NHS number: check each digit");
  return number;
}

function toBirthDate(value: string, today: string, where: string): BirthDate {
  if (value === "") throw invalid(where, "is missing: the number alone could open a wrong record");
  const date = BirthDate.parse(value, today);
  if (date === undefined) throw invalid(where, "is not a real day as YYYY-MM-DD from 1860-01-01 to today");
  return date;
}

function requiredName(value: string, where: string): Concealed<string> {
  return new Concealed(requiredText(value, NAME_CHARACTERS_MAX, where));
}

function optionalName(value: string, where: string): Concealed<string> | undefined {
  return value === "" ? undefined : requiredName(value, where);
}

/**
 * @param reason `stated`: the caller must say why. `kept-back`: the claim comes from a peer, where the reason stays; one
 * that comes all the same is not read.
 */
export function toClaim(message: WireClaim | undefined, reason: "stated" | "kept-back", where = "claim"): Claim {
  const claim = required(message, where);
  const organisation = parseOrganisationCode(claim.organisation);
  if (organisation === undefined) throw invalid(`${where}.organisation`, "is not an organisation's code");
  return {
    userId: requiredText(claim.userId, USER_CHARACTERS_MAX, `${where}.user_id`),
    role: requiredText(claim.role, ROLE_CHARACTERS_MAX, `${where}.role`),
    setting: word(SETTING, claim.setting, `${where}.setting`),
    organisation,
    assurance: word(ASSURANCE, claim.assurance, `${where}.assurance`),
    purpose: word(PURPOSE, claim.purpose, `${where}.purpose`),
    relationship: toRelationship(claim, `${where}.relationship`),
    trigger: word(TRIGGER, claim.trigger, `${where}.trigger`),
    ...(reason === "stated" && { reason: requiredText(claim.reason, REASON_CHARACTERS_MAX, `${where}.reason`) }),
  };
}

function toRelationship({ relationship: message }: WireClaim, where: string): Claim["relationship"] {
  const { kind, reference } = required(message, where);
  const text = optionalText(reference, REFERENCE_CHARACTERS_MAX, `${where}.reference`);
  return { kind: word(RELATIONSHIP_KIND, kind, `${where}.kind`), ...(text !== "" && { reference: text }) };
}

/** Onto the wire: the only place where a question's patient is spelled out. */
export function fromPatient(patient: PatientQuery): WirePatientQuery {
  if (patient.by === "number") {
    const value = {
      nhsNumber: patient.nhsNumber.expose(),
      birthDate: patient.birthDate.expose(),
      familyName: patient.familyName?.expose() ?? "",
      givenName: patient.givenName?.expose() ?? "",
    };
    return { by: { $case: "number", value } };
  }
  const value = {
    familyName: patient.familyName.expose(),
    givenName: patient.givenName.expose(),
    birthDate: patient.birthDate.expose(),
    postcode: patient.postcode?.expose() ?? "",
  };
  return { by: { $case: "demographics", value } };
}

export function fromClaim(claim: Claim, reason: "stated" | "kept-back"): WireClaim {
  const { kind, reference = "" } = claim.relationship;
  return {
    userId: claim.userId,
    role: claim.role,
    setting: SETTING[claim.setting],
    organisation: claim.organisation,
    assurance: ASSURANCE[claim.assurance],
    purpose: PURPOSE[claim.purpose],
    relationship: { kind: RELATIONSHIP_KIND[kind], reference },
    trigger: TRIGGER[claim.trigger],
    reason: reason === "stated" ? (claim.reason ?? "") : "",
  };
}
