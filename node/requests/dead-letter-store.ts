import type { Database } from "better-sqlite3";

import type { CommandHandlers } from "../storage/executor.ts";

/** A letter without its body: figures and codes, and nothing of a patient. */
export interface LetterLine {
  /** In the order of arrival. */
  readonly letterNo: number;
  readonly id: string;
  readonly feed: string;
  /** Why it was not taken when it was last tried. */
  readonly reason: string;
  /** The place at fault; empty where there is none. */
  readonly place: string;
  readonly arrivedMs: number;
  /** The first one included. */
  readonly tries: number;
  readonly triedMs: number;
  readonly sizeBytes: number;
}

/** How many letters there are; per feed and in all, and how large they are. */
export const LETTERS_PER_FEED_MAX = 10_000;
export const LETTER_BYTES_PER_FEED_MAX = 64 * 2 ** 20;
export const LETTER_BYTES_MAX = 256 * 2 ** 20;

/** Dropped at a time, so that no commit waits for a long clean-up. */
const DROPPED_AT_A_TIME = 100;

type NewLetter = Omit<LetterLine, "letterNo" | "arrivedMs" | "tries" | "triedMs"> & {
  /** Names the key under which its body is. */
  readonly keyId: string;
  readonly content: Uint8Array;
  readonly body: Uint8Array;
};

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** The id of the letter that is kept now, of one with the same bytes that was kept before; or there is no room. */
    "keep-letter": {
      payload: { readonly letter: NewLetter; readonly nowMs: number };
      result: { readonly kept: string } | { readonly full: "feed" | "all" };
    };
    /** It was tried again, and refused again. */
    "letter-refused": {
      payload: { readonly id: string; readonly reason: string; readonly place: string; readonly nowMs: number };
      result: null;
    };
    "drop-letter": { payload: { readonly id: string }; result: null };
    /** Drops some of those that arrived before a moment; how many. Fewer than a hundred: there are no more. */
    "drop-letters-before": {
      payload: { readonly beforeMs: number; readonly feed?: string | undefined };
      result: number;
    };
  }
}

export function makeHandlers(db: Database): CommandHandlers {
  const again = db
    .prepare<unknown[], string>(
      `UPDATE dead_letter SET tries = tries + 1, tried_ms = ?, reason = ?, place = ? WHERE feed = ? AND content = ?
         RETURNING id`,
    )
    .pluck();
  const sums = db.prepare<[string], { readonly letters: number; readonly bytes: number }>(
    "SELECT count(*) AS letters, total(size_bytes) AS bytes FROM dead_letter WHERE feed = ?",
  );
  const allBytes = db.prepare<[], number>("SELECT total(size_bytes) FROM dead_letter").pluck();
  const add = db.prepare(
    `INSERT INTO dead_letter (id, feed, key_id, content, reason, place, arrived_ms, tries, tried_ms, size_bytes, body)
       VALUES (:id, :feed, :keyId, :content, :reason, :place, :nowMs, 1, :nowMs, :sizeBytes, :body)`,
  );
  const refused = db.prepare(
    "UPDATE dead_letter SET tries = tries + 1, tried_ms = :nowMs, reason = :reason, place = :place WHERE id = :id",
  );
  const drop = db.prepare<[string]>("DELETE FROM dead_letter WHERE id = ?");
  const dropBefore = db.prepare(
    `DELETE FROM dead_letter WHERE letter_no IN
       (SELECT letter_no FROM dead_letter WHERE arrived_ms < :beforeMs AND (:feed IS NULL OR feed = :feed)
        LIMIT ${DROPPED_AT_A_TIME})`,
  );
  return {
    "keep-letter"({ letter, nowMs }) {
      const { feed, reason, place, content, sizeBytes } = letter;
      const held = again.get(nowMs, reason, place, feed, content);
      if (held !== undefined) return { kept: held };
      const { letters = 0, bytes = 0 } = sums.get(feed) ?? {};
      if (letters >= LETTERS_PER_FEED_MAX || bytes + sizeBytes > LETTER_BYTES_PER_FEED_MAX) return { full: "feed" };
      if ((allBytes.get() ?? 0) + sizeBytes > LETTER_BYTES_MAX) return { full: "all" };
      add.run({ ...letter, nowMs });
      return { kept: letter.id };
    },
    "letter-refused"(payload) {
      refused.run(payload);
      return null;
    },
    "drop-letter"({ id }) {
      drop.run(id);
      return null;
    },
    "drop-letters-before": ({ beforeMs, feed = null }) => dropBefore.run({ beforeMs, feed }).changes,
  };
}

/** Which letters: all of a feed, or of all feeds; those after a letter's number. */
export interface LetterChoice {
  readonly feed?: string | undefined;
  readonly after?: number | undefined;
}

export interface LetterReader {
  /** In the order of arrival, at most so many. */
  list(choice: LetterChoice, max: number): readonly LetterLine[];
  one(id: string): LetterLine | undefined;
  /** Sealed. */
  body(id: string): Uint8Array | undefined;
  /** How many there are, and when the first of them arrived. */
  count(feed?: string): { readonly letters: number; readonly oldestMs: number | undefined };
  /** How many are under another key than this one. */
  underOtherKeys(keyId: string): number;
}

/** @param db a read-only connection to the index. */
export function makeLetterReader(db: Database): LetterReader {
  const line = `SELECT letter_no AS letterNo, id, feed, reason, place, arrived_ms AS arrivedMs, tries,
    tried_ms AS triedMs, size_bytes AS sizeBytes FROM dead_letter`;
  const list = db.prepare<unknown[], LetterLine>(
    `${line} WHERE letter_no > :after AND (:feed IS NULL OR feed = :feed) ORDER BY letter_no LIMIT :max`,
  );
  const one = db.prepare<[string], LetterLine>(`${line} WHERE id = ?`);
  const body = db.prepare<[string], Buffer>("SELECT body FROM dead_letter WHERE id = ?").pluck();
  const count = db.prepare<unknown[], { readonly letters: number; readonly oldestMs: number | null }>(
    "SELECT count(*) AS letters, min(arrived_ms) AS oldestMs FROM dead_letter WHERE :feed IS NULL OR feed = :feed",
  );
  const others = db.prepare<[string], number>("SELECT count(*) FROM dead_letter WHERE key_id <> ?").pluck();
  return {
    list: ({ feed = null, after = 0 }, max) => list.all({ feed, after, max }),
    one: (id) => one.get(id),
    body: (id) => body.get(id),
    count(feed) {
      const { letters = 0, oldestMs } = count.get({ feed: feed ?? null }) ?? {};
      return { letters, oldestMs: oldestMs ?? undefined };
    },
    underOtherKeys: (keyId) => others.get(keyId) ?? 0,
  };
}
