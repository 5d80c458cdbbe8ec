import { Concealed } from "../base/concealed.ts";
import type { Rejection } from "../requests/load-batch.ts";
import { lineRejection, type FeedLine } from "./feed-file.ts";
import { FHIR_BYTES_MAX, sourceOf } from "./fhir/entries.ts";
import { type FhirReader, isFhir } from "./fhir/reader.ts";
import { columnOf, FIELDS_OF, ITEM_KINDS, type ItemKind, type RawItem } from "./items.ts";
import { LINE_BYTES_MAX, readLines, type Line } from "./lines.ts";

/** For each kind, field names in code by the names in the file. */
const FIELD_BY_COLUMN = new Map<ItemKind, ReadonlyMap<string, string>>(
  ITEM_KINDS.map((kind) => [kind, new Map(FIELDS_OF[kind].map((field) => [columnOf(field), field]))]),
);

/**
 * Reads a file of one JSON object a line: `{"type":"identity"|"pointer"|"objection", …}` with the fields of the CSV
 * columns, all text but `restricted` and `override_in_emergency`; or a FHIR R4 resource or Bundle. A line that cannot be
 * read is rejected, the rest goes on.
 */
export async function* readNdjson(
  bytes: AsyncIterable<Uint8Array>,
  fhir: Pick<FhirReader, "readObject">,
): AsyncGenerator<FeedLine> {
  for await (const lines of readLines(bytes, FHIR_BYTES_MAX)) for (const line of lines) yield* readLine(line, fhir);
}

/** Nothing for an empty line. */
function readLine(line: Line, fhir: Pick<FhirReader, "readObject">): readonly FeedLine[] {
  const { number } = line;
  if ("fault" in line) {
    return [{ line: number, source: new Concealed(""), rejected: lineRejection(line, FHIR_BYTES_MAX) }];
  }
  if (line.text.trim() === "") return [];
  const source = sourceOf(line.text);
  const value = parseJson(line.text);
  if (isFhir(value)) return fhir.readObject({ line: number, source, resource: value, fullUrl: "" });
  const item = Buffer.byteLength(line.text) > LINE_BYTES_MAX ? TOO_LONG : toItem(value);
  return ["kind" in item ? { line: number, source, item } : { line: number, source, rejected: item }];
}

const TOO_LONG: Rejection = { field: "", reason: `line longer than ${LINE_BYTES_MAX} bytes, and not FHIR` };

/** `undefined` for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toItem(value: unknown): RawItem | Rejection {
  if (value === undefined) return { field: "", reason: "line is not JSON" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { field: "", reason: "line is not a JSON object" };
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const type = entries.find(([name]) => name === "type")?.[1];
  const kind = ITEM_KINDS.find((known) => known === type);
  if (kind === undefined) return { field: "type", reason: `not one of ${ITEM_KINDS.join(", ")}` };

  const fields = new Map<string, unknown>();
  for (const [column, given] of entries) {
    if (column === "type") continue;
    const field = FIELD_BY_COLUMN.get(kind)?.get(column);
    if (field === undefined) return { field: "", reason: `has a field that ${kind} items do not have` };
    fields.set(field, given);
  }
  return { kind, fields: Object.fromEntries(fields) };
}
