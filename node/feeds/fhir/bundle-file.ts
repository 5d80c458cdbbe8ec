import { isUtf8 } from "node:buffer";

import { Concealed } from "../../base/concealed.ts";
import { isJson, reject } from "./elements.ts";
import { type Entry, FHIR_BYTES_MAX, sourceOf, toEntry } from "./entries.ts";

/** What a file of one JSON object holds, in the order of reading. */
export type Part =
  | { readonly kind: "entry"; readonly entry: Entry }
  /** One of the members that say what the object is; `undefined` where its value is no JSON, or too long. */
  | { readonly kind: "member"; readonly name: string; readonly value: unknown }
  /** At the end: all of it, where it is no longer than {@link FHIR_BYTES_MAX}. */
  | { readonly kind: "whole"; readonly text: string }
  /** At the end: what is wrong with the file, `line` being where it shows. */
  | { readonly kind: "fault"; readonly line: number; readonly reason: string };

const [QUOTE, BACKSLASH, COMMA, COLON, LINE_FEED, SPACE] = [0x22, 0x5c, 0x2c, 0x3a, 0x0a, 0x20];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

const WANTED: ReadonlySet<string> = new Set(["type", "resourceType", "meta", "implicitRules", "modifierExtension"]);

/** No member that is wanted has a longer name, though each of its characters were escaped. */
const NAME_BYTES_MAX = 128;

/** Bytes of a value that is being read, bounded; beyond the bound only that there was one is kept. */
function makeCapture(bytesMax: number) {
  let pieces: Buffer[] = [];
  let size = 0;
  return {
    add(piece: Buffer): void {
      size += piece.length;
      if (size > bytesMax) pieces = [];
      else if (piece.length > 0) pieces.push(Buffer.from(piece)); // the stream may use its buffers again
    },
    /** `undefined` where it was too long. */
    take(): Buffer | undefined {
      const whole = size > bytesMax ? undefined : Buffer.concat(pieces);
      [pieces, size] = [[], 0];
      return whole;
    },
  };
}

/**
 * Takes a file that is one JSON object apart into the entries of its Bundle, holding one entry at a time. It looks only for
 * where values begin and end; what an entry is, the JSON parser says. An entry over {@link FHIR_BYTES_MAX} is skipped.
 */
export async function* readBundleFile(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  const splitter = makeSplitter();
  for await (const chunk of bytes) yield* splitter.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  yield* splitter.end();
}

function makeSplitter() {
  const value = makeCapture(FHIR_BYTES_MAX);
  const whole = makeCapture(FHIR_BYTES_MAX);
  let depth = 0;
  let inString = false;
  let escaped = false;
  let line = 1;
  let closed = false;
  let strayed = false;
  /** The member of the outermost object whose value is being read, and the bytes of a name before its colon. */
  let member = "";
  let inName = false;
  let name: number[] = [];
  let inEntries = false;
  let entries = 0;
  /** True while bytes belong to an entry, or to a member that is wanted; from which line on. */
  let taking = false;
  let beganAt = 1;

  function finish(): Part[] {
    if (!taking) return [];
    taking = false;
    const taken = value.take();
    if (inEntries) return [{ kind: "entry", entry: entryOf(taken, beganAt, entries++) }];
    const said = taken === undefined ? undefined : parse(taken);
    return [{ kind: "member", name: member, value: said }];
  }

  function* add(chunk: Buffer): Generator<Part> {
    whole.add(chunk);
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LINE_FEED) line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        if (inName && inString && name.length < NAME_BYTES_MAX) name.push(byte);
        continue;
      }
      if (byte <= SPACE) continue;
      if (closed) {
        strayed = true;
        continue;
      }
      const ends = byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST;
      if (ends && depth === (inEntries ? 2 : 1)) {
        if (taking) value.add(chunk.subarray(from, at));
        yield* finish();
      } else if (!taking && inEntries && depth === 2) {
        [taking, from, beganAt] = [true, at, line];
      }
      switch (byte) {
        case QUOTE:
          inString = true;
          if (depth === 1 && member === "") [inName, name] = [true, []];
          break;
        case COLON:
          if (!inName) break;
          member = nameOf(name);
          inName = false;
          if (WANTED.has(member)) [taking, from] = [true, at + 1];
          break;
        case COMMA:
          if (depth === 1) member = "";
          break;
        case OPEN_OBJECT:
        case OPEN_LIST:
          depth++;
          if (depth === 2) inEntries = member === "entry" && byte === OPEN_LIST;
          break;
        case CLOSE_OBJECT:
        case CLOSE_LIST:
          depth--;
          if (depth === 1) inEntries = false;
          closed = depth === 0;
      }
    }
    if (taking) value.add(chunk.subarray(from));
  }

  function* end(): Generator<Part> {
    if (!closed) yield* finish();
    if (!closed) yield { kind: "fault", line, reason: "the file ends before what it holds does" };
    else if (strayed) yield { kind: "fault", line, reason: "there is more after the end of its JSON" };
    const taken = whole.take();
    if (closed && !strayed && taken !== undefined && isUtf8(taken))
      yield { kind: "whole", text: taken.toString("utf8") };
  }

  return { add, end };
}

function entryOf(taken: Buffer | undefined, line: number, place: number): Entry {
  const nothing = { line, entry: place, source: new Concealed("") };
  if (taken === undefined) return { ...nothing, ...reject("Bundle.entry", `longer than ${FHIR_BYTES_MAX} bytes`) };
  if (!isUtf8(taken)) return { ...nothing, ...reject("Bundle.entry", "not UTF-8") };
  const source = sourceOf(taken.toString("utf8").trim());
  const element = parse(taken);
  if (!isJson(element)) return { ...nothing, source, ...reject("Bundle.entry", "not a JSON object") };
  return toEntry(line, place, element, source);
}

/** A member's name as JSON means it: its characters may be escaped. */
function nameOf(bytes: readonly number[]): string {
  const name = parse(Buffer.from([QUOTE, ...bytes, QUOTE]));
  return typeof name === "string" ? name : "";
}

/** `undefined` for what is not JSON. */
function parse(taken: Buffer): unknown {
  try {
    return JSON.parse(taken.toString("utf8"));
  } catch {
    return undefined;
  }
}
