import type { Clock } from "../base/clock.ts";
import type { DurableAck, LoadHeader } from "../requests/load-batch.ts";
import type { FeedFiles, NodeClient, Rejects } from "./client.ts";
import { type Batch, readBatches } from "./load-batches.ts";
import { BEGINNING, type Position } from "./load-position.ts";

/** How long a load that is told to stop waits for what the node has not acknowledged yet. */
const LAST_ACKS_MS_MAX = 5_000;

export interface LoadOrder {
  readonly header: LoadHeader;
  /** In any order; identities first is fastest, because nothing has to wait for them. */
  readonly files: readonly string[];
  /** Only what this provider sent; absent: everything. */
  readonly provider?: string;
  readonly rejects: Rejects;
  /** Where to go on; from the beginning, where absent. */
  readonly from?: Position;
  /** Told after every batch that is durable, before the next one counts. */
  readonly onReached?: (reached: Position) => void;
  /** Told the bytes of each piece that is read. */
  readonly onBytes?: (count: number) => void;
  /** Stops the load in order, between two batches. */
  readonly stop?: { readonly signal: AbortSignal; readonly clock: Clock };
}

export interface LoadResult {
  readonly reached: Position;
  /** Pointers and objections of the load's providers that wait for the identity record of their patient. */
  readonly waiting: number;
}

/** The load was told to stop: what it had reached is durable, and it is not finished. */
export class LoadStopped extends Error {}

/**
 * Streams files into a node, batch by batch, and finishes the load; every line that is not kept goes to the rejects file
 * with its reason. Memory stays bounded: no more than what the stream lets through is read ahead.
 *
 * @throws {Failure} as the node said; go on from the position that `onReached` was told last.
 * @throws {LoadStopped} where it was told to stop.
 */
export async function loadFiles(order: LoadOrder, client: NodeClient, feeds: FeedFiles): Promise<LoadResult> {
  let reached = order.from ?? BEGINNING;
  const sent: Batch[] = [];
  const header = { ...order.header, ...(reached.storeId !== undefined && { goesOnStoreId: reached.storeId }) };
  const over = new AbortController();
  const lastAcks = stopWithin(LAST_ACKS_MS_MAX, over.signal, order.stop);
  const acks = client.load(header, send(order, reached, feeds, sent), reached.providers, lastAcks);
  try {
    for (;;) {
      const { done, value } = await acks.next();
      if (done === true) return { reached, waiting: value.waiting };
      reached = advance(reached, sent.shift()!, value, order.rejects);
      order.onReached?.(reached);
    }
  } finally {
    over.abort();
    await acks.return({ waiting: 0 });
  }
}

/** Aborted so long after the load was told to stop: a node that has gone silent is not waited for. */
function stopWithin(ms: number, over: AbortSignal, stop: LoadOrder["stop"]): AbortSignal {
  const waited = new AbortController();
  const onStop = async (): Promise<void> => {
    await stop?.clock.sleep(ms, over);
    waited.abort(new LoadStopped());
  };
  if (stop?.signal.aborted === true) void onStop();
  stop?.signal.addEventListener("abort", () => void onStop(), { once: true, signal: over });
  return waited.signal;
}

async function* send(order: LoadOrder, from: Position, feeds: FeedFiles, sent: Batch[]) {
  const { files, provider, onBytes = () => {}, stop } = order;
  const batches = readBatches({ files, from, read: feeds.read, onBytes, ...(provider !== undefined && { provider }) });
  for await (const batch of batches) {
    if (stop?.signal.aborted === true) await stopInOrder(sent, stop.clock);
    sent.push(batch);
    yield batch.items;
  }
}

/** @throws {LoadStopped} once everything that was sent is acknowledged, or will not be in time. */
async function stopInOrder(sent: readonly Batch[], clock: Clock): Promise<never> {
  const untilMs = clock.monotonicMs() + LAST_ACKS_MS_MAX;
  while (sent.length > 0 && clock.monotonicMs() < untilMs) await clock.sleep(10);
  throw new LoadStopped();
}

/** Writes down what was not kept of a batch, in the order of its lines, and says how far the load is now. */
function advance(reached: Position, batch: Batch, ack: DurableAck, rejects: Rejects): Position {
  const atNode = ack.rejected.map(({ index, field, reason }) => {
    const { line, entry, source } = batch.lines[index]!;
    return { behind: index, line, entry, source, rejection: { field, reason } };
  });
  const all = [...batch.rejects, ...atNode].sort((one, other) => one.behind - other.behind);
  for (const { line, entry, source, rejection } of all) rejects.add(line, rejection, source, entry);

  const notKept = new Set(ack.rejected.map(({ index }) => index));
  const providers = new Set(reached.providers);
  for (const [index, { provider }] of batch.lines.entries()) if (!notKept.has(index)) providers.add(provider);
  return {
    ...batch.end,
    read: reached.read + batch.items.length + batch.rejects.length,
    accepted: reached.accepted + ack.accepted,
    rejected: reached.rejected + all.length,
    storeId: ack.storeId,
    providers: [...providers],
  };
}
