import { createHash } from "node:crypto";

import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import type { Random } from "../base/random.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import type { MergeResult } from "../mpi/identity-store.ts";
import type { CommandHandlers, StoreCommands, StoreExecutor } from "../storage/executor.ts";
import { feedStores, type FeedStores, putIdentity } from "./load-batch.ts";

/** One message about one patient of a provider. */
export interface PatientMessage {
  /** Who sent it: with the message's id, what makes it the same message. No patient's value. */
  readonly feed: string;
  /** Absent where the sender gives none: then a repetition is told by its content alone. */
  readonly messageId?: string | undefined;
  readonly record: Concealed<IdentityRecord>;
  /** The provider's local id that took this one's place; absent where there is none. */
  readonly replacedBy?: string | undefined;
  /** True where the provider says that it uses this local id, and that nothing took its place. */
  readonly standsAlone: boolean;
  /** The version that the sender believes to be held; 0 = none. Absent where it does not say. */
  readonly ifVersion?: number | undefined;
}

/** Why nothing of a message was kept. */
export type PatientRefused =
  | "winner-unknown"
  | "onto-itself"
  | "cycle"
  | "merged-elsewhere"
  | "refused-by-manual-decision"
  | "version-differs"
  | "older"
  | "message-id-reused";

export type PatientTaken =
  | {
      readonly kind: "taken";
      /** True where no record of the local id was held before. */
      readonly isNew: boolean;
      /** Of the record that is held now, from 1. */
      readonly version: number;
      /** True where the merge was not made and stands in the review queue. */
      readonly waitsForReview: boolean;
    }
  | { readonly kind: "refused"; readonly why: PatientRefused };

export interface PatientFeedStory {
  readonly clock: Clock;
  readonly store: StoreExecutor;
}

/**
 * Takes one message about one patient, whole or not at all. When it resolves to `taken`, it is durable. The same message
 * again changes nothing and has the same answer.
 *
 * @throws {Failure} `store-unavailable`, `overloaded`: nothing is acknowledged; it is to be sent again.
 */
export function takePatient(message: PatientMessage, { clock, store }: PatientFeedStory): Promise<PatientTaken> {
  // The way from the door to the store: the one place where the values are taken out.
  return store.run("patient-message", { ...message, record: message.record.expose(), nowMs: clock.wallMs() });
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "patient-message": {
      payload: Omit<PatientMessage, "record"> & { readonly record: IdentityRecord; readonly nowMs: number };
      result: PatientTaken;
    };
  }
}

type Payload = StoreCommands["patient-message"]["payload"];

/** How long a message's id is remembered, and at most so many are forgotten with each message. */
const REMEMBERED_MS = 7 * 24 * 3_600_000;
const FORGET_AT_A_TIME = 10;

/** Unwinds what was written of a message that is refused. */
class Refused extends Error {
  readonly why: PatientRefused;
  constructor(why: PatientRefused) {
    super(why);
    this.why = why;
  }
}

/** The handler decides and writes inside one transaction of the index's writer. */
export function makeHandlers(db: Database, random: Random): CommandHandlers {
  const stores = feedStores(db, random);
  const seen = makeSeenMessages(db);
  const wholeOrNothing = db.transaction((payload: Payload) => take(stores, payload));
  return {
    "patient-message"(payload) {
      const content = contentOf(payload);
      const before = seen.answerTo(payload, content);
      if (before !== undefined) return before;
      try {
        const taken = wholeOrNothing(payload);
        seen.keep(payload, content, taken);
        return taken;
      } catch (thrown) {
        if (thrown instanceof Refused) return { kind: "refused", why: thrown.why };
        throw thrown;
      }
    },
  };
}

/** @throws {Refused} what was written is to be unwound. */
function take(stores: FeedStores, payload: Payload): PatientTaken {
  const { identities } = stores;
  const { record, nowMs, ifVersion } = payload;
  const { provider, localId } = record;
  const held = identities.versionOf(provider, localId);
  if (ifVersion !== undefined && ifVersion !== held) throw new Refused("version-differs");
  const put = putIdentity(stores, record, nowMs);
  if (put === "older" && payload.replacedBy === undefined) throw new Refused("older");
  const waitsForReview = mergeOrPart(stores, payload);
  return { kind: "taken", isNew: held === 0, version: identities.versionOf(provider, localId), waitsForReview };
}

/** @returns true where the merge waits for somebody to look at it. */
function mergeOrPart({ identities }: FeedStores, { record, replacedBy, standsAlone, feed, nowMs }: Payload): boolean {
  const { provider, localId: losing } = record;
  const word = { provider, losing, atMs: nowMs, source: feed };
  if (replacedBy !== undefined) return judge(identities.merge({ ...word, winning: replacedBy }));
  const winning = standsAlone ? identities.mergedInto(provider, losing) : undefined;
  return winning !== undefined && judge(identities.unmerge({ ...word, winning }));
}

function judge(result: MergeResult): boolean {
  switch (result.kind) {
    case "done":
    case "already":
    case "not-merged":
      return false;
    case "for-review":
      return true;
    case "unknown":
      throw new Refused("winner-unknown");
    case "onto-itself":
    case "cycle":
    case "merged-elsewhere":
    case "refused-by-manual-decision":
      throw new Refused(result.kind);
  }
}

interface SeenMessages {
  /** What the message was answered with before; or that its id is another message's. */
  answerTo(payload: Payload, content: Buffer): PatientTaken | undefined;
  keep(payload: Payload, content: Buffer, answer: PatientTaken): void;
}

/** Messages that were taken, by the ids that their senders gave them. A refused one may come again and be taken. */
function makeSeenMessages(db: Database): SeenMessages {
  const find = db.prepare<[string, string], { readonly content: Buffer; readonly answer: string }>(
    "SELECT content, answer FROM seen_message WHERE feed = ? AND message_id = ?",
  );
  const add = db.prepare<[string, string, Buffer, string, number]>("INSERT INTO seen_message VALUES (?, ?, ?, ?, ?)");
  const forget = db.prepare<[number]>(
    `DELETE FROM seen_message WHERE (feed, message_id) IN
       (SELECT feed, message_id FROM seen_message WHERE at_ms < ? ORDER BY at_ms LIMIT ${FORGET_AT_A_TIME})`,
  );
  return {
    answerTo({ feed, messageId }, content) {
      const known = messageId === undefined ? undefined : find.get(feed, messageId);
      if (known === undefined) return undefined;
      if (!known.content.equals(content)) return { kind: "refused", why: "message-id-reused" };
      return JSON.parse(known.answer) as PatientTaken; // as this store wrote it
    },
    keep({ feed, messageId, nowMs }, content, answer) {
      if (messageId === undefined) return;
      forget.run(nowMs - REMEMBERED_MS);
      add.run(feed, messageId, content, JSON.stringify(answer), nowMs);
    },
  };
}

/** What makes two messages of one id the same: all of them but when they came. */
function contentOf({ record, replacedBy, standsAlone, ifVersion }: Payload): Buffer {
  const content = JSON.stringify([record, replacedBy ?? null, standsAlone, ifVersion ?? null]);
  return createHash("sha256").update(content).digest();
}
