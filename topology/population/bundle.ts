import { RECORD_TYPES, type RecordTypeKey } from "../../node/base/record-types.ts";
import { hostOf } from "../people/records.ts";
import type { IdentityRow, PointerRow } from "../people/rows.ts";
import type { ProviderRecord } from "./population.ts";

/** The form is described, field by field, in this folder's README. */

const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code";
const STATUS_EXTENSION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const STATUS_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
const CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const SNOMED = "http://snomed.info/sct";

/** Keys of record types: some have no national code. */
const RECORD_TYPE_CODES = "https://corridor.example/fhir/CodeSystem/record-type";

type Resource = Readonly<Record<string, unknown>> & { readonly resourceType: string };

/** What one provider sends about one person, as a FHIR R4 Bundle of type `collection`: the patient, then each record. */
export function bundleOf({ identity, pointers }: ProviderRecord): Resource {
  const base = `https://records.${hostOf(identity.provider)}.example/fhir`;
  const fullUrl = `${base}/Patient/${identity.local_id}`;
  const entries = pointers.map((pointer) => entryOf(pointer, base, { reference: fullUrl }));
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: [{ fullUrl, resource: patientOf(identity, base) }, ...entries],
  };
}

function patientOf(row: IdentityRow, base: string): Resource {
  return {
    resourceType: "Patient",
    id: row.local_id,
    meta: {
      lastUpdated: instant(row.recorded_on),
      ...(row.restricted === "true" && { security: [{ system: CONFIDENTIALITY, code: "R" }] }),
    },
    identifier: [
      {
        extension: [{ url: STATUS_EXTENSION, valueCodeableConcept: coded(STATUS_CODES, row.nhs_number_status) }],
        system: NHS_NUMBER,
        ...given("value", row.nhs_number),
      },
      {
        type: coded("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"),
        system: `${base}/patient-id`,
        value: row.local_id,
      },
    ],
    name: [{ use: "official", ...given("family", row.family_name), ...list("given", row.given_name, row.middle_name) }],
    ...(row.phone !== "" && { telecom: [{ system: "phone", value: row.phone }] }),
    gender: row.gender,
    ...given("birthDate", row.birth_date),
    ...addressOf(row),
    managingOrganization: { identifier: { system: ORGANISATION, value: row.provider } },
  };
}

function addressOf(row: IdentityRow): object {
  const address = {
    ...list("line", row.address_line1, row.address_line2),
    ...given("city", row.locality),
    ...given("postalCode", row.postcode),
  };
  return Object.keys(address).length === 0 ? {} : { address: [{ use: "home", ...address }] };
}

interface Reference {
  readonly reference: string;
}

/** Makes the resource of a pointer's type, but for what all have alike. */
type Body = (subject: Reference, day: string) => Readonly<Record<string, unknown>> & { readonly resourceType: string };

/** Record types that have a resource of their own. Which record it is, and nothing of what is in it. */
const BODIES: Readonly<Partial<Record<RecordTypeKey, Body>>> = {
  encounters: (subject, start) => ({
    resourceType: "Encounter",
    status: "finished",
    class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB" },
    subject,
    period: { start },
  }),
  appointments: (actor, day) => ({
    resourceType: "Appointment",
    status: "fulfilled",
    start: instant(day),
    end: instant(day),
    participant: [{ actor, status: "accepted" }],
  }),
  referrals: (subject, authoredOn) => ({
    resourceType: "ServiceRequest",
    status: "active",
    intent: "order",
    subject,
    authoredOn,
  }),
  allergies: (patient, recordedDate) => ({
    resourceType: "AllergyIntolerance",
    code: { text: "Allergy or adverse reaction" },
    patient,
    recordedDate,
  }),
  medications: (subject, authoredOn) => ({
    resourceType: "MedicationRequest",
    status: "active",
    intent: "order",
    medicationCodeableConcept: { text: "Medication" },
    subject,
    authoredOn,
  }),
  problems: (subject, recordedDate) => ({
    resourceType: "Condition",
    code: { text: "Problem" },
    subject,
    recordedDate,
  }),
  procedures: (subject, performedDateTime) => ({
    resourceType: "Procedure",
    status: "completed",
    code: { text: "Procedure" },
    subject,
    performedDateTime,
  }),
  immunisations: (patient, occurrenceDateTime) => ({
    resourceType: "Immunization",
    status: "completed",
    vaccineCode: { text: "Immunisation" },
    patient,
    occurrenceDateTime,
  }),
  investigations: (subject, effectiveDateTime) => ({
    resourceType: "Observation",
    status: "final",
    code: { text: "Investigation" },
    subject,
    effectiveDateTime,
  }),
  "care-plan": (subject, created) => ({
    resourceType: "CarePlan",
    status: "active",
    intent: "plan",
    subject,
    created,
  }),
};

function entryOf(row: PointerRow, base: string, subject: Reference): { fullUrl: string; resource: Resource } {
  const alike = { id: row.record_id, identifier: [{ system: `${base}/record-id`, value: row.record_id }] };
  const body = BODIES[row.record_type as RecordTypeKey];
  if (body === undefined) {
    const fullUrl = `${base}/DocumentReference/${row.record_id}`;
    return { fullUrl, resource: { ...documentOf(row, subject), ...alike } };
  }
  const label = row.sensitivity !== "" && { meta: { security: [{ system: CONFIDENTIALITY, code: row.sensitivity }] } };
  return { fullUrl: row.fetch, resource: { ...body(subject, row.recorded_on), ...label, ...alike } };
}

function documentOf(row: PointerRow, subject: Reference): Resource {
  return {
    resourceType: "DocumentReference",
    status: "current",
    type: typeOf(row.record_type as RecordTypeKey),
    subject,
    date: instant(row.recorded_on),
    ...(row.sensitivity !== "" && { securityLabel: [coded(CONFIDENTIALITY, row.sensitivity)] }),
    content: [{ attachment: { contentType: row.format, url: row.fetch } }],
  };
}

function typeOf(key: RecordTypeKey): object {
  const { snomed, display } = RECORD_TYPES[key];
  const national = snomed === "" ? [] : [{ system: SNOMED, code: snomed, display }];
  return { coding: [...national, { system: RECORD_TYPE_CODES, code: key }] };
}

function coded(system: string, code: string): object {
  return { coding: [{ system, code }] };
}

function instant(day: string): string {
  return `${day}T00:00:00Z`;
}

/** A field, where there is something to say. */
function given(field: string, value: string): object {
  return value === "" ? {} : { [field]: value };
}

function list(field: string, ...values: readonly string[]): object {
  const some = values.filter((value) => value !== "");
  return some.length === 0 ? {} : { [field]: some };
}
