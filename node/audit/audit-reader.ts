import { Concealed } from "../base/concealed.ts";
import { openDatabase } from "../storage/database.ts";
import type { EntryKind } from "./audit-store.ts";

/** One entry as it stands in the log; a part that it does not have is `undefined`. */
export interface AuditEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since the epoch; never before the entry before it. */
  readonly atMs: number;
  readonly kind: EntryKind;
  readonly requestId: string;
  readonly attemptId: string | undefined;
  readonly permitId: string | undefined;
  readonly asker: string;
  readonly holder: string | undefined;
  readonly userId: string | undefined;
  readonly role: string | undefined;
  readonly setting: string | undefined;
  readonly organisation: string | undefined;
  readonly purpose: string | undefined;
  readonly relationship: string | undefined;
  readonly reason: string | undefined;
  /** An NHS number, or a token `t:…` where this node does not know the person. */
  readonly patient: Concealed<string> | undefined;
  readonly personId: string | undefined;
  readonly outcome: string;
  /** What was truly decided, where outside it is one answer. */
  readonly why: string | undefined;
  readonly pointerIds: readonly string[];
  /** What the user was told, of an `outcomes` entry: JSON. */
  readonly detail: string | undefined;
  readonly hasEvidence: boolean;
}

export interface AuditReader {
  /** Every entry of one request, oldest first. */
  byRequest(requestId: string): readonly AuditEntry[];
  /** How many entries the log has. */
  count(): number;
  close(): void;
}

/**
 * Opens an audit log for reading, beside the node that writes it.
 *
 * @throws {Failure} `store-unavailable`: no such file, or it is damaged.
 */
export function openAuditReader(path: string): AuditReader {
  const db = openDatabase(path, { readonly: true });
  const byRequest = db.prepare<{ requestId: string }, Row>(BY_REQUEST);
  const newest = db.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM audit_log").pluck();
  return {
    byRequest: (requestId) => byRequest.all({ requestId }).map(entryOf),
    count: () => newest.get() ?? 0,
    close: () => void db.close(),
  };
}

/** Asks each stretch of the index; see its migration. The expressions must be the index's own. */
const BY_REQUEST = `
  WITH RECURSIVE stretch (number) AS (
    SELECT 0 UNION ALL
    SELECT number + 1 FROM stretch WHERE number < (SELECT max(seq) >> 12 FROM audit_log)
  )
  SELECT audit_log.* FROM stretch CROSS JOIN audit_log
    ON seq >> 12 = stretch.number AND substr(request_id, 1, 8) = substr(:requestId, 1, 8)
  WHERE request_id = :requestId
  ORDER BY seq`;

interface Row {
  readonly seq: number;
  readonly at_ms: number;
  readonly kind: EntryKind;
  readonly request_id: string;
  readonly attempt_id: string | null;
  readonly permit_id: string | null;
  readonly asker: string;
  readonly holder: string | null;
  readonly user_id: string | null;
  readonly role: string | null;
  readonly setting: string | null;
  readonly organisation: string | null;
  readonly purpose: string | null;
  readonly relationship: string | null;
  readonly reason: string | null;
  readonly patient: string | null;
  readonly person_id: string | null;
  readonly outcome: string;
  readonly why: string | null;
  readonly pointer_ids: string | null;
  readonly detail: string | null;
  readonly evidence_payload: Uint8Array | null;
  readonly evidence_of: number | null;
}

function entryOf(row: Row): AuditEntry {
  return {
    seq: row.seq,
    atMs: row.at_ms,
    kind: row.kind,
    requestId: row.request_id,
    attemptId: row.attempt_id ?? undefined,
    permitId: row.permit_id ?? undefined,
    asker: row.asker,
    holder: row.holder ?? undefined,
    userId: row.user_id ?? undefined,
    role: row.role ?? undefined,
    setting: row.setting ?? undefined,
    organisation: row.organisation ?? undefined,
    purpose: row.purpose ?? undefined,
    relationship: row.relationship ?? undefined,
    reason: row.reason ?? undefined,
    patient: row.patient === null ? undefined : new Concealed(row.patient),
    personId: row.person_id ?? undefined,
    outcome: row.outcome,
    why: row.why ?? undefined,
    pointerIds: row.pointer_ids?.split(" ") ?? [],
    detail: row.detail ?? undefined,
    hasEvidence: row.evidence_payload !== null || row.evidence_of !== null,
  };
}
