import { Concealed } from "../base/concealed.ts";
import type { Rejection } from "../requests/load-batch.ts";
import { lineRejection, type FeedLine } from "./feed-file.ts";
import { columnOf, FIELDS_OF, ITEM_KINDS, type ItemKind, type RawItem } from "./items.ts";
import { readLines, type Line } from "./lines.ts";

/** For each kind, field names in code by the names in the file. */
const FIELD_BY_COLUMN = new Map<ItemKind, ReadonlyMap<string, string>>(
  ITEM_KINDS.map((kind) => [kind, new Map(FIELDS_OF[kind].map((field) => [columnOf(field), field]))]),
);

/**
 * Reads a file of one JSON object a line: `{"type":"identity"|"pointer"|"objection", …}` with the fields of the CSV
 * columns, all text but `restricted` and `override_in_emergency`. A line that cannot be read is rejected, the rest goes on.
 */
export async function* readNdjson(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<FeedLine> {
  for await (const lines of readLines(bytes)) {
    for (const line of lines) {
      const read = readLine(line);
      if (read !== undefined) yield read;
    }
  }
}

/** `undefined` for an empty line. */
function readLine(line: Line): FeedLine | undefined {
  const { number } = line;
  if ("fault" in line) return { line: number, source: new Concealed(""), rejected: lineRejection(line) };
  if (line.text.trim() === "") return undefined;
  const source = new Concealed(line.text);
  const item = parseObject(line.text);
  return "kind" in item ? { line: number, source, item } : { line: number, source, rejected: item };
}

function parseObject(text: string): RawItem | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { field: "", reason: "line is not JSON" };
  }
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
