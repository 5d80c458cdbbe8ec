import { Failure } from "../base/failure.ts";
import { oneAhead } from "../base/one-ahead.ts";
import {
  BATCH_ITEMS_MAX,
  type LoadEnd,
  type LoadHeader,
  type LoadResult,
  type ParsedItem,
} from "../requests/load-batch.ts";
import type { Log } from "../telemetry/log.ts";
import { BATCH_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import {
  FeedServiceService,
  type LoadBatch,
  type LoadHeader as WireHeader,
  type LoadItem,
  type LoadRequest,
  type LoadResponse,
} from "./generated/corridor/v1/feed_service.ts";
import { boundRequest, conversation } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

/** An item as it came in, not yet looked at; fields by their names in code (`localId`). */
export interface FeedEntry {
  readonly kind: "identity" | "pointer" | "objection";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What the door for feeds needs. */
export interface FeedNeeds {
  /**
   * Looks at every item, without keeping the node from its other work for long.
   *
   * @param organisations the providers for which the feeder's certificate lets it speak.
   */
  readonly validate: (
    entries: readonly FeedEntry[],
    organisations: readonly string[],
  ) => Promise<readonly ParsedItem[]>;
  /** Lets the load begin or go on. */
  readonly beginLoad: (header: LoadHeader) => void;
  /** Which index holds what is acknowledged. */
  readonly storeId: () => string;
  /** Keeps one batch: what it accepts is durable when it resolves. */
  readonly loadBatch: (header: LoadHeader, items: readonly ParsedItem[]) => Promise<LoadResult>;
  /** Nothing is missing: these providers are complete up to the header's moment. */
  readonly finishLoad: (header: LoadHeader, providers: readonly string[]) => Promise<LoadEnd>;
}

/**
 * The door for feeds: batches in, kept in their order, one at a time; each acknowledged once it is durable. Meanwhile the
 * next one is read and validated, and no more, so that a feed can be no faster than the store.
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
  const providers = new Set<string>();
  for await (const { header, sequence, items, before } of oneAhead(readSteps(requests, needs, organisations))) {
    checkAgain();
    if (items === undefined) {
      const { waiting } = await needs.finishLoad(header, [...new Set([...providers, ...before])]);
      yield { sequence, accepted: 0, rejected: [], finished: true, waiting, storeId: needs.storeId() };
      continue;
    }
    const result = await needs.loadBatch(header, items);
    for (const provider of result.providers) providers.add(provider);
    const { accepted, rejected } = result;
    const storeId = needs.storeId();
    yield { sequence, accepted, rejected: [...rejected], finished: false, waiting: 0, storeId };
  }
}

/** A batch, validated; without items: the end of the load. */
interface Step {
  readonly header: LoadHeader;
  readonly sequence: bigint;
  readonly items?: readonly ParsedItem[];
  /** At the end: the providers of which something was kept before the load was taken up again. */
  readonly before: readonly string[];
}

async function* readSteps(
  requests: AsyncIterable<LoadRequest>,
  { validate, beginLoad }: FeedNeeds,
  organisations: readonly string[],
): AsyncGenerator<Step, void> {
  let header: LoadHeader | undefined;
  let sequence = 0n;
  let finished = false;
  for await (const { message } of requests) {
    if (header === undefined) {
      if (message?.$case !== "header") throw invalid("header", "is missing: it must be the first message");
      header = toHeader(message.value);
      beginLoad(header);
      continue;
    }
    if (finished) throw invalid("finish", "was said already: begin another load");
    if (message?.$case === "finish") {
      finished = true;
      yield { header, sequence, before: checkProviders(message.value.providers, organisations) };
      continue;
    }
    if (message?.$case !== "batch") throw invalid("batch", "is missing: only the first message is a header");
    checkBatch(message.value, ++sequence);
    yield { header, sequence, before: [], items: await validate(message.value.items.map(toEntry), organisations) };
  }
}

function toHeader({ name, asOfMs, goesOnStoreId }: WireHeader): LoadHeader {
  return { name, asOfMs: Number(asOfMs), ...(goesOnStoreId !== "" && { goesOnStoreId }) };
}

function checkProviders(providers: readonly string[], organisations: readonly string[]): readonly string[] {
  const stranger = providers.findIndex((provider) => !organisations.includes(provider));
  if (stranger === -1) return providers;
  throw invalid(`finish.providers[${stranger}]`, "is not among the organisations that this feeder's certificate names");
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
