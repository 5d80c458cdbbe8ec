import type { RecordTypeKey } from "./record-types.ts";

/** A named set of record types and fields that organisations agree to share. */
export interface Dataset {
  readonly title: string;
  /** Of which the dataset consists; no two datasets have one in common. */
  readonly recordTypes: readonly RecordTypeKey[];
  /** Its fields, in the order in which they are shown, in the words in which they are. */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * The datasets that the Medical Interoperability Gateway carried between health and social care: what practices showed
 * (demographics; problems, medication, allergies, risks and warnings, procedures, investigations, examination, events), what
 * councils showed (demographics, allocated case worker, associated carer, disability, risk type, case details), and what
 * health showed to social care (care plans, end of life, special patient notes). Sources: the sections as another area's practices
 * published them, and the pilot with social care in Lancashire and Cumbria.
 */
export const DATASETS = {
  "gp-core": {
    title: "GP core",
    recordTypes: [
      ...(["clinical-summary", "patient-summary", "problems", "medications", "allergies", "procedures"] as const),
      ...(["immunisations", "investigations", "encounters"] as const),
    ],
    fields: {
      problems: "Problems, past and current",
      diagnoses: "Diagnoses",
      medication: "Medication",
      allergies: "Allergies and recent adverse reactions",
      "risks-and-warnings": "Risks and warnings",
      procedures: "Procedures",
      investigations: "Investigations: tests, ECG, imaging",
      examination: "Examination: blood pressure",
      events: "Events: admissions and referrals",
    },
  },
  "social-care": {
    title: "Social care",
    recordTypes: ["social-care-involvement", "social-care-assessment"],
    fields: {
      demographics: "Demographics",
      "allocated-case-worker": "Allocated case worker",
      "associated-carer": "Associated carer",
      disability: "Disability",
      "risk-type": "Risk type",
      "case-details": "Case details",
    },
  },
  "care-plans": {
    title: "Care plans",
    recordTypes: ["care-plan", "emergency-care-plan", "mental-health-crisis-plan"],
    fields: {
      plan: "Plan",
      "what-matters": "What matters to the person",
      contacts: "Contacts",
      "review-date": "Review date",
    },
  },
  "end-of-life": {
    title: "End of life",
    recordTypes: ["end-of-life-plan", "respect-form", "advance-decision", "lasting-power-of-attorney"],
    fields: {
      preferences: "Preferences for care",
      "preferred-place": "Preferred place of care and of death",
      resuscitation: "Resuscitation recommendation",
      "legal-decisions": "Advance decisions and powers of attorney",
    },
  },
  "special-patient-notes": {
    title: "Special patient notes",
    recordTypes: ["special-patient-notes", "safety-alerts", "reasonable-adjustments"],
    fields: {
      notes: "Notes",
      "vulnerable-patient": "Vulnerable patient",
      child: "Child",
      access: "Access to the home",
    },
  },
  demographics: {
    title: "Demographics",
    recordTypes: ["personal-contacts"],
    fields: { address: "Address", telephone: "Telephone", "next-of-kin": "Next of kin", language: "Language" },
  },
} as const satisfies Record<string, Dataset>;

export type DatasetKey = keyof typeof DATASETS;

export const DATASET_KEYS = Object.keys(DATASETS) as DatasetKey[];

export function parseDataset(text: string): DatasetKey | undefined {
  return Object.hasOwn(DATASETS, text) ? (text as DatasetKey) : undefined;
}

export function datasetOf(key: DatasetKey): Dataset {
  return DATASETS[key];
}

const BY_RECORD_TYPE: ReadonlyMap<RecordTypeKey, DatasetKey> = new Map(
  DATASET_KEYS.flatMap((key) => datasetOf(key).recordTypes.map((recordType) => [recordType, key] as const)),
);

/** The dataset to which records of a type belong; `undefined` where they belong to none. */
export function datasetWith(recordType: RecordTypeKey): DatasetKey | undefined {
  return BY_RECORD_TYPE.get(recordType);
}

/** The fields of a record that may be shown: all, or those named. */
export type SharedFields = "all" | ReadonlySet<string>;
