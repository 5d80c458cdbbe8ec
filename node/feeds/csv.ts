import { parse } from "csv-parse/sync";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Rejection } from "../requests/load-batch.ts";
import { lineRejection, type FeedLine } from "./feed-file.ts";
import { columnOf, FIELDS_OF, ITEM_KINDS, type ItemKind, OPTIONAL_FIELDS, type RawItem } from "./items.ts";
import { LINE_BYTES_MAX, readLines, type Line } from "./lines.ts";

/** Lines handed to the CSV parser at a time: it costs far more a call than a line. */
const LINES_AT_A_TIME = 256;

/** What the header says: the kind of the items, and the field of each column. */
interface Header {
  readonly kind: ItemKind;
  readonly fields: readonly string[];
}

type TextLine = Extract<Line, { readonly text: string }>;

/**
 * Reads a CSV file of identities, pointers or objections; which, its header says. A record is one line, because no field
 * may hold a line break: so broken quoting spoils its own line and no other.
 *
 * @param fileName for the failure.
 * @throws {Failure} `invalid-input`: the header is missing, or its columns are not those of one kind.
 */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>, fileName: string): AsyncGenerator<FeedLine> {
  let header: Header | undefined;
  for await (const lines of readLines(bytes)) {
    for (let from = 0; from < lines.length; from += LINES_AT_A_TIME) {
      let some = lines.slice(from, from + LINES_AT_A_TIME);
      if (header === undefined) {
        const [first, ...rest] = some;
        header = readHeader(first, fileName);
        some = rest;
      }
      yield* readSome(some, header);
    }
  }
  if (header === undefined) throw badHeader(fileName, "the file is empty");
}

function readHeader(line: Line | undefined, fileName: string): Header {
  const columns = line === undefined || "fault" in line ? undefined : parseLine(line.text);
  if (columns === undefined) throw badHeader(fileName, "its first line is not a line of UTF-8 CSV");
  const names = columns.map((column) => column.trim());
  const kind = names.includes("record_id") ? "pointer" : names.includes("objection_id") ? "objection" : "identity";
  const fieldOf = new Map(FIELDS_OF[kind].map((field) => [columnOf(field), field]));

  const needed = FIELDS_OF[kind].filter((field) => !OPTIONAL_FIELDS.has(field)).map(columnOf);
  const missing = needed.filter((column) => !names.includes(column));
  if (missing.length > 0) throw badHeader(fileName, `as a file of ${kind} items it lacks ${missing.join(", ")}`);
  const fields = names.map((name) => fieldOf.get(name) ?? "");
  const stray = fields.indexOf("");
  if (stray !== -1) throw badHeader(fileName, `its column ${stray + 1} is none of a file of ${kind} items`);
  if (new Set(fields).size !== fields.length) throw badHeader(fileName, "a column stands twice");
  return { kind, fields };
}

function badHeader(fileName: string, what: string): Failure {
  const columns = ITEM_KINDS.map((kind) => `${kind}: ${FIELDS_OF[kind].map(columnOf).join(",")}`).join("; ");
  return new Failure("invalid-input", `${fileName}: ${what}. The header must be one of: ${columns}.`, {
    where: fileName,
  });
}

function* readSome(lines: readonly Line[], header: Header): Generator<FeedLine> {
  const readable = lines.filter((line): line is TextLine => "text" in line && line.text !== "");
  const records = parseTogether(readable);
  let at = 0;
  for (const line of lines) {
    if ("fault" in line)
      yield { line: line.number, source: new Concealed(""), rejected: lineRejection(line, LINE_BYTES_MAX) };
    else if (line.text !== "") yield toFeedLine(line, records[at++], header);
  }
}

/** A record for each line; `undefined` where its quoting is broken. */
function parseTogether(lines: readonly TextLine[]): readonly (readonly string[] | undefined)[] {
  if (lines.length === 0) return [];
  try {
    const records = parse(lines.map(({ text }) => text).join("\n"), { relaxColumnCount: true, recordDelimiter: "\n" });
    // A quote left open swallows a line break, and then there are fewer records than lines.
    if (records.length === lines.length) return records;
  } catch {
    // One of them is broken; which, they say one by one.
  }
  return lines.map(({ text }) => parseLine(text));
}

function parseLine(text: string): readonly string[] | undefined {
  try {
    return parse(text, { relaxColumnCount: true, recordDelimiter: "\n" })[0];
  } catch {
    return undefined;
  }
}

function toFeedLine(line: TextLine, record: readonly string[] | undefined, { kind, fields }: Header): FeedLine {
  const source = new Concealed(line.text);
  const rejected = faultOf(record, fields.length);
  if (rejected !== undefined) return { line: line.number, source, rejected };
  const item: RawItem = { kind, fields: Object.fromEntries(fields.map((field, place) => [field, record?.[place]])) };
  return { line: line.number, source, item };
}

function faultOf(record: readonly string[] | undefined, columns: number): Rejection | undefined {
  if (record === undefined) return { field: "", reason: "broken quoting" };
  if (record.length === columns) return undefined;
  return { field: "", reason: `has ${record.length} fields, the header has ${columns}` };
}
