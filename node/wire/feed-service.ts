import { Failure } from "../base/failure.ts";
import type { LoadHeader, LoadResult } from "../requests/load-batch.ts";
import type { Log } from "../telemetry/log.ts";
import { BATCH_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import {
  FeedServiceService,
  type LoadBatch,
  type LoadItem,
  type LoadRequest,
  type LoadResponse,
} from "./generated/corridor/v1/feed_service.ts";
import { boundRequest, conversation } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

const BATCH_ITEMS_MAX = 1_000;

/** An item as it came in, not yet looked at; fields by their names in code (`localId`). */
export interface FeedEntry {
  readonly kind: "identity" | "pointer" | "objection";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What the door for feeds needs. */
export interface FeedNeeds {
  /**
   * Validates and keeps one batch: what it accepts is durable when it resolves.
   *
   * @param organisations the providers for which the feeder's certificate lets it speak.
   */
  readonly loadBatch: (
    header: LoadHeader,
    entries: readonly FeedEntry[],
    organisations: readonly string[],
  ) => Promise<LoadResult>;
  /** Nothing is missing: these providers are complete up to the header's moment. */
  readonly finishLoad: (header: LoadHeader, providers: readonly string[]) => Promise<void>;
}

/**
 * The door for feeds: batches in, in order; each acknowledged once it is durable. The next batch is read only then, so
 * that a feed can be no faster than the store.
 *
 * @param checkAgain throws a Failure where the feeder, however long ago it connected, may not feed now.
 */
export function feedService(log: Log, needs: FeedNeeds, checkAgain: (call: IncomingCall) => void): Service {
  return {
    name: "corridor.v1.FeedService",
    definition: { load: boundRequest(FeedServiceService.load, BATCH_BYTES_MAX, "everything-known") },
    implementation: {
      load: conversation(log, (requests: AsyncIterable<LoadRequest>, call) =>
        load(requests, needs, () => checkAgain(call), organisationsOf(call)),
      ),
    },
  };
}

async function* load(
  requests: AsyncIterable<LoadRequest>,
  needs: FeedNeeds,
  checkAgain: () => void,
  organisations: readonly string[],
): AsyncGenerator<LoadResponse, void> {
  let header: LoadHeader | undefined;
  let sequence = 0n;
  let finished = false;
  const providers = new Set<string>();
  for await (const { message } of requests) {
    checkAgain();
    if (header === undefined) {
      if (message?.$case !== "header") throw invalid("header", "is missing: it must be the first message");
      header = { name: message.value.name, asOfMs: Number(message.value.asOfMs) };
      continue;
    }
    if (finished) throw invalid("finish", "was said already: begin another load");
    if (message?.$case === "finish") {
      await needs.finishLoad(header, [...providers]);
      finished = true;
      yield { sequence, accepted: 0, rejected: [], finished };
      continue;
    }
    if (message?.$case !== "batch") throw invalid("batch", "is missing: only the first message is a header");
    checkBatch(message.value, ++sequence);
    const result = await needs.loadBatch(header, message.value.items.map(toEntry), organisations);
    for (const provider of result.providers) providers.add(provider);
    yield { sequence, accepted: result.accepted, rejected: [...result.rejected], finished };
  }
}

function organisationsOf(call: IncomingCall): readonly string[] {
  const peer = peerOf(call);
  return peer.kind === "caller" ? peer.rights.organisations : [];
}

function checkBatch(batch: LoadBatch, expected: bigint): void {
  if (batch.sequence !== expected) {
    throw invalid("batch.sequence", `is not ${expected}: start again after the last batch that was acknowledged`);
  }
  if (batch.items.length > BATCH_ITEMS_MAX) {
    throw new Failure("overloaded", `A batch may hold ${BATCH_ITEMS_MAX} items: send smaller ones.`, {
      where: "batch.items",
    });
  }
}

function toEntry({ item }: LoadItem, index: number): FeedEntry {
  if (item === undefined) throw invalid(`batch.items[${index}]`, "is neither identity, pointer nor objection");
  return { kind: item.$case, fields: { ...item.value } };
}
