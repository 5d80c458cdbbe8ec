import { z } from "zod";

import { datasetOf, datasetWith, type Dataset, type SharedFields } from "../base/datasets.ts";
import type { HttpGet } from "./http-get.ts";
import { pathWithin, type RecordSource, SourceFault, type SourcePlace, urlAt } from "./source.ts";

/** A dataset is a page of text; a thousandth of this is usual. */
const DATASET_BYTES_MAX = 256 * 1024;
const TEXTS_MAX = 200;

/** What a custodian's system sends: when it was so, and each field's text, or several. */
const sentSchema = z.strictObject({
  asOf: z.iso.datetime({ offset: true }),
  fields: z.record(z.string().max(64), z.union([z.string(), z.array(z.string()).max(TEXTS_MAX)])),
});

type Sent = z.infer<typeof sentSchema>;

/**
 * One of the named datasets of a council or a practice, as JSON over HTTPS, passed on as a page of those fields alone that the
 * agreements let this role see: what they leave out does not leave this node. The dataset is that of the pointer's record type.
 */
export function datasetSource(place: SourcePlace, get: HttpGet): RecordSource {
  return {
    origin: "document-server",
    narrows: true,
    async open({ address, format, recordType, fields, signal }) {
      const key = datasetWith(recordType);
      if (key === undefined) throw new SourceFault("unexpected-content", "the record type belongs to no dataset");
      if (format !== "text/html")
        throw new SourceFault("unexpected-content", "a dataset's pointer has the format text/html");
      const answer = await get(urlAt(place, pathWithin(place, address)), "application/json", signal);
      if (answer.contentType !== "application/json") throw new SourceFault("unexpected-content", "no JSON");
      const sent = read(await takeAll(answer.pieces));
      const page = Buffer.from(pageOf(datasetOf(key), sent, fields));
      return { contentType: "text/html", updatedAtMs: Date.parse(sent.asOf), cleaned: true, pieces: once(page) };
    },
  };
}

async function takeAll(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const taken: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > DATASET_BYTES_MAX) throw new SourceFault("too-large", `a dataset of over ${DATASET_BYTES_MAX} bytes`);
    taken.push(piece);
  }
  return Buffer.concat(taken).toString("utf8");
}

function read(text: string): Sent {
  try {
    return sentSchema.parse(JSON.parse(text));
  } catch {
    throw new SourceFault("unexpected-content", "no dataset: asOf and fields, with texts");
  }
}

/** A table of what is shared, in the dataset's own order. What it has no field for is nobody's: it is left out. */
function pageOf({ title, fields: known }: Dataset, { asOf, fields: sent }: Sent, shared: SharedFields): string {
  const isShared = (field: string): boolean => shared === "all" || shared.has(field);
  const rows = Object.entries(known)
    .filter(([field]) => isShared(field))
    .map(([field, words]) => `<tr><th>${escaped(words)}</th><td>${textOf(sent[field])}</td></tr>`);
  const kept = Object.entries(known).flatMap(([field, words]) => (isShared(field) ? [] : [words]));
  const note = kept.length === 0 ? "" : `<p>Not shared by agreement: ${escaped(kept.join("; "))}.</p>`;
  const heading = `<h1>${escaped(title)}</h1><p>As at ${escaped(asOf)}.</p>`;
  return `${HEAD}${heading}<table>${rows.join("")}</table>${note}</body></html>`;
}

/** A field that is shared and empty is said to be: not "none". */
function textOf(value: Sent["fields"][string] | undefined): string {
  const texts = (typeof value === "string" ? [value] : (value ?? [])).filter((text) => text.trim() !== "");
  return texts.length === 0 ? "Not recorded there" : texts.map(escaped).join("<br>");
}

const HEAD =
  '<!doctype html><html lang="en-GB"><head><meta charset="utf-8">' +
  `<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><title>Dataset</title></head><body>`;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\0": "" };

function escaped(text: string): string {
  return text.replace(/[&<>"\0]/g, (character) => ESCAPES[character]!);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
