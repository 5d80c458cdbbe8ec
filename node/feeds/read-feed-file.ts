import { createReadStream, statSync } from "node:fs";

import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { ParsedItem } from "../requests/load-batch.ts";
import { readCsv } from "./csv.ts";
import type { FeedLine } from "./feed-file.ts";
import { readOneObject } from "./fhir/one-object.ts";
import { makeFhirReader, type Sender } from "./fhir/reader.ts";
import { recogniseForm } from "./form.ts";
import { type ItemRules, parseFeedItem } from "./items.ts";
import { readNdjson } from "./ndjson.ts";

/** One line of a feed file, validated. */
export interface ReadLine {
  /** Counted from 0 in the order of reading; the same when the same file is read again with the same rules. */
  readonly place: number;
  readonly line: number;
  /** For what stands in a FHIR Bundle: its place there, from 0. */
  readonly entry?: number;
  readonly source: Concealed<string>;
  readonly parsed: ParsedItem;
}

/** How a file is read again, or shown to be. */
export interface Reading {
  /** Which places are wanted: the others are passed over, unvalidated and so much faster. All, where absent. */
  readonly wants?: (place: number) => boolean;
  /** Told the bytes of each piece that is read. */
  readonly onBytes?: (count: number) => void;
}

/** How a file's items are judged, and what may be said beside a file of FHIR. */
export interface FeedRules extends ItemRules {
  readonly sender?: Sender;
}

/**
 * Reads a feed file in bounded memory. Of which form it is, its beginning says: CSV; one object a line, of our own items or
 * of FHIR R4; or one FHIR R4 Bundle.
 *
 * @throws {Failure} `invalid-input`: it cannot be read, is of none of these forms, or its header is not one of the kinds.
 */
export async function* readFeedFile(
  path: string,
  rules: FeedRules,
  { wants = () => true, onBytes = () => {} }: Reading = {},
): AsyncGenerator<ReadLine> {
  let next = 0;
  try {
    for await (const read of await openFeedFile(path, rules, onBytes)) {
      const place = next++;
      if (!wants(place)) continue;
      const { line, entry, source } = read;
      const parsed = "item" in read ? parseFeedItem(read.item, rules) : { rejected: read.rejected };
      yield { place, line, ...(entry !== undefined && { entry }), source, parsed };
    }
  } catch (thrown) {
    if (thrown instanceof Failure || !isSystemError(thrown)) throw thrown;
    throw new Failure("invalid-input", `${path} cannot be read (${thrown.code}): check its name and permissions.`, {
      cause: thrown,
    });
  }
}

async function openFeedFile(
  path: string,
  { today, sender }: FeedRules,
  onBytes: (count: number) => void,
): Promise<AsyncGenerator<FeedLine>> {
  const { form, bytes } = await recogniseForm(counted(createReadStream(path), onBytes), path);
  const fhir = makeFhirReader(today, sender);
  switch (form) {
    case "csv":
      return readCsv(bytes, path);
    case "ndjson":
      return readNdjson(bytes, fhir);
    case "one-object":
      return readOneObject(bytes, () => createReadStream(checkTwice(path)), fhir);
  }
}

/** @throws {Failure} `invalid-input`: it can be read but once. */
function checkTwice(path: string): string {
  if (statSync(path).isFile()) return path;
  throw new Failure("invalid-input", `${path} holds a long FHIR Bundle, which is read twice: give a file, not a pipe.`);
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    onBytes(piece.length);
    yield piece;
  }
}

function isSystemError(thrown: unknown): thrown is Error & { readonly code: string } {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string";
}
