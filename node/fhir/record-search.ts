import { BirthDate } from "../base/birth-date.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery } from "../base/question.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { type FoundRecord, NHS_NUMBER_SYSTEM, ODS_SYSTEM, RECORD_TYPE_SYSTEM } from "./document-reference.ts";
import { Refusal } from "./outcome.ts";

/** Records on one page, where a search does not say fewer. */
const PAGE_RECORDS_MAX = 200;

/** What a search for records may say. */
export const SEARCH_PARAMETERS = [
  { name: "patient.identifier", type: "token" },
  { name: "subject:identifier", type: "token" },
  { name: "patient.birthdate", type: "date" },
  { name: "type", type: "token" },
  { name: "custodian:identifier", type: "token" },
  { name: "status", type: "token" },
] as const;

/** A search for one person's records, parsed. */
export interface RecordSearch {
  readonly patient: Extract<PatientQuery, { by: "number" }>;
  readonly type: string | undefined;
  readonly custodian: string | undefined;
  /** True where only their number is wanted. */
  readonly isCount: boolean;
  /** Records on one page. */
  readonly count: number;
}

const PATIENT_PARAMETERS = ["patient.identifier", "subject:identifier", "subject.identifier"];
const BIRTH_DATE_PARAMETERS = ["patient.birthdate", "subject:Patient.birthdate", "subject.birthdate"];
const KNOWN = new Set([
  ...PATIENT_PARAMETERS,
  ...BIRTH_DATE_PARAMETERS,
  ...["type", "custodian:identifier", "status", "_summary", "_count", "_format", "_pretty"],
]);

/** @throws {Refusal} 400: a parameter is missing, given twice, unknown or wrong; it is named, its value is not. */
export function searchOf(query: URLSearchParams, day: string): RecordSearch {
  for (const name of query.keys()) {
    if (!KNOWN.has(name))
      throw wrong("a parameter is not known here: leave it out, so that nothing is searched for that was not meant");
  }
  const [numberSystem, number = ""] = tokenOf(one(query, PATIENT_PARAMETERS) ?? "");
  if (numberSystem !== NHS_NUMBER_SYSTEM) throw wrong(`patient.identifier must be ${NHS_NUMBER_SYSTEM}|NUMBER`);
  const nhsNumber = NhsNumber.parse(number);
  if (nhsNumber === undefined)
    throw wrong("patient.identifier is not a valid NHS number: check each digit", "INVALID_NHS_NUMBER");
  const birthDate = BirthDate.parse(one(query, BIRTH_DATE_PARAMETERS)?.replace(/^eq/, "") ?? "", day);
  if (birthDate === undefined) {
    throw wrong("patient.birthdate must be a real day as YYYY-MM-DD: the number alone could open a wrong record");
  }
  const [custodianSystem, custodian] = tokenOf(one(query, ["custodian:identifier"]) ?? "|");
  if (custodian !== undefined && custodian !== "" && custodianSystem !== ODS_SYSTEM) {
    throw wrong(`custodian:identifier must be ${ODS_SYSTEM}|CODE`);
  }
  const status = one(query, ["status"]);
  if (status !== undefined && status !== "current") throw wrong("status: only current records are known here");
  return {
    patient: { by: "number", nhsNumber, birthDate },
    type: one(query, ["type"]),
    custodian: custodian === "" ? undefined : custodian,
    ...sizeOf(query, PAGE_RECORDS_MAX),
  };
}

/**
 * How much of an answer is wanted, by `_summary=count` and `_count`; a count of 0 is the same as the summary.
 *
 * @param most on one page, where it is not said or more is asked for.
 */
export function sizeOf(query: URLSearchParams, most: number): Pick<RecordSearch, "isCount" | "count"> {
  const summary = one(query, ["_summary"]);
  if (summary !== undefined && summary !== "count") throw wrong("_summary: only count is served");
  const count = one(query, ["_count"]) ?? String(most);
  if (!/^\d{1,4}$/.test(count)) throw wrong("_count must be a number of records on a page, of four digits at most");
  return { isCount: summary === "count" || Number(count) === 0, count: Math.min(Number(count), most) };
}

/** The one value of a parameter of several names. @throws {Refusal} 400: it is given more than once. */
export function one(query: URLSearchParams, names: readonly string[]): string | undefined {
  const values = names.flatMap((name) => query.getAll(name));
  if (values.length > 1) throw wrong(`${names[0]} is given more than once`);
  return values[0];
}

/** `system|code`; without the bar, a code of no system. */
export function tokenOf(text: string): readonly [string, string | undefined] {
  const bar = text.indexOf("|");
  return bar < 0 ? ["", text] : [text.slice(0, bar), text.slice(bar + 1)];
}

/** A search that is not done. @param text names the parameter and never its value. */
export function wrong(text: string, spineCode = "INVALID_PARAMETER"): Refusal {
  return new Refusal(400, "invalid", `${text}.`, { spineCode });
}

/** True where a record is one of those that the search is narrowed to. */
export function isWanted({ recordType, custodian }: FoundRecord["pointer"], search: RecordSearch): boolean {
  if (search.custodian !== undefined && search.custodian !== custodian.code) return false;
  if (search.type === undefined) return true;
  const [system, code] = tokenOf(search.type);
  const { snomed } = RECORD_TYPES[recordType];
  const isSnomed = system !== RECORD_TYPE_SYSTEM && snomed !== "" && code === snomed;
  return isSnomed || (system !== "http://snomed.info/sct" && code === recordType);
}
