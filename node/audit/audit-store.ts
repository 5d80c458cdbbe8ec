import { hash } from "node:crypto";

import type { Database } from "better-sqlite3";

import { timeOfOrderedUuid } from "../base/ordered-uuid.ts";
import type { CommandHandlers } from "../storage/executor.ts";
import { emergencyHandlers } from "./emergency-store.ts";
import { makeEvidenceKept } from "./evidence.ts";
import { LOG_COLUMNS } from "./log-columns.ts";
import { retentionHandlers } from "./retention-store.ts";
import { leafOf, type LogValues } from "./tree/leaf.ts";
import { fillTree, makeTreeWriter } from "./tree/tree-store.ts";

/**
 * What happened: `restricted` is a locate stopped because the patient's location is protected, `review` that somebody
 * looked at, or decided, who is whom, `search` that somebody looked for a person, `emergency` that somebody was given
 * emergency access, `retention` up to where the log is erased.
 */
export type EntryKind =
  | "question"
  | "refused"
  | "restricted"
  | "answer"
  | "outcomes"
  | "review"
  | "search"
  | "national"
  | "emergency"
  | "retention";

/** One entry as it is written; `null` where it has no such part. The columns are explained in `DESIGN.md`. */
export interface NewEntry {
  readonly wallMs: number;
  readonly kind: EntryKind;
  readonly requestId: string;
  readonly attemptId: string | null;
  readonly permitId: string | null;
  readonly asker: string;
  readonly holder: string | null;
  readonly userId: string | null;
  readonly role: string | null;
  readonly setting: string | null;
  readonly organisation: string | null;
  readonly assurance: string | null;
  readonly purpose: string | null;
  readonly relationship: string | null;
  readonly relationshipReference: string | null;
  readonly trigger: string | null;
  readonly reason: string | null;
  readonly patient: string | null;
  readonly personId: string | null;
  readonly outcome: string;
  readonly why: string | null;
  readonly pointerIds: string | null;
  readonly detail: string | null;
  readonly evidencePayload: Uint8Array | null;
  readonly evidenceSignature: Uint8Array | null;
  readonly patientNonce: Uint8Array | null;
  readonly salt: Uint8Array;
}

/** Keys walked in one command, so that no answer waits for a long clean-up. */
const FORGET_STRETCH = 2_000;

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** Adds an entry; the result is its number. */
    "audit.append": { payload: NewEntry; result: number };
    /**
     * Adds the entry of a peer's attempt and marks the attempt as seen. One that was seen already is recorded as a
     * refusal instead, and the result says so.
     */
    "audit.append-answer": { payload: NewEntry & { readonly attemptId: string }; result: "recorded" | "replayed" };
    /**
     * Forgets attempts seen before a moment, in one stretch of keys after `after` (`null`: from the first). The result
     * is where to go on, or `null` at the end.
     */
    "audit.forget-attempts": {
      payload: { readonly beforeMs: number; readonly after: Uint8Array | null };
      result: Uint8Array | null;
    };
  }
}

/** Handlers of the audit's commands. */
export function makeHandlers(db: Database): CommandHandlers {
  const judgeTime = makeSteadyTime(db);
  const insert = db.prepare(INSERT);
  const markSeen = db.prepare("INSERT INTO seen_attempt (key, at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const forgetStretch = makeForgetStretch(db);
  fillTree(db);
  const tree = makeTreeWriter(db);
  const evidence = makeEvidenceKept();
  const append = (entry: NewEntry): number => {
    const time = judgeTime(entry.wallMs);
    const evidenceOf = evidence.find(entry, time.atMs);
    const values = valuesOf(entry, time, evidenceOf);
    const seq = Number(insert.run(...values).lastInsertRowid);
    tree.append(seq, leafOf(values));
    if (evidenceOf === undefined) evidence.added(entry, time.atMs, seq);
    return seq;
  };

  return {
    "audit.append": append,
    "audit.append-answer": (entry) => {
      const isNew = markSeen.run(attemptKey(entry), entry.wallMs).changes === 1;
      append(isNew ? entry : asReplay(entry));
      return isNew ? "recorded" : "replayed";
    },
    "audit.forget-attempts": ({ beforeMs, after }) => forgetStretch(beforeMs, after ?? new Uint8Array()),
    ...retentionHandlers(db, append),
    ...emergencyHandlers(db, append),
  };
}

/**
 * Attempt ids belong to their asker: no peer can use up another one's. An id that says when it was drawn puts its key among
 * those of its time: the newest lie on few pages, where keys at random would write a page of their own for every answer.
 */
function attemptKey({ asker, attemptId }: NewEntry & { readonly attemptId: string }): Uint8Array {
  const key = hash("sha256", `${asker}\0${attemptId}`, "buffer").subarray(0, 16);
  const time = timeOfOrderedUuid(attemptId);
  return time === undefined ? key : Buffer.concat([time, key], 16);
}

/** Keys are random, so each stretch is walked whole: a second index for the times would cost more on every answer. */
function makeForgetStretch(db: Database): (beforeMs: number, after: Uint8Array) => Uint8Array | null {
  const endOfStretch = db
    .prepare<[Uint8Array], Buffer>(
      `SELECT key FROM seen_attempt WHERE key > ? ORDER BY key LIMIT 1 OFFSET ${FORGET_STRETCH - 1}`,
    )
    .pluck();
  const forget = db.prepare("DELETE FROM seen_attempt WHERE key > ? AND key <= ? AND at_ms < ?");
  const forgetRest = db.prepare("DELETE FROM seen_attempt WHERE key > ? AND at_ms < ?");
  return (beforeMs, after) => {
    const end = endOfStretch.get(after);
    if (end === undefined) forgetRest.run(after, beforeMs);
    else forget.run(after, end, beforeMs);
    return end === undefined ? null : new Uint8Array(end);
  };
}

/** Nothing left in reply to a replayed attempt, and its entry must not look as if something had. */
function asReplay(entry: NewEntry): NewEntry {
  return { ...entry, kind: "refused", outcome: "replayed", why: null, personId: null, pointerIds: null, detail: null };
}

interface EntryTime {
  /** Never before that of the entry before it. */
  readonly atMs: number;
  /** How far behind that the wall clock was; `null` where it was not. */
  readonly clockBehindMs: number | null;
}

/** The log's own time: the wall clock's, held where the clock goes back, so that entries stay in order. */
function makeSteadyTime(db: Database): (wallMs: number) => EntryTime {
  const newest = db.prepare("SELECT at_ms FROM audit_log ORDER BY seq DESC LIMIT 1").pluck().get();
  let lastMs = Number(newest ?? 0);
  return (wallMs) => {
    lastMs = Math.max(lastMs, wallMs);
    return { atMs: lastMs, clockBehindMs: lastMs === wallMs ? null : lastMs - wallMs };
  };
}

const INSERT = `INSERT INTO audit_log (${LOG_COLUMNS.join(", ")}) VALUES (${LOG_COLUMNS.map(() => "?").join(", ")})`;

/** In the order of {@link LOG_COLUMNS}. */
function valuesOf(entry: NewEntry, time: EntryTime, evidenceOf: number | undefined): LogValues {
  return [
    time.atMs,
    time.clockBehindMs,
    entry.kind,
    entry.requestId,
    entry.attemptId,
    entry.permitId,
    entry.asker,
    entry.holder,
    entry.userId,
    entry.role,
    entry.setting,
    entry.organisation,
    entry.assurance,
    entry.purpose,
    entry.relationship,
    entry.relationshipReference,
    entry.trigger,
    entry.reason,
    entry.patient,
    entry.personId,
    entry.outcome,
    entry.why,
    entry.pointerIds,
    entry.detail,
    evidenceOf === undefined ? entry.evidencePayload : null,
    evidenceOf === undefined ? entry.evidenceSignature : null,
    evidenceOf ?? null,
    entry.patientNonce,
    entry.salt,
  ];
}
