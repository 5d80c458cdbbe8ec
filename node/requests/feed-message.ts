import type { Database } from "better-sqlite3";

import { type Clock, dayOf } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import type { EncounterClass, EncounterState } from "../base/encounter.ts";
import { asFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { Sensitivity } from "../base/words.ts";
import { encounterRecordId, type EncounterStore, makeEncounterStore } from "../locator/encounter-store.ts";
import { asSent, emptyRecord } from "../mpi/identity-record.ts";
import type { LinkResult, MergeResult } from "../mpi/identity-store.ts";
import type { CommandHandlers, StoreCommands, StoreExecutor } from "../storage/executor.ts";
import { feedStores, type FeedStores, putIdentity } from "./load-batch.ts";
import { makeSaidTimes, type SaidFields, type SaidTimes } from "./said-times.ts";
import { makeSeenMessages } from "./seen-messages.ts";

/** What one message of a feed says; all of it is taken, in its order, or nothing. */
export interface FeedMessage {
  /** Who sent it: with the message's id, what makes it the same message. No patient's value. */
  readonly feed: string;
  /** Absent where the sender gives none: then the message is never known again. */
  readonly messageId?: string | undefined;
  /** Code of the organisation of which it speaks. */
  readonly provider: string;
  /**
   * When the sender says that it was so, milliseconds since the epoch: what was said later of the same thing stays, whatever
   * comes first. Absent where the sender does not say: then what comes later counts, unless its record is of an earlier day.
   */
  readonly atMs?: number | undefined;
  readonly changes: Concealed<readonly FeedChange[]>;
}

export type FeedChange = PatientUpdate | MergeChange | UnmergeChange | LinkChange | EncounterChange;

/** A patient is new, or something of them is. What is not named stays as it was; empty text takes it away. */
export interface PatientUpdate {
  readonly kind: "update";
  readonly localId: string;
  /** Whole wherever it says anything: a name in all its parts, an address, a number with its status. */
  readonly fields: SaidFields;
  /** The version that the sender believes to be held; 0 = none. Absent where it does not say. */
  readonly ifVersion?: number | undefined;
}

/** The losing one's record is the winning one's too, and is used no more. */
export interface MergeChange {
  readonly kind: "merge";
  readonly losing: string;
  readonly winning: string;
}

/** That merge was a mistake, into whomever it was; there need not have been one. */
export interface UnmergeChange {
  readonly kind: "unmerge";
  readonly losing: string;
}

/** Two ids are one patient's, and both go on; or they are not, and an earlier merge of the two was a mistake as well. */
export interface LinkChange {
  readonly kind: "link" | "unlink";
  readonly one: string;
  readonly other: string;
}

/** How an attendance or a stay of a patient is; of one who is known. */
export interface EncounterChange {
  readonly kind: "encounter";
  readonly localId: string;
  /** The provider's own number of the visit. */
  readonly visit: string;
  readonly state: EncounterState | "cancelled";
  readonly encounterClass: EncounterClass;
  /** Milliseconds since the epoch; absent where this message does not say. */
  readonly startedAtMs?: number | undefined;
  /** Likewise; looked at only where it is closed. */
  readonly endedAtMs?: number | undefined;
  /** Of the service; N where absent. */
  readonly sensitivity?: Sensitivity | undefined;
}

/** Why nothing of a message was kept. `-unknown`: nobody is known by that id yet, so it may come again later. */
export type FeedRefused =
  | "patient-unknown"
  | `${"losing" | "winning" | "one" | "other"}-unknown`
  | "onto-itself"
  | "cycle"
  | "merged-elsewhere"
  | "refused-by-manual-decision"
  | "version-differs"
  | "older"
  | "message-id-reused"
  /** More visits of one patient than any has: somebody tests with it. */
  | "too-many-visits";

export type FeedTaken =
  | {
      readonly kind: "taken";
      /** True where no record was held before of the patient whom it updates last. */
      readonly isNew: boolean;
      /** Of the record that is held now of them, from 1; 0 where it updates nobody. */
      readonly version: number;
      /** True where a merge or a link was not made and stands in the review queue. */
      readonly waitsForReview: boolean;
    }
  | { readonly kind: "refused"; readonly why: FeedRefused };

export interface FeedMessageStory {
  readonly clock: Clock;
  /** Of the index. */
  readonly store: StoreExecutor;
}

/**
 * Takes one message, whole or not at all. When it resolves to `taken`, it is durable. The same message again changes
 * nothing and has the same answer; one that was refused may come again and be taken.
 *
 * @throws {Failure} `store-unavailable`, `overloaded`: nothing is acknowledged; it is to be sent again.
 */
export function takeFeedMessage(message: FeedMessage, { clock, store }: FeedMessageStory): Promise<FeedTaken> {
  // The way from the door to the store: the one place where the values are taken out.
  return store.run("feed-message", { ...message, changes: message.changes.expose(), nowMs: clock.wallMs() });
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "feed-message": {
      payload: Omit<FeedMessage, "changes"> & { readonly changes: readonly FeedChange[]; readonly nowMs: number };
      result: FeedTaken;
    };
  }
}

type Payload = StoreCommands["feed-message"]["payload"];
type Taken = Extract<FeedTaken, { kind: "taken" }>;

interface MessageStores extends FeedStores {
  readonly encounters: EncounterStore;
  readonly said: SaidTimes;
}

/** Unwinds what was written of a message that is refused. */
class Refused extends Error {
  readonly why: FeedRefused;
  constructor(why: FeedRefused) {
    super(why);
    this.why = why;
  }
}

/** The handler decides and writes inside one transaction of the index's writer. */
export function makeHandlers(db: Database, random: Random): CommandHandlers {
  const stores = { ...feedStores(db, random), encounters: makeEncounterStore(db), said: makeSaidTimes(db) };
  const seen = makeSeenMessages<FeedTaken>(db);
  const wholeOrNothing = db.transaction((payload: Payload) => takeAll(stores, payload));
  return {
    "feed-message"(payload) {
      const { feed, messageId, provider, atMs = null, changes, nowMs } = payload;
      const name = { feed, messageId, content: [provider, atMs, changes] };
      const before = seen.answerTo(name);
      if (before === "id-reused") return { kind: "refused", why: "message-id-reused" };
      if (before !== undefined) return before;
      try {
        const taken = wholeOrNothing(payload);
        seen.keep(name, taken, nowMs);
        return taken;
      } catch (thrown) {
        if (thrown instanceof Refused) return { kind: "refused", why: thrown.why };
        throw thrown;
      }
    },
  };
}

/** @throws {Refused} what was written is to be unwound. */
function takeAll(stores: MessageStores, message: Payload): Taken {
  let patient = { isNew: false, version: 0 };
  let waitsForReview = false;
  for (const change of message.changes) {
    if (change.kind === "update") patient = takeUpdate(stores, change, message);
    else if (change.kind === "encounter") takeEncounter(stores, change, message);
    else if (takeWord(stores, change, message)) waitsForReview = true;
  }
  return { kind: "taken", ...patient, waitsForReview };
}

function takeUpdate(
  stores: MessageStores,
  { localId, fields, ifVersion }: PatientUpdate,
  { provider, atMs, nowMs, changes }: Payload,
): Pick<Taken, "isNew" | "version"> {
  const { identities, said } = stores;
  const held = identities.recordOf(provider, localId);
  const { version = 0 } = held ?? {};
  if (ifVersion !== undefined && ifVersion !== version) throw new Refused("version-differs");
  const news = atMs === undefined ? fields : said.takeNews(fields, atMs, { provider, localId, held });
  const put = putIdentity(stores, { ...emptyRecord(provider, localId), ...(held && asSent(held)), ...news }, nowMs);
  // That one patient took another one's place is news, however old the record of the one is.
  const isReplaced = changes.some((change) => change.kind === "merge" && change.losing === localId);
  if (put === "older" && !isReplaced) throw new Refused("older");
  return { isNew: held === undefined, version: put === "added" || put === "changed" ? version + 1 : version };
}

/** @returns true where somebody has to look at it first. */
function takeWord(
  { identities, said }: MessageStores,
  change: MergeChange | UnmergeChange | LinkChange,
  { provider, feed, atMs, nowMs }: Payload,
): boolean {
  const word = { provider, atMs: nowMs, source: feed };
  const isNews = (...ids: readonly [string, string]): boolean =>
    atMs === undefined || said.takeWord(provider, ids, atMs);
  switch (change.kind) {
    case "merge": {
      const { losing, winning } = change;
      return isNews(losing, winning) && judge(identities.merge({ ...word, losing, winning }));
    }
    case "unmerge": {
      const { losing } = change;
      const winning = identities.mergedInto(provider, losing);
      if (winning === undefined || !isNews(losing, winning)) return false;
      return judge(identities.unmerge({ ...word, losing, winning }));
    }
    case "link":
    case "unlink": {
      const { kind, one, other } = change;
      return isNews(one, other) && judge(identities[kind]({ ...word, one, other }));
    }
  }
}

function judge(result: MergeResult | LinkResult): boolean {
  switch (result.kind) {
    case "done":
    case "already":
    case "not-merged":
      return false;
    case "for-review":
      return true;
    case "unknown":
      throw new Refused(`${result.which[0] ?? "winning"}-unknown`);
    case "onto-itself":
    case "cycle":
    case "merged-elsewhere":
    case "refused-by-manual-decision":
      throw new Refused(result.kind);
  }
}

function takeEncounter(stores: MessageStores, change: EncounterChange, { provider, feed, atMs, nowMs }: Payload): void {
  const { identities, encounters, pointers } = stores;
  const { visit, state, encounterClass, sensitivity = "N", startedAtMs, endedAtMs } = change;
  const localId = ownerOf(stores, provider, change);
  const word = { provider, visit, localId, state, class: encounterClass, sensitivity, startedAtMs, endedAtMs };
  const now = encounters.take({ ...word, atMs: atMs ?? nowMs }, { feed, nowMs });
  const identityNo = identities.identityNoOf(provider, now.localId);
  if (identityNo === undefined) throw new Refused("patient-unknown");
  const recordId = encounterRecordId(visit);
  if (now.state === "cancelled") return pointers.remove({ provider, recordId });
  const record = {
    provider,
    localId: now.localId,
    recordId,
    recordType: "encounters",
    sensitivity: now.sensitivity,
  } as const;
  // There is no document to fetch.
  const pointer = { ...record, recordedOn: dayOf(now.startedMs), format: "", fetch: "" };
  try {
    pointers.put(pointer, identityNo, now.saidMs);
  } catch (thrown) {
    // Said to be busy, its sender would send it again for ever, and nothing behind it would come.
    if (asFailure(thrown).code === "overloaded") throw new Refused("too-many-visits");
    throw thrown;
  }
}

/** The patient under whom it is held, where they were merged into the one of whom it is said now: an unmerge gives it back. */
function ownerOf({ identities, encounters }: MessageStores, provider: string, change: EncounterChange): string {
  const held = encounters.held(provider, change.visit);
  if (held === undefined) return change.localId;
  let next: string | undefined = held.localId;
  for (let steps = 0; next !== undefined && steps < MERGES_FOLLOWED_MAX; steps++) {
    if (next === change.localId) return held.localId;
    next = identities.mergedInto(provider, next);
  }
  return change.localId;
}

const MERGES_FOLLOWED_MAX = 100;
