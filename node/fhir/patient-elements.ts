import { z } from "zod";

import type { Json } from "./body.ts";
import { Refusal } from "./outcome.ts";

/** Of a Patient what says which patient it is about, and what became of them; the rest is read as in every feed. */
const IDENTIFIERS = z.array(z.object({ use: z.string(), system: z.string(), value: z.string() }).partial());
const LINKS = z.array(
  z.object({
    type: z.string(),
    other: z.object({ identifier: z.object({ system: z.string(), value: z.string() }).partial().optional() }),
  }),
);

/** The values of its identifiers of a system. @throws {Refusal} 422: they are not of FHIR's form. */
export function localIdOf(patient: Json, system: string): readonly string[] {
  const identifiers = read(IDENTIFIERS, patient["identifier"] ?? [], "Patient.identifier");
  return identifiers.flatMap((each) => (each.system === system && each.value !== undefined ? [each.value] : []));
}

/** What a Patient says of its place being taken. */
export interface Replacement {
  /** The local id, of the same system, that took its place. */
  readonly replacedBy: string | undefined;
  /** True where it is in use, in so many words, and nothing took its place. */
  readonly standsAlone: boolean;
  /** The Patient by itself: what a merge says beside the merge. */
  readonly alone: Json;
}

/**
 * Reads `active` and `link`.
 *
 * @throws {Refusal} 422: they are not of FHIR's form, contradict one another, or lead out of the provider's own system.
 */
export function replacementIn(patient: Json, system: string): Replacement {
  const links = read(LINKS, patient["link"] ?? [], "Patient.link");
  const [replacing, another] = links.filter(({ type }) => type === "replaced-by");
  const active = patient["active"];
  if (replacing === undefined) return { replacedBy: undefined, standsAlone: active === true, alone: patient };
  if (another !== undefined) throw fault("Patient.link", "More than one patient replaces this one.");
  if (active === true) throw fault("Patient.active", "A patient who was replaced is not active: write false.");
  if (active !== false && active !== undefined) throw fault("Patient.active", "Write true or false.");
  const { identifier } = replacing.other;
  if (identifier?.system !== system || (identifier.value ?? "") === "") {
    const text =
      "Name who replaces this one by link.other.identifier, in the same system: a merge is within one provider.";
    throw fault("Patient.link.other.identifier", text);
  }
  const { link: _link, active: _active, ...alone } = patient;
  return { replacedBy: identifier.value, standsAlone: false, alone };
}

function read<Shape>(schema: z.ZodType<Shape>, value: unknown, element: string): Shape {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw fault(element, "Not of the form that FHIR R4 gives it.");
}

function fault(element: string, text: string): Refusal {
  return new Refusal(422, "invalid", text, { element });
}
