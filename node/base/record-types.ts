import type { Sensitivity } from "./words.ts";

/** A kind of record. Codes are SNOMED CT, checked against national specifications, or empty where none was found. */
export interface RecordType {
  readonly display: string;
  readonly snomed: string;
  readonly domain: "health" | "social" | "both";
  readonly sensitivity: Sensitivity;
}

const type = (display: string, snomed: string, domain: RecordType["domain"], sensitivity: Sensitivity): RecordType => ({
  display,
  snomed,
  domain,
  sensitivity,
});

/**
 * The closed list of record types. Sources: NRL producer and consumer specifications, GP Connect list codes, PRSB Core
 * Information Standard headings; entries without a code have no verified national one.
 */
export const RECORD_TYPES = {
  "clinical-summary": type("Clinical summary (shared care record view)", "887181000000106", "health", "N"),
  "patient-summary": type("Summary record (International Patient Summary)", "824321000000109", "health", "N"),
  allergies: type("Allergies and adverse reactions", "886921000000105", "health", "N"),
  medications: type("Medications and medical devices", "933361000000108", "health", "N"),
  problems: type("Problems", "717711000000103", "health", "N"),
  procedures: type("Procedures", "", "health", "N"),
  immunisations: type("Immunisations", "1102181000000102", "health", "N"),
  investigations: type("Investigations and results", "887191000000108", "health", "N"),
  "imaging-report": type("Imaging report", "4201000179104", "health", "N"),
  ecg: type("Electrocardiogram", "", "health", "N"),
  encounters: type("Encounters and consultations", "1149501000000101", "health", "N"),
  appointments: type("Appointment", "749001000000101", "both", "N"),
  referrals: type("Outbound referral", "792931000000107", "both", "N"),
  "discharge-letter": type("Discharge letter", "823701000000103", "health", "N"),
  "clinical-letter": type("Clinical letter", "823691000000103", "health", "N"),
  "community-pharmacy": type("Community pharmacy record", "", "health", "N"),
  "care-plan": type("Personalised Care and Support Plan", "2181441000000107", "both", "N"),
  "emergency-care-plan": type("Emergency health care plan", "887701000000100", "both", "N"),
  "respect-form": type("ReSPECT form", "1382601000000107", "both", "N"),
  "end-of-life-plan": type("End of life care coordination summary", "861421000000109", "both", "N"),
  "special-patient-notes": type("Special patient notes", "", "both", "N"),
  "safety-alerts": type("Safety alerts", "", "both", "N"),
  "reasonable-adjustments": type("Reasonable adjustments", "", "both", "N"),
  "personal-contacts": type("Personal contacts", "", "both", "N"),
  "advance-decision": type("Advance decision to refuse treatment", "", "both", "N"),
  "lasting-power-of-attorney": type("Lasting power of attorney", "", "both", "N"),
  "mental-health-act-status": type("Mental Health Act status", "", "both", "R"),
  dols: type("Deprivation of liberty safeguards", "", "both", "R"),
  "mental-health-crisis-plan": type("Mental health crisis plan", "736253002", "health", "R"),
  "mental-health-record": type("Mental health record", "", "health", "R"),
  "observations-news2": type("NEWS2 chart", "1363501000000100", "health", "N"),
  "about-me": type("About me", "1515851000000101", "both", "N"),
  maternity: type("Maternity record", "", "health", "R"),
  ambulance: type("Ambulance and NHS 111 encounter", "", "health", "N"),
  "social-care-involvement": type("Adult social care involvement", "", "social", "N"),
  "social-care-assessment": type("Social care assessment and package of care", "", "social", "R"),
  "childrens-social-care": type("Children's social care involvement", "", "social", "V"),
  safeguarding: type("Safeguarding and risk alerts", "", "both", "V"),
  "sexual-health": type("Legally protected or excluded record", "", "health", "V"),
} as const satisfies Record<string, RecordType>;

export type RecordTypeKey = keyof typeof RECORD_TYPES;

export const RECORD_TYPE_KEYS = Object.keys(RECORD_TYPES) as RecordTypeKey[];

/** Kinds whose disclosure the law restricts: never held as pointers, by type and by code list. */
export const PROTECTED_RECORD_TYPES: ReadonlySet<RecordTypeKey> = new Set(["sexual-health"]);

export function parseRecordType(text: string): RecordTypeKey | undefined {
  return Object.hasOwn(RECORD_TYPES, text) ? (text as RecordTypeKey) : undefined;
}
