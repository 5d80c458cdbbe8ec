import { parseRecordType, RECORD_TYPE_KEYS, RECORD_TYPES, type RecordTypeKey } from "../../base/record-types.ts";
import { type Concept, codingsOf, LOINC, RECORD_TYPE_CODES, SNOMED } from "./elements.ts";

/**
 * Kinds of document beside those that the record types name themselves. SNOMED CT: pointer types of the National Record
 * Locator. LOINC: the codes that FHIR's own examples and the International Patient Summary use.
 */
const MORE: readonly (readonly [system: string, code: string, type: RecordTypeKey])[] = [
  [SNOMED, "736373009", "end-of-life-plan"], // End of life care plan
  [SNOMED, "325691000000100", "emergency-care-plan"], // Contingency plan
  [SNOMED, "735324008", "emergency-care-plan"], // Treatment escalation plan
  [SNOMED, "736366004", "care-plan"], // Advance care plan
  [SNOMED, "734163000", "care-plan"], // Care plan
  [LOINC, "60591-5", "patient-summary"], // Patient summary
  [LOINC, "18842-5", "discharge-letter"], // Discharge summary
  [LOINC, "28655-9", "discharge-letter"], // Physician discharge summary
  [LOINC, "11488-4", "clinical-letter"], // Consultation note
  [LOINC, "34108-1", "clinical-letter"], // Outpatient note
  [LOINC, "34117-2", "clinical-letter"], // History and physical note
  [LOINC, "51847-2", "clinical-letter"], // Evaluation and plan note
  [LOINC, "11506-3", "clinical-letter"], // Progress note
  [LOINC, "57133-1", "referrals"], // Referral note
  [LOINC, "18748-4", "imaging-report"], // Diagnostic imaging study
  [LOINC, "48765-2", "allergies"],
  [LOINC, "52472-8", "allergies"],
  [LOINC, "10160-0", "medications"],
  [LOINC, "11450-4", "problems"],
];

/** What a document is by its category, where its type says nothing: categories of the National Record Locator. */
const BY_CATEGORY = new Map<string, RecordTypeKey>([
  [`${SNOMED}|734163000`, "care-plan"], // Care plan
  [`${SNOMED}|823651000000106`, "clinical-letter"], // Clinical note
]);

const BY_TYPE = new Map<string, RecordTypeKey>([
  ...MORE.map(([system, code, type]) => [`${system}|${code}`, type] as const),
  ...RECORD_TYPE_KEYS.filter((key) => RECORD_TYPES[key].snomed !== "").map(
    (key) => [`${SNOMED}|${RECORD_TYPES[key].snomed}`, key] as const,
  ),
]);

/** The record type that one of these concepts names: by our own key, else by a national or international code. */
export function documentTypeOf(
  types: readonly (Concept | undefined)[],
  categories: readonly (Concept | undefined)[] = [],
): RecordTypeKey | undefined {
  const own = codingsOf(types).find(({ system }) => system === RECORD_TYPE_CODES);
  if (own !== undefined) return parseRecordType(own.code ?? "");
  return firstOf(types, BY_TYPE) ?? firstOf(categories, BY_TYPE) ?? firstOf(categories, BY_CATEGORY);
}

function firstOf(
  some: readonly (Concept | undefined)[],
  table: ReadonlyMap<string, RecordTypeKey>,
): RecordTypeKey | undefined {
  for (const { system, code } of codingsOf(some)) {
    const found = table.get(`${system}|${code}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
