import { NhsNumber } from "../node/base/nhs-number.ts";

/** What the National Record Locator takes as a pointer, as its specification for producers says. Part of its double. */

export type Json = Readonly<Record<string, unknown>>;

/** Why a pointer is not taken. */
export interface Fault {
  readonly status?: number;
  readonly issue?: string;
  readonly code: string;
  /** Where in the resource. */
  readonly at: string;
}

const SNOMED = "http://snomed.info/sct";
const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ENGLAND = "https://fhir.nhs.uk/England";

/** Displays are exact; each type has its one category. */
const CATEGORIES: Readonly<Record<string, string>> = {
  "734163000": "Care plan",
  "1102421000000108": "Observations",
  "823651000000106": "Clinical note",
  "419891008": "Record artifact",
  "716931000000107": "Record headings",
};
const TYPES: Readonly<Record<string, { readonly display: string; readonly category: string }>> = {
  "736253002": { display: "Mental health crisis plan", category: "734163000" },
  "887701000000100": { display: "Emergency health care plan", category: "734163000" },
  "861421000000109": { display: "End of life care coordination summary", category: "734163000" },
  "1363501000000100": {
    display: "Royal College of Physicians NEWS2 (National Early Warning Score 2) chart",
    category: "1102421000000108",
  },
  "824321000000109": { display: "Summary record", category: "823651000000106" },
  "749001000000101": { display: "Appointment", category: "419891008" },
  "887181000000106": { display: "Clinical summary", category: "716931000000107" },
};
const FORMATS: Readonly<Record<string, { readonly display: string; readonly mime: RegExp }>> = {
  "urn:nhs-ic:record-contact": { display: "Contact details (HTTP Unsecured)", mime: /^text\/html$/ },
  "urn:nhs-ic:unstructured": { display: "Unstructured Document", mime: /^application\/pdf$/ },
  "urn:nhs-ic:structured": { display: "Structured Document", mime: /json$/ },
};
/** Some of the services that a practice setting may name. */
const PRACTICE_SETTINGS: Readonly<Record<string, string>> = {
  "224891009": "Healthcare services",
  "1060971000000108": "General practice service",
};
const REQUIRED = ["status", "type", "category", "subject", "author", "custodian", "content", "context"];
const KNOWN = new Set(["resourceType", "docStatus", "relatesTo", "securityLabel", "identifier", "id", ...REQUIRED]);

/** The text at a path, `0` for a list's first; empty where there is none. */
export function textAt(resource: Json, ...path: readonly string[]): string {
  let at: unknown = resource;
  for (const key of path) at = (at as Json | undefined)?.[key];
  return typeof at === "string" ? at : "";
}

export function nhsNumberIn(resource: Json): string {
  return textAt(resource, "subject", "identifier", "value");
}

/** The first fault of a pointer that an organisation sends; `undefined` where it is taken. */
export function faultOf(resource: Json, organisation: string): Fault | undefined {
  return shapeFault(resource) ?? partiesFault(resource, organisation) ?? codesFault(resource) ?? contentFault(resource);
}

function shapeFault(resource: Json): Fault | undefined {
  if (resource["resourceType"] !== "DocumentReference") return { code: "INVALID_RESOURCE", at: "resourceType" };
  const missing = REQUIRED.find((name) => resource[name] === undefined);
  if (missing !== undefined) return { code: "INVALID_RESOURCE", issue: "required", at: missing };
  const extra = Object.keys(resource).find((name) => !KNOWN.has(name));
  if (extra !== undefined) return { code: "INVALID_RESOURCE", at: extra };
  if (resource["status"] !== "current") return { code: "INVALID_CODE_VALUE", at: "status" };
  const several = ["author", "category"].find((name) => (resource[name] as unknown[]).length !== 1);
  return several === undefined ? undefined : { code: "INVALID_RESOURCE", at: several };
}

function partiesFault(resource: Json, organisation: string): Fault | undefined {
  const isTheirs = resource["id"] === undefined || textAt(resource, "id").startsWith(`${organisation}-`);
  if (!isTheirs) return { code: "BAD_REQUEST", at: "id" };
  if (textAt(resource, "subject", "identifier", "system") !== NHS_NUMBER) {
    return { code: "INVALID_IDENTIFIER_SYSTEM", at: "subject.identifier.system" };
  }
  if (NhsNumber.parse(nhsNumberIn(resource)) === undefined) {
    return { code: "INVALID_NHS_NUMBER", at: "subject.identifier.value" };
  }
  if (textAt(resource, "author", "0", "identifier", "system") !== ODS) {
    return { code: "INVALID_IDENTIFIER_SYSTEM", at: "author[0].identifier.system" };
  }
  if (textAt(resource, "custodian", "identifier", "system") !== ODS) {
    return { code: "INVALID_IDENTIFIER_SYSTEM", at: "custodian.identifier.system" };
  }
  const isOwn = textAt(resource, "custodian", "identifier", "value") === organisation;
  return isOwn ? undefined : { code: "BAD_REQUEST", at: "custodian.identifier.value" };
}

function codesFault(resource: Json): Fault | undefined {
  const coding = (...path: string[]) => ({
    system: textAt(resource, ...path, "coding", "0", "system"),
    code: textAt(resource, ...path, "coding", "0", "code"),
    display: textAt(resource, ...path, "coding", "0", "display"),
  });
  const [type, category] = [coding("type"), coding("category", "0")];
  const known = TYPES[type.code];
  if (type.system !== SNOMED || known === undefined) {
    return { status: 403, issue: "forbidden", code: "AUTHOR_CREDENTIALS_ERROR", at: "type.coding[0].code" };
  }
  if (type.display !== known.display) return { code: "INVALID_RESOURCE", at: "type.coding[0].display" };
  if (category.system !== SNOMED || category.code !== known.category) {
    return { code: "INVALID_RESOURCE", at: "category[0].coding[0].code" };
  }
  if (category.display !== CATEGORIES[category.code]) {
    return { code: "INVALID_RESOURCE", at: "category[0].coding[0].display" };
  }
  const setting = coding("context", "practiceSetting");
  if (setting.system !== SNOMED || PRACTICE_SETTINGS[setting.code] !== setting.display) {
    return { code: "INVALID_RESOURCE", at: "context.practiceSetting.coding[0]" };
  }
  return undefined;
}

function contentFault(resource: Json): Fault | undefined {
  const at = (...path: string[]): string => textAt(resource, "content", "0", ...path);
  if (at("attachment", "url") === "") return { code: "INVALID_RESOURCE", at: "content[0].attachment.url" };
  const format = FORMATS[at("format", "code")];
  const isFormat =
    at("format", "system") === `${ENGLAND}/CodeSystem/England-NRLFormatCode` &&
    format?.display === at("format", "display");
  if (!isFormat) return { code: "INVALID_RESOURCE", at: "content[0].format" };
  if (!format.mime.test(at("attachment", "contentType"))) {
    return {
      status: 422,
      issue: "business-rule",
      code: "UNPROCESSABLE_ENTITY",
      at: "content[0].attachment.contentType",
    };
  }
  const stability = ["extension", "0", "valueCodeableConcept", "coding", "0"] as const;
  const isStability =
    at("extension", "0", "url") === `${ENGLAND}/StructureDefinition/Extension-England-ContentStability` &&
    at(...stability, "system") === `${ENGLAND}/CodeSystem/England-NRLContentStability` &&
    /^(?:static Static|dynamic Dynamic)$/.test(`${at(...stability, "code")} ${at(...stability, "display")}`);
  return isStability ? undefined : { code: "INVALID_RESOURCE", at: "content[0].extension[0]" };
}
