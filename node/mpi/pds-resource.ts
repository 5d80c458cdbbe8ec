import { z } from "zod";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PdsDetails, PdsPatient } from "./pds.ts";

/** What of the service's FHIR resources is used; the rest is passed over. */

const text = z.string().max(1_000);
const texts = z.array(text).max(100).default([]);

const conceptSchema = z.object({ coding: z.array(z.object({ code: text })).max(10) });
/** Of the many kinds of extension one is read; a value of another kind is nothing. */
const extensionSchema = z
  .object({
    url: text,
    extension: z
      .array(z.object({ url: text, valueCodeableConcept: conceptSchema.optional().catch(undefined) }))
      .default([]),
  })
  .catch({ url: "", extension: [] });

const patientSchema = z.object({
  resourceType: z.literal("Patient"),
  id: z.string(),
  meta: z.object({
    versionId: text,
    security: z
      .array(z.object({ code: text }))
      .max(10)
      .default([]),
  }),
  name: z
    .array(z.object({ use: text.default(""), family: text.default(""), given: texts }))
    .max(50)
    .default([]),
  birthDate: text.default(""),
  gender: text.default(""),
  address: z
    .array(z.object({ use: text.default(""), line: texts, postalCode: text.default("") }))
    .max(50)
    .default([]),
  telecom: z
    .array(z.object({ system: text.default(""), value: text.default("") }))
    .max(100)
    .default([]),
  generalPractitioner: z
    .array(z.object({ identifier: z.object({ value: text.default("") }).optional() }))
    .max(10)
    .default([]),
  deceasedDateTime: text.default(""),
  extension: z.array(extensionSchema).max(50).default([]),
});

const bundleSchema = z.object({
  resourceType: z.literal("Bundle"),
  type: z.literal("searchset"),
  entry: z
    .array(z.object({ search: z.object({ score: z.number().min(0).max(1) }), resource: patientSchema }))
    .max(50)
    .default([]),
});

/**
 * Reads a patient.
 *
 * @throws {Failure} `incompatible`: it is not one, its id is no NHS number, or it says that it must not be used.
 */
export function readPatient(body: unknown): PdsPatient {
  const parsed = patientSchema.safeParse(body);
  if (!parsed.success) throw notUnderstood("patient");
  return toPatient(parsed.data);
}

/** @throws {Failure} as {@link readPatient}. */
export function readMatches(body: unknown): { readonly patient: PdsPatient; readonly score: number }[] {
  const parsed = bundleSchema.safeParse(body);
  if (!parsed.success) throw notUnderstood("search result");
  return parsed.data.entry.map(({ search, resource }) => ({ patient: toPatient(resource), score: search.score }));
}

function toPatient(resource: z.infer<typeof patientSchema>): PdsPatient {
  const nhsNumber = NhsNumber.parse(resource.id);
  const codes = resource.meta.security.map(({ code }) => code);
  if (nhsNumber === undefined || codes.includes("REDACTED")) throw notUnderstood("patient");
  // Any mark that is not `unrestricted` protects; a record without a mark has none.
  const restricted = codes.some((code) => code !== "U");
  const details = detailsOf(resource);
  const shown = restricted ? { ...details, ...NO_PLACE } : details;
  return { nhsNumber, versionId: resource.meta.versionId, restricted, details: new Concealed(shown) };
}

const NO_PLACE = { addressLines: [], postcode: "", phones: [], emails: [], practice: "" } as const;

function detailsOf(resource: z.infer<typeof patientSchema>): PdsDetails {
  const { name, address, telecom, generalPractitioner, birthDate, gender } = resource;
  const home = address.find(({ use }) => use === "home");
  const valuesOf = (wanted: string): string[] =>
    telecom.flatMap(({ system, value }) => (system === wanted && value !== "" ? [value] : []));
  return {
    names: name.toSorted((one, other) => Number(other.use === "usual") - Number(one.use === "usual")),
    ...{ birthDate, gender },
    addressLines: home?.line.filter((line) => line !== "") ?? [],
    postcode: home?.postalCode ?? "",
    phones: valuesOf("phone"),
    emails: valuesOf("email"),
    practice: generalPractitioner[0]?.identifier?.value ?? "",
    ...deathOf(resource),
  };
}

const DEATH_NOTIFICATION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus";
/** 1: informal, by a local organisation. 2: formal, by the registrar. U: removed, it was a mistake. */
const FORMAL = "2";
const REMOVED = "U";

function deathOf({ deceasedDateTime, extension }: z.infer<typeof patientSchema>) {
  const notices = extension.filter(({ url }) => url === DEATH_NOTIFICATION).flatMap((notice) => notice.extension);
  const codes = notices.flatMap(({ valueCodeableConcept }) => valueCodeableConcept?.coding ?? []);
  const died = /^\d{4}(?:-\d{2}){0,2}/.exec(deceasedDateTime)?.[0] ?? "";
  const isTakenBack = died === "" || codes.some(({ code }) => code === REMOVED);
  return isTakenBack
    ? { died: "", deathRegistered: false }
    : { died, deathRegistered: codes.some(({ code }) => code === FORMAL) };
}

/** Without its cause: what was not understood may be a patient's. */
function notUnderstood(what: string): Failure {
  return new Failure(
    "incompatible",
    `The demographics service sent a ${what} that is not understood: nothing of it was used.`,
  );
}
