import type { Database } from "better-sqlite3";

import type { Candidate } from "./decision.ts";

/** A record that somebody is to look at. Names nobody. */
export interface ReviewItem {
  readonly identityNo: number;
  readonly sinceMs: number;
  readonly reason: string;
  /** Whom it may be, the best first. */
  readonly candidates: readonly Candidate[];
}

/** Records that stand alone because somebody should look at them. */
export interface ReviewQueue {
  /** The record stands in the queue once; what is added later replaces what was there. */
  add(item: ReviewItem): void;
  remove(identityNo: number): void;
  of(identityNo: number): ReviewItem | undefined;
  /** The items of the identity, and those in which it is among the candidates. */
  with(identityNo: number): readonly ReviewItem[];
}

export interface ReviewRow {
  readonly identityNo: number;
  readonly sinceMs: number;
  readonly reason: string;
  readonly candidates: string;
}

export const REVIEW_COLUMNS = "identity_no AS identityNo, since_ms AS sinceMs, reason, candidates";

export function makeReviewQueue(db: Database): ReviewQueue {
  const replace = db.prepare<[number, number, string, string]>(
    "INSERT OR REPLACE INTO review_item VALUES (?, ?, ?, ?)",
  );
  const remove = db.prepare<[number]>("DELETE FROM review_item WHERE identity_no = ?");
  const byIdentity = db.prepare<[number], ReviewRow>(`SELECT ${REVIEW_COLUMNS} FROM review_item WHERE identity_no = ?`);
  const forgetCandidates = db.prepare<[number]>("DELETE FROM review_candidate WHERE in_review_no = ?");
  const addCandidates = db.prepare<[number, number]>(
    `INSERT OR IGNORE INTO review_candidate
       SELECT identity_no, ? FROM identity_record WHERE current = 1 AND person_id = ?`,
  );
  const inReviewFor = db
    .prepare<[number], number>("SELECT in_review_no FROM review_candidate WHERE identity_no = ?")
    .pluck();
  function of(identityNo: number): ReviewItem | undefined {
    const row = byIdentity.get(identityNo);
    return row === undefined ? undefined : toReviewItem(row);
  }

  return {
    add({ identityNo, sinceMs, reason, candidates }) {
      replace.run(identityNo, sinceMs, reason, JSON.stringify(candidates));
      forgetCandidates.run(identityNo);
      for (const { personKey } of candidates) addCandidates.run(identityNo, personKey);
    },
    remove(identityNo) {
      if (remove.run(identityNo).changes > 0) forgetCandidates.run(identityNo);
    },
    of,
    with: (identityNo) => [identityNo, ...inReviewFor.all(identityNo)].flatMap((each) => of(each) ?? []),
  };
}

export function toReviewItem(row: ReviewRow): ReviewItem {
  return { ...row, candidates: JSON.parse(row.candidates) as Candidate[] };
}
