import { Failure } from "../base/failure.ts";
import { FHIR_BYTES_MAX } from "./fhir/entries.ts";

/** What a file is: a table, an object a line, or one object (a FHIR Bundle or resource) over as many lines as it likes. */
export type Form = "csv" | "ndjson" | "one-object";

/** Forms that are known and not read, by how they begin, with what to do. */
const REFUSED: readonly (readonly [begins: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], "is compressed (gzip): unpack it first"],
  [[0x50, 0x4b, 0x03, 0x04], "is compressed (zip): unpack it first"],
  [[0x42, 0x5a, 0x68], "is compressed (bzip2): unpack it first"],
  [[0xfd, 0x37, 0x7a, 0x58], "is compressed (xz): unpack it first"],
  [[0x28, 0xb5, 0x2f, 0xfd], "is compressed (zstd): unpack it first"],
  [[0xff, 0xfe], "is UTF-16: write it as UTF-8"],
  [[0xfe, 0xff], "is UTF-16: write it as UTF-8"],
];

const BYTE_ORDER_MARK = "\ufeff";

/** Reads the beginning of a file until its form is known, and gives the whole of its bytes back. */
export async function recogniseForm(
  bytes: AsyncIterable<Uint8Array>,
  fileName: string,
): Promise<{ readonly form: Form; readonly bytes: AsyncIterable<Uint8Array> }> {
  const pieces = bytes[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let form: Form | undefined;
  let size = 0;
  while (form === undefined) {
    const piece = await pieces.next();
    if (piece.done !== true) read.push(Buffer.from(piece.value)); // the stream may use its buffers again
    size += piece.done === true ? 0 : piece.value.length;
    if (piece.done !== true && size < FHIR_BYTES_MAX && !hasTwoLines(read)) continue;
    form = formOf(Buffer.concat(read), fileName);
  }
  return { form, bytes: replay(read, pieces) };
}

/** A line, and the beginning of another: that is enough to know. Only the newest piece is looked through. */
function hasTwoLines(read: readonly Buffer[]): boolean {
  const newest = read.at(-1);
  return newest !== undefined && (read.length > 1 || newest.length > 64) && newest.subarray(0, -1).includes(0x0a);
}

async function* replay(read: Buffer[], pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    while (read.length > 0) yield read.shift()!;
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) yield piece.value;
  } finally {
    await pieces.return?.();
  }
}

/** @throws {Failure} `invalid-input`: it is of a form that is known and not read. */
function formOf(head: Buffer, fileName: string): Form {
  const refused = REFUSED.find(([begins]) => begins.every((byte, place) => head[place] === byte));
  if (refused !== undefined) throw refusal(fileName, refused[1]);
  const isNamedNdjson = /\.(ndjson|jsonl)$/.test(fileName);
  const [first = "", second = ""] = firstLines(head.toString("utf8").replace(BYTE_ORDER_MARK, ""));
  if (first.startsWith("<")) throw refusal(fileName, "is XML: give FHIR as JSON");
  if (first.startsWith("[") && !isNamedNdjson) {
    throw refusal(fileName, "is a JSON list: give a FHIR Bundle, or one object a line");
  }
  if (!first.startsWith("{")) return isNamedNdjson ? "ndjson" : "csv";
  // In what is laid out over lines, no line but the first begins as an object does, unindented.
  return isWhole(first) || second.startsWith("{") ? "ndjson" : "one-object";
}

/** The first two lines that hold anything; the second may be cut off. */
function firstLines(text: string): readonly string[] {
  const begun = text.trimStart();
  const end = begun.search(/\r?\n/);
  return end === -1 ? [begun] : [begun.slice(0, end), begun.slice(end).replace(/^[\r\n]+/, "")];
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function refusal(fileName: string, what: string): Failure {
  return new Failure("invalid-input", `${fileName} ${what}.`, { where: fileName });
}
