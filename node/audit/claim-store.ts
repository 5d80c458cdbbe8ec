import type { Database } from "better-sqlite3";

import type { CommandHandlers } from "../storage/executor.ts";

/** What a user of this node said to be to a patient when they asked, as the log has it. */
export interface Claim {
  /** Of the question's entry. */
  readonly seq: number;
  readonly atMs: number;
  readonly relationship: string;
  /** The local reference that was given, for example the visit's number. */
  readonly reference: string | null;
  readonly organisation: string;
  /** Ten digits, or a token where the question gave no number. */
  readonly patient: string;
}

/** Why a claim is for the privacy officer to look at. */
export type ReviewReason = "self-claimed" | "no-attendance" | "attendance-of-another";

/** What a stretch of the log came to. */
export interface ClaimsJudged {
  readonly checkedTo: number;
  readonly nowMs: number;
  readonly toReview: readonly { readonly seq: number; readonly why: ReviewReason }[];
  readonly notCheckable: readonly { readonly organisation: string; readonly day: string; readonly claims: number }[];
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** The claims in the next stretch of the log that nobody has looked at; `checkedTo` as before where there is none. */
    "audit.claims-ahead": {
      payload: { readonly beforeMs: number };
      result: { readonly checkedTo: number; readonly claims: readonly Claim[]; readonly isMore: boolean };
    };
    /** Keeps what the stretch came to, and that it was looked at. */
    "audit.keep-claims": { payload: ClaimsJudged; result: undefined };
    /** Listed claims behind an entry that may yet be borne out: those of attendances, asked since a moment. */
    "audit.claims-listed": {
      payload: { readonly after: number; readonly sinceMs: number };
      result: readonly Claim[];
    };
    "audit.take-claims-off": { payload: readonly number[]; result: undefined };
  }
}

/** Entries read in one command: no answer waits long for it. */
const ENTRIES_AT_ONCE = 1_000;
const LISTED_AT_ONCE = 200;

const CLAIM = `l.seq, l.at_ms AS atMs, l.relationship, l.relationship_reference AS reference,
  coalesce(l.organisation, '') AS organisation, coalesce(l.patient, '') AS patient`;

export function makeHandlers(db: Database): CommandHandlers {
  // What retention has erased meanwhile is passed over.
  const position = db
    .prepare<[], number>(
      "SELECT max(checked_to, coalesce((SELECT min(seq) - 1 FROM audit_log), 0)) FROM claims_checked",
    )
    .pluck();
  const move = db.prepare("UPDATE claims_checked SET checked_to = ?");
  const lastOf = db
    .prepare<[number, number, number], number | null>(
      "SELECT max(seq) FROM audit_log WHERE seq > ? AND seq <= ? AND at_ms < ?",
    )
    .pluck();
  const claimsOf = db.prepare<[number, number], Claim>(
    `SELECT ${CLAIM} FROM audit_log l
     WHERE l.seq > ? AND l.seq <= ? AND l.kind = 'question' AND l.relationship IN ('attendance', 'self-claimed')`,
  );
  const list = db.prepare("INSERT OR REPLACE INTO claim_to_review (seq, why, listed_ms) VALUES (?, ?, ?)");
  const count = db.prepare(
    `INSERT INTO claims_not_checkable (organisation, day, claims) VALUES (?, ?, ?)
     ON CONFLICT (organisation, day) DO UPDATE SET claims = claims + excluded.claims`,
  );
  const forgetErased = db.prepare(
    "DELETE FROM claim_to_review WHERE seq < (SELECT coalesce(min(seq), 0) FROM audit_log)",
  );
  const listed = db.prepare<[number, number], Claim>(
    `SELECT ${CLAIM} FROM claim_to_review r JOIN audit_log l ON l.seq = r.seq
     WHERE r.seq > ? AND l.at_ms >= ? AND r.why <> 'self-claimed' ORDER BY r.seq LIMIT ${LISTED_AT_ONCE}`,
  );
  const takeOff = db.prepare("DELETE FROM claim_to_review WHERE seq = ?");

  return {
    "audit.claims-ahead": ({ beforeMs }) => {
      const from = position.get() ?? 0;
      const to = lastOf.get(from, from + ENTRIES_AT_ONCE, beforeMs) ?? from;
      return { checkedTo: to, claims: claimsOf.all(from, to), isMore: to === from + ENTRIES_AT_ONCE };
    },
    "audit.keep-claims": ({ checkedTo, nowMs, toReview, notCheckable }) => {
      for (const { seq, why } of toReview) list.run(seq, why, nowMs);
      for (const { organisation, day, claims } of notCheckable) count.run(organisation, day, claims);
      move.run(checkedTo);
      forgetErased.run();
    },
    "audit.claims-listed": ({ after, sinceMs }) => listed.all(after, sinceMs),
    "audit.take-claims-off": (seqs) => {
      for (const seq of seqs) takeOff.run(seq);
    },
  };
}
