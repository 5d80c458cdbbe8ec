import type { Database } from "better-sqlite3";

import type { ReviewReason } from "./claim-store.ts";

/**
 * Reports for people: who looked at this patient, what this user did, emergency access, claims that nobody bears out. They
 * name role and organisation; users are named where whoever asks may know.
 */

/** One look at a patient's records, or an attempt at one, as somebody outside would tell it. */
export interface Look {
  readonly seq: number;
  readonly atMs: number;
  /** What was done: asked other areas, was answered here, opened a record, searched, decided who is whom, was given emergency access. */
  readonly what: "asked" | "answered" | "opened" | "refused" | "searched" | "reviewed" | "national" | "emergency";
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
  /** Why the privacy officer is asked to look at it. */
  readonly review: ReviewReason | undefined;
}

export interface LooksSought {
  /** Ten digits, and the tokens under which this node knows the patient. */
  readonly patients?: readonly string[];
  readonly userId?: string;
  readonly purpose?: "BTG";
  /** Only what a person did, or only what an application asked by itself. */
  readonly trigger?: "person" | "automatic";
  /** Only questions whose claim to the patient nobody has borne out. */
  readonly toReview?: true;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a report does not cover; part of every report. */
export const NOT_COVERED =
  "This covers what went through this node of the record network, under the number given. It does not cover what was opened " +
  "inside the systems that hold the records, what stands under another number of the patient's, nor what other nodes' users " +
  "looked at elsewhere: ask those organisations.";

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
  readonly opens: number | null;
  readonly review: ReviewReason | null;
}

const WHAT: Readonly<Record<string, Look["what"]>> = {
  question: "asked",
  answer: "answered",
  refused: "refused",
  restricted: "refused",
  search: "searched",
  review: "reviewed",
  national: "national",
  emergency: "emergency",
};

/**
 * The looks that fit, oldest first. Reads the whole log: a second for each million entries.
 *
 * @param ownId own users' questions of this node's own index are told once, as asked.
 */
export function* looks(db: Database, ownId: string, sought: LooksSought): Generator<Look> {
  const { patients, userId, purpose, trigger, toReview, fromMs, toMs } = sought;
  const wanted: readonly (readonly [string, readonly (string | number)[]])[] = [
    ["at_ms >= ? AND at_ms <= ? AND kind <> 'outcomes'", [fromMs, toMs]],
    ...(patients === undefined ? [] : [[`patient IN (${patients.map(() => "?").join(", ")})`, patients] as const]),
    ...(userId === undefined ? [] : [["user_id = ?", [userId]] as const]),
    ...(purpose === undefined ? [] : [["purpose = ?", [purpose]] as const]),
    ...(trigger === undefined ? [] : [["coalesce(trigger_kind, 'person') = ?", [trigger]] as const]),
    ...(toReview === undefined ? [] : [["review IS NOT NULL", []] as const]),
  ];
  const rows = db.prepare<(string | number)[], Row>(
    `SELECT seq, at_ms, kind, asker, user_id, role, setting, organisation, purpose, relationship, reason, trigger_kind,
       pointer_ids, request_id, outcome = 'opened' OR json_extract(detail, '$.opens') IS NOT NULL AS opens,
       (SELECT r.why FROM claim_to_review r WHERE r.seq = audit_log.seq) AS review
     FROM audit_log WHERE ${wanted.map(([condition]) => condition).join(" AND ")} ORDER BY seq`,
  );
  for (const row of rows.iterate(...wanted.flatMap(([, values]) => values))) {
    const what = WHAT[row.kind];
    if (what === undefined || (row.kind === "answer" && row.asker === ownId)) continue;
    yield lookOf(row, row.opens === 1 && what !== "refused" ? "opened" : what);
  }
}

/** Claimed attendances that could not be checked, by organisation: it tells this node of none. */
export function claimsNotCheckable(
  db: Database,
  { fromMs, toMs }: Pick<LooksSought, "fromMs" | "toMs">,
): readonly { readonly organisation: string; readonly claims: number }[] {
  return db
    .prepare<[number, number], { organisation: string; claims: number }>(
      `SELECT organisation, sum(claims) AS claims FROM claims_not_checkable
       WHERE unixepoch(day) * 1000 >= ? - 86400000 AND unixepoch(day) * 1000 <= ? GROUP BY organisation ORDER BY organisation`,
    )
    .all(fromMs, toMs);
}

function lookOf(row: Row, what: Look["what"]): Look {
  return {
    ...{ seq: row.seq, atMs: row.at_ms, what, asker: row.asker, requestId: row.request_id },
    ...{ userId: row.user_id ?? undefined, role: row.role ?? undefined, setting: row.setting ?? undefined },
    ...{ organisation: row.organisation ?? undefined, purpose: row.purpose ?? undefined },
    ...{ relationship: row.relationship ?? undefined, reason: row.reason ?? undefined },
    automatic: row.trigger_kind === "automatic",
    records: row.pointer_ids?.split(" ").length ?? 0,
    review: row.review ?? undefined,
  };
}
