import { createReadStream } from "node:fs";

import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { ParsedItem } from "../requests/load-batch.ts";
import { readCsv } from "./csv.ts";
import { type ItemRules, parseFeedItem } from "./items.ts";
import { readNdjson } from "./ndjson.ts";

/** One line of a feed file, validated. */
export interface ReadLine {
  /** Counted from 0 in the order of reading; the same each time that the same file is read. */
  readonly place: number;
  readonly line: number;
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

/**
 * Reads a feed file line by line, never whole: CSV, or NDJSON where its name ends in `.ndjson` or `.jsonl`.
 *
 * @throws {Failure} `invalid-input`: it cannot be read, or its header is not one of the kinds.
 */
export async function* readFeedFile(
  path: string,
  rules: ItemRules,
  { wants = () => true, onBytes = () => {} }: Reading = {},
): AsyncGenerator<ReadLine> {
  const bytes = counted(createReadStream(path), onBytes);
  const lines = /\.(ndjson|jsonl)$/.test(path) ? readNdjson(bytes) : readCsv(bytes, path);
  let next = 0;
  try {
    for await (const read of lines) {
      const place = next++;
      if (!wants(place)) continue;
      const { line, source } = read;
      const parsed = "item" in read ? parseFeedItem(read.item, rules) : { rejected: read.rejected };
      yield { place, line, source, parsed };
    }
  } catch (thrown) {
    if (thrown instanceof Failure || !isSystemError(thrown)) throw thrown;
    throw new Failure("invalid-input", `${path} cannot be read (${thrown.code}): check its name and permissions.`, {
      cause: thrown,
    });
  }
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
