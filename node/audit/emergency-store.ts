import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import type { CommandHandlers } from "../storage/executor.ts";
import type { NewEntry } from "./audit-store.ts";

/** Emergency access that is to be reviewed. Names no patient: a keyed token of this node stands for them. */
export interface EmergencyCase {
  readonly caseId: string;
  /** `asker`: given here to an own user. `holder`: another node's user was shown records of this node's by it. */
  readonly side: "asker" | "holder";
  /** Node id of the user's node. */
  readonly asker: string;
  readonly userId: string;
  readonly role: string;
  readonly organisation: string;
  readonly patient: string;
  /** At the asker alone; so are the next three. */
  readonly reasonCode: string | null;
  readonly credentials: "re-checked" | "not-re-checked" | null;
  readonly expiresAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly openedAtMs: number;
  /** The last day for the review, `YYYY-MM-DD`. */
  readonly dueOn: string;
  /** `null` until the privacy officer's address took the alert. */
  readonly alertedAtMs: number | null;
  /** `null` until reviewed; so are the next three. */
  readonly outcome: string | null;
  readonly reviewedBy: string | null;
  readonly reviewedAtMs: number | null;
  readonly note: string | null;
}

/** A case as it begins. */
export type NewCase = Omit<
  EmergencyCase,
  "endedAtMs" | "alertedAtMs" | "outcome" | "reviewedBy" | "reviewedAtMs" | "note"
>;

/** What one privacy officer asked another about a case, or answered. */
export interface EmergencyLetter {
  readonly letterId: string;
  readonly caseId: string;
  readonly requestId: string;
  readonly kind: "challenge" | "explanation";
  readonly otherNode: string;
  readonly direction: "sent" | "received";
  readonly userId: string;
  readonly text: string;
  readonly atMs: number;
  /** `null` until the other node took it. */
  readonly sentAtMs: number | null;
}

export interface ShownCase {
  readonly of: EmergencyCase;
  readonly requestIds: readonly string[];
  readonly letters: readonly EmergencyLetter[];
}

/** Of one user's questions about one patient within this time, a holder makes one case: as long as access lasts. */
const HOLDER_CASE_MS = 60 * 60_000;

/** What is handed out at once of what waits to be sent. */
const WAITING_MAX = 100;

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** Gives access: the entry and the case, together. */
    "emergency.grant": { payload: { readonly entry: NewEntry; readonly opens: NewCase }; result: null };
    /** Access under which somebody may ask at this moment. */
    "emergency.in-force": { payload: { readonly nowMs: number }; result: readonly EmergencyCase[] };
    /** Ends access before its time; false where it is over or not there. */
    "emergency.end": { payload: { readonly caseId: string; readonly atMs: number }; result: boolean };
    /** That a question is asked under access given here. */
    "emergency.ask": { payload: { readonly caseId: string; readonly requestId: string }; result: null };
    /** That records leave; the same user and patient within an hour are one case. True where it is a new one. */
    "emergency.disclose": { payload: { readonly opens: NewCase; readonly requestId: string }; result: boolean };
    /** All that are not reviewed yet, or all; the oldest first. */
    "emergency.list": { payload: { readonly open: boolean }; result: readonly EmergencyCase[] };
    "emergency.show": { payload: { readonly caseId: string }; result: ShownCase | null };
    /** The case of this side to which a request belongs. */
    "emergency.of-request": {
      payload: { readonly requestId: string; readonly side: EmergencyCase["side"] };
      result: EmergencyCase | null;
    };
    /** Once; false where somebody reviewed it before. */
    "emergency.review": {
      payload: Pick<EmergencyCase, "caseId" | "outcome" | "reviewedBy" | "reviewedAtMs" | "note">;
      result: boolean;
    };
    /** Keeps a letter; one that came before is kept once. */
    "emergency.keep-letter": { payload: EmergencyLetter; result: null };
    /** What was not delivered yet, the oldest first. */
    "emergency.waiting": {
      payload: null;
      result: { readonly alerts: readonly EmergencyCase[]; readonly letters: readonly EmergencyLetter[] };
    };
    "emergency.alerted": { payload: { readonly caseId: string; readonly atMs: number }; result: null };
    "emergency.letter-sent": { payload: { readonly letterId: string; readonly atMs: number }; result: null };
  }
}

const CASE_COLUMNS =
  "case_id AS caseId, side, asker, user_id AS userId, role, organisation, patient, reason_code AS reasonCode, credentials, " +
  "expires_at_ms AS expiresAtMs, ended_at_ms AS endedAtMs, opened_at_ms AS openedAtMs, due_on AS dueOn, " +
  "alerted_at_ms AS alertedAtMs, outcome, reviewed_by AS reviewedBy, reviewed_at_ms AS reviewedAtMs, note";
const LETTER_COLUMNS =
  "letter_id AS letterId, case_id AS caseId, request_id AS requestId, kind, other_node AS otherNode, direction, " +
  "user_id AS userId, text, at_ms AS atMs, sent_at_ms AS sentAtMs";

/** Handlers of emergency access. @param append adds an entry to the audit, in the same transaction. */
export function emergencyHandlers(db: Database, append: (entry: NewEntry) => number): CommandHandlers {
  const open = db.prepare<NewCase>(
    `INSERT INTO emergency_case (case_id, side, asker, user_id, role, organisation, patient, reason_code, credentials,
       expires_at_ms, opened_at_ms, due_on)
     VALUES (@caseId, @side, @asker, @userId, @role, @organisation, @patient, @reasonCode, @credentials, @expiresAtMs,
       @openedAtMs, @dueOn)`,
  );
  const link = db.prepare<[string, string]>(
    "INSERT INTO emergency_request (request_id, case_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  const cases = (where: string) =>
    db.prepare<unknown[], EmergencyCase>(`SELECT ${CASE_COLUMNS} FROM emergency_case ${where}`);
  const letters = (where: string) =>
    db.prepare<unknown[], EmergencyLetter>(`SELECT ${LETTER_COLUMNS} FROM emergency_letter ${where}`);
  const one = cases("WHERE case_id = ?");
  const inForce = cases("WHERE side = 'asker' AND ended_at_ms IS NULL AND expires_at_ms > ?");
  const alike = cases(
    `WHERE side = 'holder' AND asker = ? AND user_id = ? AND organisation = ? AND patient = ? AND outcome IS NULL
       AND opened_at_ms > ? ORDER BY opened_at_ms DESC LIMIT 1`,
  );
  const notReviewed = cases("WHERE outcome IS NULL ORDER BY opened_at_ms");
  const every = cases("ORDER BY opened_at_ms");
  const ofRequest = cases(
    "JOIN emergency_request USING (case_id) WHERE request_id = ? AND side = ? ORDER BY opened_at_ms LIMIT 1",
  );
  const unalerted = cases(`WHERE alerted_at_ms IS NULL ORDER BY opened_at_ms LIMIT ${WAITING_MAX}`);
  const unsent = letters(`WHERE sent_at_ms IS NULL ORDER BY at_ms LIMIT ${WAITING_MAX}`);
  const lettersOf = letters("WHERE case_id = ? ORDER BY at_ms");
  const requestsOf = db
    .prepare<[string], string>("SELECT request_id FROM emergency_request WHERE case_id = ? ORDER BY request_id")
    .pluck();
  const end = db.prepare<[number, string, number]>(
    "UPDATE emergency_case SET ended_at_ms = ? WHERE case_id = ? AND ended_at_ms IS NULL AND expires_at_ms > ?",
  );
  const review = db.prepare(
    "UPDATE emergency_case SET outcome = ?, reviewed_by = ?, reviewed_at_ms = ?, note = ? WHERE case_id = ? AND outcome IS NULL",
  );
  const keep = db.prepare<EmergencyLetter>(
    `INSERT INTO emergency_letter VALUES (@letterId, @caseId, @requestId, @kind, @otherNode, @direction, @userId, @text, @atMs,
       @sentAtMs) ON CONFLICT DO NOTHING`,
  );
  const alerted = db.prepare<[number, string]>("UPDATE emergency_case SET alerted_at_ms = ? WHERE case_id = ?");
  const sent = db.prepare<[number, string]>("UPDATE emergency_letter SET sent_at_ms = ? WHERE letter_id = ?");

  return {
    "emergency.grant": ({ entry, opens }) => {
      append(entry);
      open.run(opens);
      return null;
    },
    "emergency.in-force": ({ nowMs }) => inForce.all(nowMs),
    "emergency.end": ({ caseId, atMs }) => end.run(atMs, caseId, atMs).changes === 1,
    "emergency.ask": ({ caseId, requestId }) => {
      link.run(requestId, caseId);
      return null;
    },
    "emergency.disclose": ({ opens, requestId }) => {
      const { asker, userId, organisation, patient, openedAtMs } = opens;
      const held = alike.get(asker, userId, organisation, patient, openedAtMs - HOLDER_CASE_MS);
      if (held === undefined) open.run(opens);
      link.run(requestId, (held ?? opens).caseId);
      return held === undefined;
    },
    "emergency.list": ({ open: onlyOpen }) => (onlyOpen ? notReviewed : every).all(),
    "emergency.show": ({ caseId }) => {
      const of = one.get(caseId);
      return of === undefined ? null : { of, requestIds: requestsOf.all(caseId), letters: lettersOf.all(caseId) };
    },
    "emergency.of-request": ({ requestId, side }) => ofRequest.get(requestId, side) ?? null,
    "emergency.review": ({ caseId, outcome, reviewedBy, reviewedAtMs, note }) =>
      review.run(outcome, reviewedBy, reviewedAtMs, note, caseId).changes === 1,
    "emergency.keep-letter": (letter) => {
      check(one.get(letter.caseId) !== undefined, "a letter is about a case that is there");
      keep.run(letter);
      return null;
    },
    "emergency.waiting": () => ({ alerts: unalerted.all(), letters: unsent.all() }),
    "emergency.alerted": ({ caseId, atMs }) => {
      alerted.run(atMs, caseId);
      return null;
    },
    "emergency.letter-sent": ({ letterId, atMs }) => {
      sent.run(atMs, letterId);
      return null;
    },
  };
}
