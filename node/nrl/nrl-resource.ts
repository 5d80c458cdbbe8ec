import { z } from "zod";

import { Failure } from "../base/failure.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import { toPlainText } from "../base/plain-text.ts";
import { type OrganisationCode, parseOrganisationCode, type Sensitivity } from "../base/words.ts";
import type { NationalPointer } from "./nrl.ts";

/** The locator's FHIR resources: what is sent, and what of those that come is used. */

const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
const SNOMED = "http://snomed.info/sct";
const ENGLAND = "https://fhir.nhs.uk/England";

/** What the locator calls a shared care record. */
const SHARED_CARE_RECORD = { system: SNOMED, code: "887181000000106", display: "Clinical summary" } as const;
const RECORD_HEADINGS = { system: SNOMED, code: "716931000000107", display: "Record headings" } as const;
/** Of those that the locator takes, the one that says no more than there is: the record is of all kinds of care. */
const EVERY_SERVICE = { system: SNOMED, code: "224891009", display: "Healthcare services" } as const;

/** Parameters of a search for one patient's pointers, as its body. */
export function searchFor(nhsNumber: NhsNumber): Readonly<Record<string, string>> {
  return { "subject:identifier": `${NHS_NUMBER}|${nhsNumber.expose()}` };
}

/** The same for pointers to shared care records alone. */
export function searchForOwn(nhsNumber: NhsNumber): Readonly<Record<string, string>> {
  return { ...searchFor(nhsNumber), type: `${SHARED_CARE_RECORD.system}|${SHARED_CARE_RECORD.code}` };
}

/**
 * The pointer that says that a shared care record knows a patient. Its address is the same for every patient: how to ask for
 * the record, for there is nothing that could be fetched without asking.
 */
export function sharedCareRecordPointer(
  nhsNumber: NhsNumber,
  { organisation, contactUrl }: { readonly organisation: OrganisationCode; readonly contactUrl: URL },
): object {
  const provider = { identifier: { system: ODS, value: organisation } };
  return {
    resourceType: "DocumentReference",
    status: "current",
    type: { coding: [SHARED_CARE_RECORD] },
    category: [{ coding: [RECORD_HEADINGS] }],
    subject: { identifier: { system: NHS_NUMBER, value: nhsNumber.expose() } },
    author: [provider],
    custodian: provider,
    content: [
      {
        attachment: { contentType: "text/html", url: contactUrl.href },
        format: {
          system: `${ENGLAND}/CodeSystem/England-NRLFormatCode`,
          code: "urn:nhs-ic:record-contact",
          display: "Contact details (HTTP Unsecured)",
        },
        extension: [
          {
            url: `${ENGLAND}/StructureDefinition/Extension-England-ContentStability`,
            valueCodeableConcept: {
              coding: [
                {
                  system: `${ENGLAND}/CodeSystem/England-NRLContentStability`,
                  code: "dynamic",
                  display: "Dynamic",
                },
              ],
            },
          },
        ],
      },
    ],
    context: { practiceSetting: { coding: [EVERY_SERVICE] } },
  };
}

const NAME_CHARACTERS_MAX = 300;

const text = z.string().max(1_000);
const codingSchema = z.object({ system: text.default(""), code: text.default("") });
const conceptSchema = z.object({ coding: z.array(codingSchema).max(20).default([]) });

const pointerSchema = z.object({
  resourceType: z.literal("DocumentReference"),
  id: z.string().regex(/^(?=.{1,64}$)[A-Za-z0-9.]+-[A-Za-z0-9]+[A-Za-z0-9_-]*$/),
  status: text,
  type: conceptSchema,
  subject: z.object({ identifier: z.object({ system: z.literal(NHS_NUMBER), value: text }) }),
  custodian: z.object({
    identifier: z.object({ system: z.literal(ODS), value: text }),
    display: text.default(""),
  }),
  securityLabel: z.array(conceptSchema).max(20).default([]),
  meta: z.object({ lastUpdated: text.default("") }).default({ lastUpdated: "" }),
  date: text.default(""),
});

const bundleSchema = z.object({
  resourceType: z.literal("Bundle"),
  type: z.literal("searchset"),
  total: z.number().optional(),
  link: z
    .array(z.object({ relation: text }))
    .max(20)
    .default([]),
  entry: z
    .array(z.object({ resource: z.unknown() }))
    .max(1_000)
    .default([]),
});

/**
 * Reads what a search found.
 *
 * @throws {Failure} `incompatible`: it is no searchset, or one of its pointers is not understood or is somebody else's: one that
 * was left out would be a gap that nobody sees.
 */
export function readPointers(body: unknown, nhsNumber: NhsNumber): NationalPointer[] {
  const bundle = bundleSchema.safeParse(body);
  if (!bundle.success) throw notUnderstood();
  const { total, link, entry } = bundle.data;
  const isPart = link.some(({ relation }) => relation === "next") || (total !== undefined && total > entry.length);
  if (isPart) throw notUnderstood(); // a page of several: what is on the others would be a gap that nobody sees
  return entry.flatMap(({ resource }) => {
    const parsed = pointerSchema.safeParse(resource);
    if (!parsed.success || parsed.data.subject.identifier.value !== nhsNumber.expose()) throw notUnderstood();
    return parsed.data.status === "current" ? [toPointer(parsed.data)] : [];
  });
}

function toPointer(resource: z.infer<typeof pointerSchema>): NationalPointer {
  const { id, type, custodian, securityLabel, meta, date } = resource;
  // An id of a department behind the organisation's own code (`RRK.Ward`) is the organisation's.
  const code = parseOrganisationCode(custodian.identifier.value.split(".")[0] ?? "");
  if (code === undefined) throw notUnderstood();
  const updatedAtMs = Date.parse(meta.lastUpdated === "" ? date : meta.lastUpdated);
  return {
    id,
    types: type.coding,
    custodian: { code, name: toPlainText(custodian.display).trim().slice(0, NAME_CHARACTERS_MAX) || code },
    sensitivity: strictest(securityLabel.flatMap(({ coding }) => coding.map((each) => each.code))),
    updatedAtMs: Number.isFinite(updatedAtMs) && updatedAtMs > 0 ? updatedAtMs : 0,
  };
}

function strictest(labels: readonly string[]): Sensitivity {
  if (labels.includes("V")) return "V";
  return labels.includes("R") ? "R" : "N";
}

/** Without its cause: what was not understood may be a patient's. */
function notUnderstood(): Failure {
  return new Failure(
    "incompatible",
    "The National Record Locator sent pointers that are not understood: none of them was used.",
  );
}
