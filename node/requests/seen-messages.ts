import { createHash } from "node:crypto";

import type { Database } from "better-sqlite3";

/** By what a message is known: who sent it, the id that they gave it, and all that it says. */
export interface MessageName {
  readonly feed: string;
  /** Absent where the sender gives none: then the message is never known again. */
  readonly messageId?: string | undefined;
  /** The same for equal messages, whenever they come. */
  readonly content: unknown;
}

/** Messages that were taken. A refused one is not among them, and may come again. Only for the index's writer. */
export interface SeenMessages<Answer> {
  /** What the message was answered with before, or that its id was another message's; `undefined` where it is new. */
  answerTo(message: MessageName): Answer | "id-reused" | undefined;
  keep(message: MessageName, answer: Answer, nowMs: number): void;
}

/** How long a message's id is remembered, and at most so many are forgotten with each message. */
const REMEMBERED_MS = 7 * 24 * 3_600_000;
const FORGET_AT_A_TIME = 10;

/** @typeParam Answer what this store wrote itself; plain JSON. */
export function makeSeenMessages<Answer>(db: Database): SeenMessages<Answer> {
  const find = db.prepare<[string, string], { readonly content: Buffer; readonly answer: string }>(
    "SELECT content, answer FROM seen_message WHERE feed = ? AND message_id = ?",
  );
  const add = db.prepare<[string, string, Buffer, string, number]>("INSERT INTO seen_message VALUES (?, ?, ?, ?, ?)");
  const forget = db.prepare<[number]>(
    `DELETE FROM seen_message WHERE (feed, message_id) IN
       (SELECT feed, message_id FROM seen_message WHERE at_ms < ? ORDER BY at_ms LIMIT ${FORGET_AT_A_TIME})`,
  );
  return {
    answerTo({ feed, messageId, content }) {
      const known = messageId === undefined ? undefined : find.get(feed, messageId);
      if (known === undefined) return undefined;
      return known.content.equals(digestOf(content)) ? (JSON.parse(known.answer) as Answer) : "id-reused";
    },
    keep({ feed, messageId, content }, answer, nowMs) {
      if (messageId === undefined) return;
      forget.run(nowMs - REMEMBERED_MS);
      add.run(feed, messageId, digestOf(content), JSON.stringify(answer), nowMs);
    },
  };
}

function digestOf(content: unknown): Buffer {
  return createHash("sha256").update(JSON.stringify(content)).digest();
}
