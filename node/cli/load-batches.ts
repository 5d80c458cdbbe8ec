import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { FeedItem, Rejection } from "../requests/load-batch.ts";
import type { ReadFeedFile } from "./client.ts";
import type { Position } from "./load-position.ts";

/** Items in a batch: the most that a node takes, and one turn of its writer or a few. */
const BATCH_ITEMS = 1_000;

/** Text in a batch, in characters, before one more line: three bytes each at most, so far below a message's 1 MiB. */
const BATCH_CHARACTERS = 200_000;

/** A line that was read: kept until its batch is acknowledged, so that a rejection can name it. */
export interface SentLine {
  readonly line: number;
  readonly entry?: number | undefined;
  readonly source: Concealed<string>;
  readonly provider: string;
}

/** A line that is rejected before it is sent, behind so many that are. */
export interface EarlyReject {
  readonly behind: number;
  readonly line: number;
  readonly entry?: number | undefined;
  readonly source: Concealed<string>;
  readonly rejection: Rejection;
}

/** Some lines on their way. */
export interface Batch {
  readonly items: readonly FeedItem[];
  readonly lines: readonly SentLine[];
  readonly rejects: readonly EarlyReject[];
  /** Where the lines end. */
  readonly end: Place;
}

type Place = Pick<Position, "file" | "place" | "line" | "entry">;

export interface BatchOrder {
  readonly files: readonly string[];
  /** Only what this provider sent; absent: everything. */
  readonly provider?: string;
  readonly from: Place;
  readonly read: ReadFeedFile;
  /** Told the bytes of each piece that is read. */
  readonly onBytes: (count: number) => void;
}

/**
 * Reads files into batches, in their order, from a position on. No more is read than is asked for.
 *
 * @throws {Failure} `invalid-input`: a file cannot be read, or its places are no longer those of the position.
 */
export async function* readBatches(order: BatchOrder): AsyncGenerator<Batch, void> {
  const { files, from, provider } = order;
  let batch = beginBatch();
  for (let file = from.file; file < files.length; file++) {
    const first = file === from.file ? from.place : 0;
    let found = first === 0;
    const reading = order.read(files[file]!, {
      wants: (place) => place >= first - 1, // the last one before, too, to see that places are still what they were
      onBytes: order.onBytes,
    });
    for await (const { place, line, entry, source, parsed } of reading) {
      if (place < first) {
        found = line === from.line && entry === from.entry;
        if (found) continue;
        throw readOtherwise(files[file]!);
      }
      batch.end = { file, place: place + 1, line, entry };
      if ("rejected" in parsed) {
        batch.rejects.push({ behind: batch.items.length, line, entry, source, rejection: parsed.rejected });
      } else {
        const { provider: ofItem } = parsed.values.expose();
        if (provider !== undefined && ofItem !== provider) continue;
        batch.items.push(parsed);
        batch.lines.push({ line, entry, source, provider: ofItem });
      }
      batch.characters += source.expose().length;
      if (batch.items.length + batch.rejects.length < BATCH_ITEMS && batch.characters < BATCH_CHARACTERS) continue;
      yield batch;
      batch = beginBatch();
    }
    if (!found) throw readOtherwise(files[file]!);
  }
  if (batch.items.length + batch.rejects.length > 0) yield batch;
}

/** FHIR may be: what has ended since is left out, and so are the entries that hung on it. */
function readOtherwise(file: string): Failure {
  const what = `${file} is read otherwise than before, on another day or by another version of this program`;
  return new Failure("invalid-input", `${what}: begin anew with --restart; loading again changes nothing.`);
}

function beginBatch() {
  return {
    items: [] as FeedItem[],
    lines: [] as SentLine[],
    rejects: [] as EarlyReject[],
    end: { file: 0, place: 0, line: 0 } as Place,
    characters: 0,
  };
}
