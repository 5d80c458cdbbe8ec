import * as z from "zod";

import type { RecordTypeKey } from "../../base/record-types.ts";
import { documentTypeOf } from "./document-types.ts";
import {
  ACT_CODE,
  codingsOf,
  concept,
  type Concept,
  concepts,
  CONFIDENTIALITY,
  type Json,
  LOINC,
  meta,
  period,
  readElements,
  reference,
  type Reference,
  reject,
  type Rejected,
  SNOMED,
  text,
} from "./elements.ts";

/** What a resource says of the record that it is or belongs to. */
export interface RecordWords {
  /** Whose record it is; of several, the first that is a patient. */
  readonly patients: readonly Reference[];
  readonly recordType: RecordTypeKey;
  /** When it was recorded, the best date first. */
  readonly dates: readonly (string | undefined)[];
  /** Its state, where it has one; some say that there is no record. */
  readonly states: readonly (string | undefined)[];
  /** The organisation that it names as its keeper. */
  readonly custodian?: Reference | undefined;
  /** Where its content lies, and in which form, where not the resource itself is the record. */
  readonly attachment?: { readonly url?: string | undefined; readonly contentType?: string | undefined } | undefined;
  readonly labels?: readonly (Concept | undefined)[] | undefined;
}

/** How the resources of one kind are read. */
export interface RecordKind {
  /**
   * The kind of resource under which a provider's whole list is fetched, where its resources are entries of one list for
   * each patient; absent where each is a record of its own. It may depend on the record type.
   */
  readonly listedAs: (recordType: RecordTypeKey) => string | undefined;
  readonly read: (resource: Json) => RecordWords | Rejected;
}

/** Why a resource of a known kind has no record type: the same words each time. */
const NO_TYPE = "no record type holds what its codes say";

const subject = reference.optional();
const date = text.optional();
const status = text.optional();
const span = period.optional();

/**
 * @param elements those that are read. An element of another name is not looked at.
 * @param foreign elements that only other versions of FHIR have: then nothing of the resource can be relied on.
 */
function kind<Shape extends z.ZodRawShape>(
  elements: Shape,
  foreign: readonly string[],
  listedAs: string | undefined | ((recordType: RecordTypeKey) => string | undefined),
  words: (read: z.output<z.ZodObject<Shape>>) => Omit<RecordWords, "recordType"> & {
    readonly recordType: RecordTypeKey | undefined;
  },
): RecordKind {
  const schema = z.object(elements);
  return {
    listedAs: typeof listedAs === "function" ? listedAs : () => listedAs,
    read(resource) {
      const strange = foreign.find((element) => Object.hasOwn(resource, element));
      const type = String(resource["resourceType"]);
      if (strange !== undefined) return reject(`${type}.${strange}`, "FHIR R4 does not have it: of another version");
      const result = readElements(schema, resource);
      if ("rejected" in result) return result;
      const said = words(result.read);
      if (said.recordType === undefined) return reject(type, NO_TYPE);
      return { ...said, recordType: said.recordType };
    },
  };
}

/** The kinds of resource that become pointers. */
export const RECORD_KINDS: ReadonlyMap<string, RecordKind> = new Map(
  Object.entries({
    AllergyIntolerance: kind(
      { patient: subject, recordedDate: date, onsetDateTime: date, verificationStatus: concept.optional() },
      ["assertedDate"],
      "AllergyIntolerance",
      ({ patient, recordedDate, onsetDateTime, verificationStatus }) => ({
        ...{ patients: those(patient), recordType: "allergies", dates: [recordedDate, onsetDateTime] },
        states: statesOf(verificationStatus),
      }),
    ),
    MedicationRequest: kind(
      { subject, authoredOn: date, status },
      ["medication", "context"],
      "MedicationRequest",
      (read) => ({
        patients: those(read.subject),
        recordType: "medications",
        dates: [read.authoredOn],
        states: [read.status],
      }),
    ),
    MedicationStatement: kind(
      { subject, dateAsserted: date, effectiveDateTime: date, effectivePeriod: span, status },
      ["medication", "taken"],
      "MedicationRequest",
      (read) => ({
        ...{ patients: those(read.subject), recordType: "medications", states: [read.status] },
        dates: [read.dateAsserted, read.effectiveDateTime, read.effectivePeriod?.start],
      }),
    ),
    MedicationDispense: kind(
      { subject, whenHandedOver: date, whenPrepared: date, status },
      ["medication", "notDone"],
      "MedicationRequest",
      (read) => ({
        ...{ patients: those(read.subject), recordType: "medications", states: [read.status] },
        dates: [read.whenHandedOver, read.whenPrepared],
      }),
    ),
    MedicationAdministration: kind(
      { subject, effectiveDateTime: date, effectivePeriod: span, status },
      ["medication", "notGiven", "occurenceDateTime"],
      "MedicationRequest",
      (read) => ({
        ...{ patients: those(read.subject), recordType: "medications", states: [read.status] },
        dates: [read.effectiveDateTime, read.effectivePeriod?.start],
      }),
    ),
    Condition: kind(
      { subject, recordedDate: date, onsetDateTime: date, onsetPeriod: span, verificationStatus: concept.optional() },
      ["assertedDate", "participant"],
      "Condition",
      (read) => ({
        ...{ patients: those(read.subject), recordType: "problems", states: statesOf(read.verificationStatus) },
        dates: [read.recordedDate, read.onsetDateTime, read.onsetPeriod?.start],
      }),
    ),
    Procedure: kind(
      { subject, performedDateTime: date, performedPeriod: span, status },
      ["notDone", "occurrenceDateTime", "occurrencePeriod"],
      "Procedure",
      (read) => ({
        ...{ patients: those(read.subject), recordType: "procedures", states: [read.status] },
        dates: [read.performedDateTime, read.performedPeriod?.start],
      }),
    ),
    Immunization: kind(
      { patient: subject, occurrenceDateTime: date, recorded: date, status },
      ["notGiven", "date"],
      "Immunization",
      (read) => ({
        ...{ patients: those(read.patient), recordType: "immunisations", states: [read.status] },
        dates: [read.occurrenceDateTime, read.recorded],
      }),
    ),
    Observation: kind(
      {
        ...{ subject, effectiveDateTime: date, effectivePeriod: span, effectiveInstant: date, issued: date, status },
        ...{ category: concepts.optional(), code: concept.optional() },
      },
      ["related", "comment"],
      "Observation",
      (read) => ({
        ...{ patients: those(read.subject), recordType: observationType(read), states: [read.status] },
        dates: [read.effectiveDateTime, read.effectivePeriod?.start, read.effectiveInstant, read.issued],
      }),
    ),
    DiagnosticReport: kind(
      {
        ...{ subject, effectiveDateTime: date, effectivePeriod: span, issued: date, status },
        ...{ category: concepts.optional(), code: concept.optional() },
      },
      ["codedDiagnosis", "note"],
      (recordType) => (recordType === "investigations" ? "Observation" : undefined),
      (read) => ({
        ...{ patients: those(read.subject), recordType: reportType(read.category, read.code), states: [read.status] },
        dates: [read.effectiveDateTime, read.effectivePeriod?.start, read.issued],
      }),
    ),
    ImagingStudy: kind({ subject, started: date, status }, ["patient", "accession"], undefined, (read) => ({
      ...{ patients: those(read.subject), recordType: "imaging-report", dates: [read.started], states: [read.status] },
    })),
    Encounter: kind(
      { subject, period: span, status, class: z.object({}).optional() },
      ["actualPeriod", "plannedStartDate", "admission", "incomingReferral"],
      undefined,
      (read) => ({
        ...{
          patients: those(read.subject),
          recordType: "encounters",
          dates: [read.period?.start],
          states: [read.status],
        },
      }),
    ),
    EpisodeOfCare: kind({ patient: subject, period: span, status }, ["reason"], undefined, (read) => ({
      ...{
        patients: those(read.patient),
        recordType: "encounters",
        dates: [read.period?.start],
        states: [read.status],
      },
    })),
    Appointment: kind(
      { participant: z.array(z.object({ actor: reference.optional() })).optional(), start: date, status },
      ["subject", "indication", "incomingReferral"],
      undefined,
      ({ participant = [], start, status: state }) => ({
        ...{
          patients: participant.flatMap(({ actor }) => those(actor)),
          recordType: "appointments",
          dates: [start],
          states: [state],
        },
      }),
    ),
    ServiceRequest: kind(
      { subject, authoredOn: date, status, category: concepts.optional() },
      ["context"],
      undefined,
      ({ category, ...read }) => ({
        ...{ patients: those(read.subject), dates: [read.authoredOn], states: [read.status] },
        recordType: category === undefined || namesAny(category, REFERRALS) ? "referrals" : undefined,
      }),
    ),
    CarePlan: kind(
      { subject, created: date, period: span, status, category: concepts.optional() },
      ["context", "definition"],
      undefined,
      (read) => ({
        ...{ patients: those(read.subject), dates: [read.created, read.period?.start], states: [read.status] },
        recordType: documentTypeOf(read.category ?? []) ?? "care-plan",
      }),
    ),
    DocumentReference: kind(
      {
        ...{ subject, date, status, docStatus: status, custodian: subject, securityLabel: concepts.optional() },
        ...{ type: concept.optional(), category: concepts.optional() },
        content: z.array(z.object({ attachment: z.object({ url: text.optional(), contentType: text.optional() }) })),
      },
      ["indexed", "class", "created", "version", "attester"],
      undefined,
      ({ type, category, content, ...read }) => ({
        ...{ patients: those(read.subject), dates: [read.date], states: [read.status, read.docStatus] },
        ...{ custodian: read.custodian, labels: read.securityLabel },
        recordType: documentTypeOf([type], category),
        attachment: content.find(({ attachment }) => attachment.url !== undefined)?.attachment,
      }),
    ),
    Composition: kind(
      {
        ...{ subject, date, status, custodian: subject, confidentiality: text.optional() },
        ...{ type: concept.optional(), category: concepts.optional() },
      },
      ["class", "url", "version"],
      undefined,
      ({ type, category, confidentiality, ...read }) => ({
        ...{ patients: those(read.subject), dates: [read.date], states: [read.status], custodian: read.custodian },
        recordType: documentTypeOf([type], category),
        labels: [
          { coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code: confidentiality }] },
        ],
      }),
    ),
    List: kind({ subject, date, status, code: concept.optional() }, [], undefined, (read) => ({
      ...{
        patients: those(read.subject),
        recordType: documentTypeOf([read.code]),
        dates: [read.date],
        states: [read.status],
      },
    })),
    Flag: kind(
      { subject, period: span, status, category: concepts.optional(), code: concept.optional() },
      [],
      "Flag",
      (read) => ({
        ...{ patients: those(read.subject), dates: [read.period?.start], states: [read.status] },
        recordType: flagType(read.category, read.code),
      }),
    ),
    RelatedPerson: kind(
      { patient: subject, period: span, active: z.boolean().optional() },
      [],
      "RelatedPerson",
      (read) => ({
        ...{ patients: those(read.patient), recordType: "personal-contacts", dates: [read.period?.start] },
        states: [read.active === false ? "cancelled" : undefined],
      }),
    ),
  } satisfies Record<string, RecordKind>),
);

/** States that say that there is no record, or that it is another one now. */
const NO_RECORD: ReadonlySet<string | undefined> = new Set([
  ...[
    "entered-in-error",
    "cancelled",
    "superseded",
    "nullified",
    "revoked",
    "not-done",
    "noshow",
    "refuted",
    "retired",
  ],
]);

export const NO_RECORD_REASON = "its source says that there is none: in error, cancelled, replaced or not done";

export function saysNoRecord({ states }: RecordWords): boolean {
  return states.some((state) => NO_RECORD.has(state));
}

function those(one: Reference | undefined): readonly Reference[] {
  return one === undefined ? [] : [one];
}

function statesOf(some: Concept | undefined): readonly (string | undefined)[] {
  return codingsOf([some]).map(({ code }) => code);
}

const ABOUT = z.object({ meta: meta.optional() });

/** What a resource's labels say; N where they say nothing. A label of any sensitivity policy counts as restricted. */
export function sensitivityOf(resource: Json, { labels = [] }: RecordWords): "N" | "R" | "V" {
  const about = ABOUT.safeParse(resource);
  const all = [...(about.success ? (about.data.meta?.security ?? []) : []), ...codingsOf(labels)];
  const said = (code: string): boolean =>
    all.some((label) => CONFIDENTIALITY.test(label.system ?? "") && label.code === code);
  if (said("V")) return "V";
  return said("R") || all.some(({ system }) => ACT_CODE.test(system ?? "")) ? "R" : "N";
}

function namesAny(some: readonly Concept[] | undefined, codes: ReadonlySet<string>): boolean {
  return codingsOf(some ?? []).some(({ system, code }) => codes.has(`${system}|${code}`) || codes.has(`|${code}`));
}

/** Codes with their systems; without a system where the code says enough. */
const codeSet = (...codes: string[]): ReadonlySet<string> => new Set(codes);

/** Patient referral; referral to service. */
const REFERRALS = codeSet(`${SNOMED}|3457005`, `${SNOMED}|306206005`);

/** Categories of observation that are results or findings. Social history and questionnaires are not. */
const RESULTS = codeSet("|laboratory", "|imaging", "|procedure", "|vital-signs", "|exam", "|LAB", "|RAD");

/** Royal College of Physicians NEWS2 total score. */
const NEWS2 = codeSet(`${SNOMED}|1104051000000101`);

/** HL7 v2 table 0074, SNOMED CT and LOINC: imaging. */
const IMAGING = codeSet(
  ...["|RAD", "|IMG", "|CT", "|CUS", "|NMR", "|MR", "|US", "|OUS", "|VUS", "|XRC", "|RUS", "|RX", "|NMS", "|imaging"],
  ...[`${SNOMED}|363679005`, `${SNOMED}|721981007`, `${LOINC}|LP29684-5`, `${LOINC}|18748-4`],
);

/** HL7 v2 table 0074, SNOMED CT and LOINC: electrocardiography. */
const ECG = codeSet("|EC", `${SNOMED}|29303009`, `${LOINC}|11524-6`);

/** Adult safeguarding referral, vulnerable adult; the local codes of the Yorkshire and Humber record. */
const SAFEGUARDING = codeSet(`${SNOMED}|514331000000104`, `${SNOMED}|417430008`, "|MARAC", "|MAPPA");

/** The national Reasonable Adjustments Flag. */
const ADJUSTMENTS = codeSet("|NRAF");

function observationType({
  category,
  code,
}: {
  readonly category?: readonly Concept[] | undefined;
  readonly code?: Concept | undefined;
}): RecordTypeKey | undefined {
  if (code !== undefined && namesAny([code], NEWS2)) return "observations-news2";
  return category === undefined || namesAny(category, RESULTS) ? "investigations" : undefined;
}

function reportType(category: readonly Concept[] | undefined, code: Concept | undefined): RecordTypeKey {
  const said = [...(category ?? []), ...(code === undefined ? [] : [code])];
  if (namesAny(said, ECG)) return "ecg";
  return namesAny(said, IMAGING) ? "imaging-report" : "investigations";
}

function flagType(category: readonly Concept[] | undefined, code: Concept | undefined): RecordTypeKey {
  const said = [...(category ?? []), ...(code === undefined ? [] : [code])];
  if (namesAny(said, SAFEGUARDING)) return "safeguarding";
  return namesAny(said, ADJUSTMENTS) ? "reasonable-adjustments" : "safety-alerts";
}
