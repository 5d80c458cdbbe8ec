import type { Database } from "better-sqlite3";

/**
 * Reports for people: who looked at this patient, what this user did, emergency access. They name role and organisation;
 * users are named where whoever asks may know.
 */

/** One look at a patient's records, or an attempt at one, as somebody outside would tell it. */
export interface Look {
  readonly seq: number;
  readonly atMs: number;
  /** What was done: asked other areas, was answered here, searched, decided who is whom. */
  readonly what: "asked" | "answered" | "refused" | "searched" | "reviewed";
  /** Where the person sits who looked: the node that asked. */
  readonly asker: string;
  readonly userId: string | undefined;
  readonly role: string | undefined;
  readonly setting: string | undefined;
  readonly organisation: string | undefined;
  readonly purpose: string | undefined;
  readonly relationship: string | undefined;
  /** In the user's own words; kept at the asker alone. */
  readonly reason: string | undefined;
  /** True where an application asked by itself and nobody had looked yet. */
  readonly automatic: boolean;
  /** Records named to whoever looked. */
  readonly records: number;
  readonly requestId: string;
}

export interface LooksSought {
  /** Ten digits, and the tokens under which this node knows the patient. */
  readonly patients?: readonly string[];
  readonly userId?: string;
  readonly purpose?: "BTG";
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a report does not cover; part of every report. */
export const NOT_COVERED =
  "This covers what went through this node of the record network. It does not cover what was opened inside the systems that " +
  "hold the records, nor what other nodes' users looked at elsewhere: ask those organisations.";

interface Row {
  readonly seq: number;
  readonly at_ms: number;
  readonly kind: string;
  readonly asker: string;
  readonly user_id: string | null;
  readonly role: string | null;
  readonly setting: string | null;
  readonly organisation: string | null;
  readonly purpose: string | null;
  readonly relationship: string | null;
  readonly reason: string | null;
  readonly trigger_kind: string | null;
  readonly pointer_ids: string | null;
  readonly request_id: string;
}

const WHAT: Readonly<Record<string, Look["what"]>> = {
  question: "asked",
  answer: "answered",
  refused: "refused",
  restricted: "refused",
  search: "searched",
  review: "reviewed",
};

/**
 * The looks that fit, oldest first. Reads the whole log: a second for each million entries.
 *
 * @param ownId own users' questions of this node's own index are told once, as asked.
 */
export function* looks(db: Database, ownId: string, sought: LooksSought): Generator<Look> {
  const { patients, userId, purpose, fromMs, toMs } = sought;
  const rows = db.prepare<(string | number)[], Row>(
    `SELECT seq, at_ms, kind, asker, user_id, role, setting, organisation, purpose, relationship, reason, trigger_kind,
       pointer_ids, request_id
     FROM audit_log WHERE at_ms >= ? AND at_ms <= ? AND kind <> 'outcomes'
       ${patients === undefined ? "" : `AND patient IN (${patients.map(() => "?").join(", ")})`}
       ${userId === undefined ? "" : "AND user_id = ?"} ${purpose === undefined ? "" : "AND purpose = ?"}
     ORDER BY seq`,
  );
  const values = [
    fromMs,
    toMs,
    ...(patients ?? []),
    ...(userId === undefined ? [] : [userId]),
    ...(purpose === undefined ? [] : [purpose]),
  ];
  for (const row of rows.iterate(...values)) {
    const what = WHAT[row.kind];
    if (what !== undefined && !(row.kind === "answer" && row.asker === ownId)) yield lookOf(row, what);
  }
}

function lookOf(row: Row, what: Look["what"]): Look {
  return {
    ...{ seq: row.seq, atMs: row.at_ms, what, asker: row.asker, requestId: row.request_id },
    ...{ userId: row.user_id ?? undefined, role: row.role ?? undefined, setting: row.setting ?? undefined },
    ...{ organisation: row.organisation ?? undefined, purpose: row.purpose ?? undefined },
    ...{ relationship: row.relationship ?? undefined, reason: row.reason ?? undefined },
    automatic: row.trigger_kind === "automatic",
    records: row.pointer_ids?.split(" ").length ?? 0,
  };
}
