import { NUMBER_SYSTEM } from "./a-facade.ts";

const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
const SNOMED = "http://snomed.info/sct";

/** Headers of ash's provider, as its own system sends them. */
export const FROM_ASH = { "content-type": "application/fhir+json", "nhsd-end-user-organisation-ods": "ASHH" };

export function organisation(code: string) {
  return { identifier: { system: ODS, value: code } };
}

export function snomed(code: string) {
  return { coding: [{ system: SNOMED, code }] };
}

/** An emergency health care plan at ash's provider, in NRL's shape. */
export function aPointer(nhsNumber: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    resourceType: "DocumentReference",
    status: "current",
    type: snomed("887701000000100"),
    category: [snomed("734163000")],
    subject: { identifier: { system: NUMBER_SYSTEM, value: nhsNumber } },
    author: [organisation("ASHH")],
    custodian: organisation("ASHH"),
    date: "2026-01-05T10:00:00Z",
    content: [{ attachment: { contentType: "application/pdf", url: "https://records.ash.example/plan-1.pdf" } }],
    context: { practiceSetting: snomed("224891009") },
    ...more,
  };
}
