import * as z from "zod";

import type { Rejection } from "../../requests/load-batch.ts";

/** A JSON object as it was parsed. Nothing in it is trusted; a member may even be called `__proto__`. */
export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const SNOMED = "http://snomed.info/sct";
export const LOINC = "http://loinc.org";
export const CONFIDENTIALITY = /\/v3[-/]Confidentiality\b|\b2\.16\.840\.1\.113883\.5\.25\b/;
export const ACT_CODE = /\/v3[-/]ActCode\b|\b2\.16\.840\.1\.113883\.5\.4\b/;

/** Keys of record types: some have no national code. */
export const RECORD_TYPE_CODES = "https://corridor.example/fhir/CodeSystem/record-type";

/** The elements of FHIR R4 that are read here, and no others: what is not named is not looked at, and never kept. */
export const text = z.string();
const coding = z.object({ system: text.optional(), code: text.optional() });
export const concept = z.object({ coding: z.array(coding).optional() });
export const concepts = z.array(concept);
export const period = z.object({ start: text.optional(), end: text.optional() });
export const identifier = z.object({
  use: text.optional(),
  type: concept.optional(),
  system: text.optional(),
  value: text.optional(),
  period: period.optional(),
});
export const reference = z.object({ reference: text.optional(), identifier: identifier.optional() });
export const meta = z.object({
  lastUpdated: text.optional(),
  profile: z.array(text).optional(),
  security: z.array(coding).optional(),
});

export type Coding = z.output<typeof coding>;
export type Concept = z.output<typeof concept>;
export type Identifier = z.output<typeof identifier>;
export type Reference = z.output<typeof reference>;

/** All codings of concepts, in their order. */
export const codingsOf = (some: readonly (Concept | undefined)[]): readonly Coding[] =>
  some.flatMap((each) => each?.coding ?? []);

export interface Rejected {
  readonly rejected: Rejection;
}

export const reject = (field: string, reason: string): Rejected => ({ rejected: { field, reason } });

/** Reads the elements of a schema; where one is of another shape than in R4, says which, and nothing of what is in it. */
export function readElements<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  resource: Json,
): { readonly read: z.output<z.ZodObject<Shape>> } | Rejected {
  const result = schema.safeParse(resource);
  if (result.success) return { read: result.data };
  const path = (result.error.issues[0]?.path ?? []).filter((step) => typeof step === "string");
  return reject(
    [String(resource["resourceType"]), ...path].join("."),
    "missing, or not of the form that FHIR R4 gives it",
  );
}

/** The day of a FHIR date: in full, or empty where it says only the month or the year. */
export function dayOf(date: string | undefined): string {
  if (date === undefined || /^\d{4}(-\d{2})?$/.test(date)) return "";
  return date.slice(0, 10);
}
