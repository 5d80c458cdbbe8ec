import { Failure } from "../../base/failure.ts";
import { type CharacterSet, characterSetOf, decodeBytes } from "./character-set.ts";
import { type Delimiters, readDelimiters } from "./delimiters.ts";
import { unescapeText } from "./escapes.ts";

/** Bounds on one message; what is beyond them is refused whole. */
export const SEGMENTS_MAX = 500;
const FIELDS_MAX = 200;
const PARTS_MAX = 100;
const HEAD_BYTES_MAX = 4096;

/** What a sender says of a value: the value, `null` = deleted (`""` in the message), absent = nothing said, so unchanged. */
export type Said = string | null | undefined;

/** Components of one repetition, each as its subcomponents; the first of all is at 0. */
export type Repetition = readonly (readonly Said[])[];

export interface Segment {
  readonly name: string;
  /** @param number as the standard counts, from 1. @throws {Failure} `invalid-input` at that field. */
  field(number: number): readonly Repetition[];
}

export interface Message {
  readonly segments: readonly Segment[];
}

/** Where a frame begins (0x0b). Inside a message it says that one was cut off and another follows. */
const FRAME_START = 0x0b;
const SEGMENT_END = 0x0d;
const LINE_FEED = 0x0a;

/**
 * Takes a message apart. Fields are decoded when they are read: what nobody reads can be in whatever shape.
 *
 * @param defaultSet the character set of a message that names none.
 * @throws {Failure} `invalid-input`; `where` names the segment or field, the message never quotes a value.
 */
export function parseMessage(bytes: Buffer, defaultSet = ""): Message {
  if (bytes.includes(FRAME_START)) throw new Failure("invalid-input", "A second message begins inside the message.");
  if (!bytes.includes(SEGMENT_END) && bytes.includes(LINE_FEED))
    throw new Failure("invalid-input", "Segments end with 0A, and must end with 0D.");
  // Every set that is read has ASCII in its lower half, so MSH can be read before its set is known.
  const head = bytes.subarray(0, endOfSegment(bytes)).toString("latin1");
  const delimiters = readDelimiters(head);
  const set = characterSetOf(head.split(delimiters.field)[17] || defaultSet);
  const lines = decodeBytes(bytes, set, "MSH-18").split(/\r\n?/); // a line feed behind the end is no part of anything
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > SEGMENTS_MAX) throw new Failure("invalid-input", `There are more than ${SEGMENTS_MAX} segments.`);
  return { segments: lines.map((line, index) => segmentOf(line, index, delimiters, set)) };
}

/**
 * The first segment alone, of bytes that may not be a message at all, for an answer to be given to whoever sent them. In
 * whatever set: what is not ASCII in it is not to be relied on.
 *
 * @throws {Failure} `invalid-input`
 */
export function parseHead(bytes: Buffer): Segment {
  const head = bytes.subarray(0, Math.min(endOfSegment(bytes), HEAD_BYTES_MAX)).toString("latin1");
  return segmentOf(head, 0, readDelimiters(head), "8859/1");
}

/** The first value of a field, or of one of its components; counted as the standard does, from 1. */
export function firstOf(segment: Segment, field: number, component = 1): Said {
  return segment.field(field)[0]?.[component - 1]?.[0];
}

function endOfSegment(bytes: Buffer): number {
  const at = bytes.indexOf(SEGMENT_END);
  return at === -1 ? bytes.length : at;
}

function segmentOf(line: string, index: number, delimiters: Delimiters, set: CharacterSet): Segment {
  const name = line.slice(0, 3);
  if (!/^[A-Z][A-Z0-9]{2}$/.test(name) || (line.length > 3 && line[3] !== delimiters.field))
    throw new Failure("invalid-input", `Segment ${index + 1} has no name: do segments end with 0D?`);
  const fields = line.split(delimiters.field);
  if (fields.length > FIELDS_MAX) throw new Failure("invalid-input", `${name} has too many fields.`, { where: name });
  // MSH-1 is the delimiter itself: the first piece after the name is MSH-2.
  const shift = name === "MSH" ? 1 : 0;
  return {
    name,
    field(number) {
      const raw = fields[number - shift];
      if (raw === undefined || raw === "" || number <= 2 * shift) return [];
      return repetitionsOf(raw, `${name}-${number}`, delimiters, set);
    },
  };
}

function repetitionsOf(raw: string, where: string, delimiters: Delimiters, set: CharacterSet): Repetition[] {
  const parts = (text: string, delimiter: string): string[] => {
    const split = text.split(delimiter, PARTS_MAX + 1);
    if (split.length > PARTS_MAX) throw new Failure("invalid-input", `${where} has too many parts.`, { where });
    return split;
  };
  const said = (text: string): Said => {
    if (text === "") return undefined;
    return text === '""' ? null : unescapeText(text, where, delimiters, set);
  };
  return parts(raw, delimiters.repetition).map((repetition) =>
    parts(repetition, delimiters.component).map((component) => parts(component, delimiters.subcomponent).map(said)),
  );
}
