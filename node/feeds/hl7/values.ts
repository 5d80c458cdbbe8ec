import { Hl7Fault } from "./fault.ts";
import type { Message, Repetition, Said, Segment } from "./message.ts";

/** The one segment of a name. @throws {Hl7Fault} 100: there is none, or more than one. */
export function oneSegment(message: Message, name: string): Segment {
  const found = optionalSegment(message, name);
  if (found !== undefined) return found;
  throw new Hl7Fault("100", name, "The segment is missing.");
}

/** The segment of a name, if it is there. @throws {Hl7Fault} 100: there is more than one. */
export function optionalSegment({ segments }: Message, name: string): Segment | undefined {
  const found = segments.filter((segment) => segment.name === name);
  if (found.length > 1) throw new Hl7Fault("100", name, "The segment is there more than once.");
  return found[0];
}

/** What a repetition says at a component, counted from 1, without the blanks around it. */
export function partOf(repetition: Repetition | undefined, component: number, subcomponent = 1): Said {
  const said = repetition?.[component - 1]?.[subcomponent - 1];
  return typeof said === "string" ? said.trim() || undefined : said;
}

/** The text of it; empty where it is deleted or not said. */
export function textOf(repetition: Repetition | undefined, component: number, subcomponent = 1): string {
  return partOf(repetition, component, subcomponent) ?? "";
}

/** True where the whole field is `""`: its value is deleted. */
export function isDeleted(segment: Segment, field: number): boolean {
  const [first, ...more] = segment.field(field);
  return more.length === 0 && first?.length === 1 && first[0]?.length === 1 && first[0][0] === null;
}

/**
 * The repetition whose type comes first in a list of types, best first; `""` stands for none said.
 *
 * @param fits whether a repetition is looked at.
 * @returns `undefined` where none is of any of these types.
 */
export function bestOf(
  segment: Segment,
  field: number,
  typeAt: number,
  best: readonly string[],
  fits: (repetition: Repetition) => boolean = () => true,
): Repetition | undefined {
  const ranked = segment
    .field(field)
    .filter(fits)
    .map((repetition) => ({ repetition, rank: best.indexOf(textOf(repetition, typeAt)) }))
    .filter(({ rank }) => rank !== -1);
  return ranked.reduce<(typeof ranked)[number] | undefined>(
    (first, each) => (first === undefined || each.rank < first.rank ? each : first),
    undefined,
  )?.repetition;
}
