import { z } from "zod";

import { NhsNumber } from "../base/nhs-number.ts";
import { PDS_EVENT_KINDS, type PdsEvent } from "../requests/pds-events.ts";
import type { Json } from "./body.ts";
import { Refusal } from "./outcome.ts";

const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ROUTING = /\/Extension-RoutingDemographics-1$/;
const EVENT_TYPE = /\/Extension-MessageEventType-\d+$/;
const ENTRIES_MAX = 100;

/** Elements of the event message (FHIR STU3, profile Event-MessageHeader-1) that are read, and no others. */
const IDENTIFIER = z.object({ system: z.string(), value: z.string() }).partial();
const EXTENSION = z.object({
  url: z.string(),
  valueIdentifier: IDENTIFIER.optional(),
  valueCodeableConcept: z.object({ coding: z.array(z.object({ code: z.string().optional() })).optional() }).optional(),
  extension: z.array(z.object({ url: z.string(), valueIdentifier: IDENTIFIER.optional() })).optional(),
});
const RESOURCE = z.looseObject({ resourceType: z.string() });
const BUNDLE = z.object({
  resourceType: z.literal("Bundle"),
  type: z.literal("message"),
  entry: z.array(z.object({ resource: RESOURCE.optional() })).max(ENTRIES_MAX),
});
const HEADER = z.object({
  meta: z.object({ lastUpdated: z.iso.datetime({ offset: true }) }),
  event: z.object({ code: z.string() }),
  extension: z.array(EXTENSION).optional(),
});
const PATIENT = z.object({ identifier: z.array(IDENTIFIER) });

/**
 * Reads an event message of the national events service: which number, what happened, when.
 *
 * @throws {Refusal} 422: not such a message; the element at fault is named, its value never.
 */
export function readPdsEvent(message: Json): PdsEvent {
  const { entry } = read(BUNDLE, message, "Bundle");
  const resources = entry.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const [header, another] = resources.filter(({ resourceType }) => resourceType === "MessageHeader");
  if (header === undefined || another !== undefined) throw fault("Bundle.entry", "There is to be one MessageHeader.");
  const { meta, event, extension = [] } = read(HEADER, header, "MessageHeader");
  const kind = PDS_EVENT_KINDS.find((known) => known === event.code);
  if (kind === undefined) throw fault("MessageHeader.event", `Not one of ${PDS_EVENT_KINDS.join(", ")}.`);
  checkIsNew(extension);
  const patients = resources.filter(({ resourceType }) => resourceType === "Patient");
  const identifiers = [
    ...extension.flatMap(({ url, extension: inner = [] }) => (ROUTING.test(url) ? inner : [])).map(valueOf),
    ...patients.flatMap((patient) => read(PATIENT, patient, "Patient").identifier),
  ];
  return { kind, changedMs: Date.parse(meta.lastUpdated), nhsNumber: oneNumberOf(identifiers) };
}

type Identifier = z.output<typeof IDENTIFIER>;

function valueOf({ valueIdentifier }: { readonly valueIdentifier?: Identifier | undefined }): Identifier {
  return valueIdentifier ?? {};
}

/** These events are only ever new ones; anything else would be of another meaning. */
function checkIsNew(extensions: readonly z.output<typeof EXTENSION>[]): void {
  const types = extensions.filter(({ url }) => EVENT_TYPE.test(url));
  const codes = types.flatMap(({ valueCodeableConcept }) => valueCodeableConcept?.coding ?? []);
  if (codes.some(({ code }) => code !== "new"))
    throw fault("MessageHeader.extension", "An event of another type than new.");
}

function oneNumberOf(identifiers: readonly Identifier[]): NhsNumber {
  const values = identifiers.flatMap(({ system, value }) => (system === NHS_NUMBER ? [value ?? ""] : []));
  const [first, ...others] = values.map((value) => NhsNumber.parse(value));
  if (first !== undefined && others.every((other) => other?.equals(first) === true)) return first;
  throw fault("Patient.identifier", "There is to be one valid NHS number, the same wherever it stands.");
}

function read<Shape>(schema: z.ZodType<Shape>, value: unknown, element: string): Shape {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const path = (result.error.issues[0]?.path ?? []).map((part) => (typeof part === "number" ? "" : `.${String(part)}`));
  throw fault(`${element}${path.join("")}`, "Missing, or not of the form that FHIR STU3 gives it.");
}

function fault(element: string, text: string): Refusal {
  return new Refusal(422, "invalid", text, { element });
}
