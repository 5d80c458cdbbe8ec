import type { Database } from "better-sqlite3";

import { makeObjectionStore, type ObjectionRecord, type ObjectionStore } from "../access/objection-store.ts";
import { check } from "../base/check.ts";
import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import type { InTurn } from "../base/turns.ts";
import { makeFeedStateStore, type FeedStateStore } from "../locator/feed-state.ts";
import { makePointerStore, type PointerRecord, type PointerStore } from "../locator/pointer-store.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import { makeIdentityStore, type IdentityStore, type Linking, type PutResult } from "../mpi/identity-store.ts";
import type { CommandHandlers, StoreCommands, StoreExecutor } from "../storage/executor.ts";
import { enqueue } from "../storage/outbox.ts";
import { makeWaitingItems, type WaitingItem, type WaitingItems } from "./waiting-items.ts";

/** Most items in one batch. */
export const BATCH_ITEMS_MAX = 1_000;

/**
 * How long one command of a load keeps the index's writer from everything else, its commit not counted, which takes about
 * as long again.
 */
const WRITER_MS = 10;

/** How far ahead of this node's clock a load may claim to be complete. */
const AS_OF_AHEAD_MS_MAX = 5 * 60_000;

/** How long a pointer or an objection waits for the identity record of its patient. */
const WAITING_MS_MAX = 30 * 24 * 3_600_000;

/** The kind of the outbox row that a load's end leaves behind. */
export const LOAD_TIDY = "load-tidy";

/** One item of a feed, validated. Its values cannot be printed by accident. */
export type FeedItem =
  | { readonly kind: "identity"; readonly values: Concealed<IdentityRecord> }
  | { readonly kind: "pointer"; readonly values: Concealed<PointerRecord> }
  | { readonly kind: "objection"; readonly values: Concealed<ObjectionRecord> };

/** Why an item is not kept: the field at fault (empty: the item as a whole), and a reason without any of its values. */
export interface Rejection {
  readonly field: string;
  readonly reason: string;
}

/** What validation made of an item. */
export type ParsedItem = FeedItem | { readonly rejected: Rejection };

export interface LoadHeader {
  /** The operator's name for the load. */
  readonly name: string;
  /** The moment up to which the sources are complete, milliseconds since the epoch; 0 = now. */
  readonly asOfMs: number;
  /** Of a load that is taken up again: the id of the index that holds what was acknowledged of it. */
  readonly goesOnStoreId?: string;
}

/** What became of a batch, as its feeder is told. */
export interface LoadAck {
  /** Items that are durable now, those that were there before included, and those that wait for their patient's identity. */
  readonly accepted: number;
  readonly rejected: readonly (Rejection & { readonly index: number })[];
}

/** As it reaches the feeder: with the id of the index that holds it. */
export interface DurableAck extends LoadAck {
  readonly storeId: string;
}

/** What a finished load leaves behind. */
export interface LoadEnd {
  /** Pointers and objections of its providers that wait for the identity record of their patient. */
  readonly waiting: number;
}

export interface LoadResult extends LoadAck {
  /** Providers of which anything in the batch was accepted. */
  readonly providers: readonly string[];
}

/**
 * Commands of loads at the store at once, of all feeders together: one that is done and one that is next. More would share
 * a transaction, and keep the writer for as long as all of them take.
 */
export const LOAD_COMMANDS_AT_ONCE = 2;

export interface LoadBatchNeeds {
  readonly clock: Clock;
  readonly store: StoreExecutor;
  /** One for all loads of a node, of {@link LOAD_COMMANDS_AT_ONCE}. */
  readonly inTurn: InTurn;
  /** Called once the batch is durable: coverage is computed anew. */
  readonly feedsChanged: () => void;
}

/**
 * Loads one batch: its items in their order, in as many short transactions as it takes. When
 * it resolves, all of them are durable. Loading the same batch again changes nothing.
 *
 * @param items in their order; those that validation rejected keep their place and are reported with the rest.
 * @throws {Failure} `invalid-input`: the header is wrong. `overloaded`: too many items. Nothing was kept.
 * @throws {Failure} `store-unavailable`: the store could not write. Some of the batch may be kept, from its beginning on:
 * it is to be loaded again whole.
 */
export async function loadBatch(
  header: LoadHeader,
  items: readonly ParsedItem[],
  needs: LoadBatchNeeds,
): Promise<LoadResult> {
  const nowMs = needs.clock.wallMs();
  checkHeader(header, nowMs);
  if (items.length > BATCH_ITEMS_MAX) {
    throw new Failure("overloaded", `A batch may hold ${BATCH_ITEMS_MAX} items: send smaller batches.`);
  }

  const entries: LoadEntry[] = [];
  const rejected: (Rejection & { index: number })[] = [];
  for (const [index, item] of items.entries()) {
    if ("rejected" in item) rejected.push({ ...item.rejected, index });
    else entries.push(toEntry(item));
  }
  if (entries.length === 0) return { accepted: 0, rejected, providers: [] };

  const times = { asOfMs: header.asOfMs === 0 ? nowMs : header.asOfMs, nowMs };
  await storeInTurn(withoutRepeats(entries), times, needs);
  needs.feedsChanged();
  const providers = [...new Set(entries.map(({ record }) => record.provider))];
  return { accepted: entries.length, rejected, providers };
}

/**
 * Lets a load begin, or go on where an earlier one broke off.
 *
 * @throws {Failure} `invalid-input`: what was acknowledged of it may be gone, because the index is another one by now.
 */
export function beginLoad({ goesOnStoreId }: LoadHeader, storeId: string): void {
  if (goesOnStoreId === undefined || goesOnStoreId === storeId) return;
  throw new Failure(
    "invalid-input",
    "This node's index was lost, restored or made anew since the load was begun: begin anew with --restart; loading again changes nothing.",
    { where: "goes_on_store_id" },
  );
}

/** One command after the other, each only as long as the writer may be kept; so their order is kept as well. */
async function storeInTurn(
  entries: readonly LoadEntry[],
  times: { readonly asOfMs: number; readonly nowMs: number },
  { store, inTurn }: LoadBatchNeeds,
): Promise<void> {
  let size = entries.length;
  for (let from = 0; from < entries.length;) {
    const some = entries.slice(from, from + size);
    const { taken } = await inTurn(() => store.run("load-batch", { ...times, entries: some }));
    from += taken;
    size = 2 * taken; // what the writer has no time for travels in vain
  }
}

/**
 * Closes a load of which nothing is missing: only now do its providers count as complete up to the header's moment, so
 * that a load which broke off never reads as a fresh feed. A provider of which nobody is known here does not count as
 * complete either: all that it sent waits.
 *
 * @param providers of which something was accepted.
 * @throws {Failure} as {@link loadBatch}.
 */
export async function finishLoad(
  header: LoadHeader,
  providers: readonly string[],
  needs: LoadBatchNeeds,
): Promise<LoadEnd> {
  const nowMs = needs.clock.wallMs();
  checkHeader(header, nowMs);
  const asOfMs = header.asOfMs === 0 ? nowMs : header.asOfMs;
  const end = await needs.store.run("finish-load", { asOfMs, providers });
  needs.feedsChanged();
  return end;
}

/**
 * Drops, in short steps, all that has waited too long for the identity of its patient. Doing it twice does no harm.
 *
 * @param signal stops it between two steps.
 */
export async function dropOldWaiting(
  { clock, store }: Pick<LoadBatchNeeds, "clock" | "store">,
  signal: AbortSignal,
): Promise<void> {
  let more = true;
  while (more) {
    signal.throwIfAborted();
    more = await store.run("drop-waiting", { nowMs: clock.wallMs() });
  }
}

/** @throws {Failure} `invalid-input`: the name or the moment of the load cannot be. */
function checkHeader(header: LoadHeader, nowMs: number): void {
  if (!/^[^\p{Cc}\ufffd]{1,100}$/u.test(header.name) || containsNhsNumber(header.name)) {
    throw new Failure("invalid-input", "Name the load in 1 to 100 printable characters, without patient data.", {
      where: "name",
    });
  }
  if (!Number.isSafeInteger(header.asOfMs) || header.asOfMs < 0 || header.asOfMs > nowMs + AS_OF_AHEAD_MS_MAX) {
    throw new Failure(
      "invalid-input",
      "as_of_ms lies ahead of this node's clock: give milliseconds since 1970, or 0.",
      {
        where: "as_of_ms",
      },
    );
  }
}

/** An item as the store's writer gets it: plain data. */
type LoadEntry = { readonly kind: "identity"; readonly record: IdentityRecord } | WaitingItem;

/** The way from the door to the store: the one place where an item's values are taken out. */
function toEntry(item: FeedItem): LoadEntry {
  switch (item.kind) {
    case "identity":
      return { kind: item.kind, record: item.values.expose() };
    case "pointer":
      return { kind: item.kind, record: item.values.expose() };
    case "objection":
      return { kind: item.kind, record: item.values.expose() };
  }
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "load-batch": {
      payload: { readonly asOfMs: number; readonly nowMs: number; readonly entries: readonly LoadEntry[] };
      /** `taken`: so many entries from the first on are kept; the rest is not looked at. */
      result: { readonly taken: number };
    };
    /** Drops some of what has waited too long; true where some may be left. */
    "drop-waiting": { payload: { readonly nowMs: number }; result: boolean };
    "finish-load": {
      payload: { readonly asOfMs: number; readonly providers: readonly string[] };
      result: LoadEnd;
    };
  }
}

/** The tables that feeds write. */
export interface FeedStores {
  readonly identities: IdentityStore;
  readonly pointers: PointerStore;
  readonly objections: ObjectionStore;
  readonly waiting: WaitingItems;
  readonly feeds: FeedStateStore;
}

/** One set for each database, whoever asks: what waits is remembered from one command to the next. */
const storesOf = new WeakMap<Database, FeedStores>();

/** The stores of everything that feeds an index. Only for its writer. */
export function feedStores(db: Database, random: Random, linking?: Linking): FeedStores {
  const known = storesOf.get(db);
  if (known !== undefined) return known;
  const stores = {
    identities: makeIdentityStore(db, random, linking),
    pointers: makePointerStore(db, random),
    objections: makeObjectionStore(db),
    waiting: makeWaitingItems(db),
    feeds: makeFeedStateStore(db),
  };
  storesOf.set(db, stores);
  return stores;
}

/** Handlers of the commands of a load: they decide and write inside one transaction of the index's writer. */
export function makeHandlers(db: Database, random: Random, clock: Clock, linking?: Linking): CommandHandlers {
  const stores = feedStores(db, random, linking);
  return {
    "load-batch": (payload) => putEntries(stores, payload, clock),
    "finish-load": ({ asOfMs, providers }) => {
      for (const provider of providers) {
        if (stores.identities.knowsAnyOf(provider)) stores.feeds.advance(provider, asOfMs);
      }
      enqueue(db, { kind: LOAD_TIDY, key: random.uuid(), payload: {} });
      return { waiting: stores.waiting.count(providers) };
    },
    "drop-waiting": ({ nowMs }) => stores.waiting.dropOlderThan(nowMs - WAITING_MS_MAX),
  };
}

function putEntries(
  stores: FeedStores,
  { asOfMs, nowMs, entries }: StoreCommands["load-batch"]["payload"],
  clock: Clock,
): StoreCommands["load-batch"]["result"] {
  const byMs = clock.monotonicMs() + WRITER_MS;
  let taken = 0;
  for (const entry of entries) {
    // A small rest is not worth a commit of its own.
    if (taken > 0 && clock.monotonicMs() > byMs && entries.length - taken > taken / 4) break;
    taken++;
    putEntry(stores, entry, asOfMs, nowMs);
  }
  return { taken };
}

function putEntry(stores: FeedStores, entry: LoadEntry, asOfMs: number, nowMs: number): void {
  if (entry.kind === "identity") {
    putIdentity(stores, entry.record, nowMs);
    return;
  }
  const identityNo = stores.identities.identityNoOf(entry.record.provider, entry.record.localId);
  if (identityNo === undefined) {
    stores.waiting.keep(entry, asOfMs, nowMs);
    // Whoever it was shown under, it is not theirs. An objection stays in force there: hiding too much is the safer way.
    if (entry.kind === "pointer") stores.pointers.remove(entry.record);
    return;
  }
  stores.waiting.forget(entry); // it may have waited under another patient's id
  putOfIdentity(stores, entry, identityNo, asOfMs, nowMs);
}

/** A new identity takes in what has waited for it. */
export function putIdentity(stores: FeedStores, record: IdentityRecord, nowMs: number): PutResult {
  const result = stores.identities.put(record, nowMs);
  if (result !== "added") return result;
  const { provider, localId } = record;
  const waiting = stores.waiting.take(provider, localId);
  if (waiting.length === 0) return result;
  const identityNo = stores.identities.identityNoOf(provider, localId);
  check(identityNo !== undefined, "an identity that was added has its number");
  for (const { item, asOfMs } of waiting) putOfIdentity(stores, item, identityNo, asOfMs, nowMs);
  return result;
}

function putOfIdentity(
  { pointers, objections }: FeedStores,
  item: WaitingItem,
  identityNo: number,
  asOfMs: number,
  nowMs: number,
): void {
  if (item.kind === "pointer") pointers.put(item.record, identityNo, asOfMs);
  else objections.put(item.record, identityNo, nowMs);
}

/**
 * Where one batch holds the same identity twice as of the same day, the later one counts, so that loading the batch again
 * does not write the two in turn. Pointers and objections likewise. An identity keeps its first place in the order: what
 * follows it may need it.
 */
function withoutRepeats(entries: readonly LoadEntry[]): readonly LoadEntry[] {
  const kept = new Map<string, LoadEntry>();
  for (const entry of entries) {
    const key = keyOf(entry);
    if (entry.kind !== "identity") kept.delete(key);
    kept.set(key, entry);
  }
  return [...kept.values()];
}

function keyOf({ kind, record }: LoadEntry): string {
  switch (kind) {
    case "identity":
      return JSON.stringify([kind, record.provider, record.localId, record.recordedOn]);
    case "pointer":
      return JSON.stringify([kind, record.provider, record.recordId]);
    case "objection":
      return JSON.stringify([kind, record.provider, record.objectionId]);
  }
}
