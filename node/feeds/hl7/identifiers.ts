import type { Hl7Feed } from "../../config/hl7-feed.ts";
import { Hl7Fault } from "./fault.ts";
import type { Repetition, Said, Segment } from "./message.ts";
import { partOf, textOf } from "./values.ts";

type Mapping = Pick<Hl7Feed, "localAuthorities" | "localTypes" | "nhsAuthorities" | "nhsTypes">;

/** Places in CX (HL7 v2.4): the id, who assigned it, of which type. */
const [ID, AUTHORITY, TYPE] = [1, 4, 5];

/**
 * The provider's own number for a patient, in PID-3 or MRG-1. An authority or a type that is not said is taken for the
 * feed's own, as the standard has it; two different numbers are refused: neither is known to be the right one.
 *
 * @throws {Hl7Fault} 101, 102.
 */
export function localIdIn(segment: Segment, field: number, mapping: Mapping): string {
  const where = `${segment.name}-${field}`;
  const isLocal = (repetition: Repetition): boolean =>
    !isNhsNumber(repetition, mapping) &&
    saysOneOf(repetition, AUTHORITY, mapping.localAuthorities) &&
    saysOneOf(repetition, TYPE, mapping.localTypes);
  const found = new Set(
    segment
      .field(field)
      .filter(isLocal)
      .map((repetition) => textOf(repetition, ID)),
  );
  found.delete("");
  const [id, ...others] = found;
  if (id === undefined) throw new Hl7Fault("101", where, "No number is of an authority and type of this feed.");
  if (others.length > 0) throw new Hl7Fault("102", where, "Two numbers are of an authority and type of this feed.");
  return id;
}

/** The NHS number in PID-3 as it was written; `null` where it is deleted. @throws {Hl7Fault} 102: two different ones. */
export function nhsNumberIn(pid: Segment, mapping: Mapping): Said {
  const found = new Set(
    pid
      .field(3)
      .filter((repetition) => isNhsNumber(repetition, mapping))
      .map((repetition) => withoutBlanks(partOf(repetition, ID)))
      .filter((said) => said !== undefined),
  );
  if (found.size > 1) throw new Hl7Fault("102", "PID-3", "There are two NHS numbers.");
  return [...found][0];
}

function withoutBlanks(said: Said): Said {
  return typeof said === "string" ? said.replaceAll(" ", "") : said;
}

function isNhsNumber(repetition: Repetition, { nhsAuthorities, nhsTypes }: Mapping): boolean {
  return nhsAuthorities.includes(authorityOf(repetition)) || nhsTypes.includes(textOf(repetition, TYPE));
}

/** True also where nothing is said. */
function saysOneOf(repetition: Repetition, component: number, codes: readonly string[]): boolean {
  const said = component === AUTHORITY ? authorityOf(repetition) : textOf(repetition, component);
  return said === "" || codes.includes(said);
}

/** The namespace of the authority, or its universal id where it has none. */
function authorityOf(repetition: Repetition): string {
  return textOf(repetition, AUTHORITY) || textOf(repetition, AUTHORITY, 2);
}
