import { createReadStream } from "node:fs";

import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { ParsedItem } from "../requests/load-batch.ts";
import { readCsv } from "./csv.ts";
import { type ItemRules, parseFeedItem } from "./items.ts";
import { readNdjson } from "./ndjson.ts";

/** One line of a feed file, validated. */
export interface ReadLine {
  readonly line: number;
  readonly source: Concealed<string>;
  readonly parsed: ParsedItem;
}

/**
 * Reads a feed file line by line, never whole: CSV, or NDJSON where its name ends in `.ndjson` or `.jsonl`.
 *
 * @throws {Failure} `invalid-input`: it cannot be read, or its header is not one of the kinds.
 */
export async function* readFeedFile(path: string, rules: ItemRules): AsyncGenerator<ReadLine> {
  const bytes = createReadStream(path);
  const lines = /\.(ndjson|jsonl)$/.test(path) ? readNdjson(bytes) : readCsv(bytes, path);
  try {
    for await (const read of lines) {
      const { line, source } = read;
      yield { line, source, parsed: "item" in read ? parseFeedItem(read.item, rules) : { rejected: read.rejected } };
    }
  } catch (thrown) {
    if (thrown instanceof Failure || !isSystemError(thrown)) throw thrown;
    throw new Failure("invalid-input", `${path} cannot be read (${thrown.code}): check its name and permissions.`, {
      cause: thrown,
    });
  }
}

function isSystemError(thrown: unknown): thrown is Error & { readonly code: string } {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string";
}
