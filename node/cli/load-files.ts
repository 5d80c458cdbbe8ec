import type { Concealed } from "../base/concealed.ts";
import type { FeedItem, LoadHeader } from "../requests/load-batch.ts";
import type { FeedFiles, NodeClient, Rejects } from "./client.ts";

/** Items in a batch: one transaction of the node's writer, a few milliseconds of it. */
const BATCH_ITEMS = 500;

export interface LoadOrder {
  readonly header: LoadHeader;
  /** Identities before what belongs to them. */
  readonly files: readonly string[];
  /** Only what this provider sent; absent: everything. */
  readonly provider?: string;
  readonly rejectsPath: string;
  /** Called after every batch that is durable. */
  readonly onProgress: (sofar: LoadCounts) => void;
}

export interface LoadCounts {
  readonly read: number;
  readonly accepted: number;
  readonly rejected: number;
}

export interface LoadSummary extends LoadCounts {
  /** Why lines were not kept, most frequent first; the reasons hold no values. */
  readonly reasons: readonly { readonly field: string; readonly reason: string; readonly count: number }[];
}

/** A line on its way: kept until its batch is acknowledged, so that a rejection can name it. */
interface Sent {
  readonly line: number;
  readonly source: Concealed<string>;
}

/**
 * Streams files into a node, batch by batch; every line that is not kept goes to the rejects file with its reason.
 * Memory stays bounded: no more than what the stream lets through is read ahead.
 *
 * @throws {Failure} as the node said; what was acknowledged is durable, and the same files may be loaded again.
 */
export async function loadFiles(order: LoadOrder, client: NodeClient, feeds: FeedFiles): Promise<LoadSummary> {
  const rejects = feeds.makeRejects(order.rejectsPath);
  const counts = { read: 0, accepted: 0, rejected: 0 };
  const waiting: Sent[][] = [];
  try {
    const batches = readBatches(order, feeds, rejects, counts, waiting);
    for await (const result of client.load(order.header, batches)) {
      const lines = waiting.shift() ?? [];
      counts.accepted += result.accepted;
      for (const { index, ...rejection } of result.rejected) {
        const { line, source } = lines[index]!;
        rejects.add(line, rejection, source);
        counts.rejected++;
      }
      order.onProgress(counts);
    }
    return { ...counts, reasons: rejects.counts() };
  } finally {
    rejects.close();
  }
}

async function* readBatches(
  order: LoadOrder,
  feeds: FeedFiles,
  rejects: Rejects,
  counts: { read: number; rejected: number },
  waiting: Sent[][],
): AsyncGenerator<readonly FeedItem[]> {
  let items: FeedItem[] = [];
  let lines: Sent[] = [];
  for (const file of order.files) {
    for await (const { line, source, parsed } of feeds.read(file)) {
      if ("rejected" in parsed) {
        counts.read++;
        counts.rejected++;
        rejects.add(line, parsed.rejected, source);
        continue;
      }
      if (order.provider !== undefined && parsed.values.expose().provider !== order.provider) continue;
      counts.read++;
      items.push(parsed);
      lines.push({ line, source });
      if (items.length < BATCH_ITEMS) continue;
      waiting.push(lines);
      yield items;
      [items, lines] = [[], []];
    }
  }
  if (items.length > 0) {
    waiting.push(lines);
    yield items;
  }
}
