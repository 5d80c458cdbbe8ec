import type { Database } from "better-sqlite3";

import type { Random } from "../base/random.ts";
import type { Candidate } from "./decision.ts";
import type { StoredIdentity } from "./identity-record.ts";
import { makeIdentityRows } from "./identity-rows.ts";
import { makeLinkCandidates } from "./link-candidates.ts";
import { makeNewcomers } from "./newcomers.ts";
import { makeNumberChanges, type NumberChangeResult } from "./number-changes.ts";
import { makeNumbers } from "./numbers.ts";
import { type Actor, actorText, makePersonEvents, type PersonEvent } from "./person-events.ts";
import { type JoinOutcome, makePersons, type PartOutcome } from "./persons.ts";
import { makePersonNow } from "./person-redirects.ts";
import { makePlacing } from "./placing.ts";
import { makeReviewQueue } from "./review-queue.ts";
import { makeStatements } from "./statements.ts";

export type Verdict = "same" | "different" | "unsure";

/** What somebody decides by hand about identities, named by their numbers. */
export type HandChange =
  /** `personKey`: one of the candidates of the record in review. */
  | { readonly kind: "decide"; readonly identityNo: number; readonly personKey: number; readonly verdict: Verdict }
  | { readonly kind: "undecide"; readonly verdictNo: number }
  /** They are one person's. `merge`: and the first is not used any more. */
  | { readonly kind: "link" | "merge"; readonly identityNo: number; readonly otherIdentityNo: number }
  /** Takes back what was said last of these two: that they are the same. */
  | { readonly kind: "unmerge"; readonly identityNo: number; readonly otherIdentityNo: number }
  /** It is nobody's of those with whom it is. */
  | { readonly kind: "break"; readonly identityNo: number }
  | { readonly kind: "revert"; readonly eventNo: number }
  /** One NHS number was replaced by another; ten digits each. `protected` as {@link NumberChange} says. */
  | { readonly kind: "supersede"; readonly old: string; readonly new: string; readonly protected: boolean }
  /** Two people were given this number: it links nobody any more. */
  | { readonly kind: "confuse"; readonly nhsNumber: string };

/** Who decides by hand, when and why. */
export interface ByHand {
  readonly actor: Extract<Actor, { kind: "user" }>;
  readonly atMs: number;
  /** In the reviewer's words; no patient's value. */
  readonly reason: string;
}

/** What became of a decision made by hand. */
export type HandOutcome =
  | { readonly kind: "done"; readonly eventNo?: number; readonly verdictNo?: number }
  /** Nothing changed: it is so already, or was undone already. */
  | { readonly kind: "already" }
  | { readonly kind: "unknown" }
  | { readonly kind: "onto-itself" }
  | { readonly kind: "cycle" }
  /** Another decision made by hand says otherwise: that one must be taken back first. */
  | { readonly kind: "conflicts" }
  | { readonly kind: "not-in-review" }
  | { readonly kind: "nothing-to-undo" }
  | { readonly kind: "overtaken" };

/** Decisions by hand. They outrank feeds and the machine. Only inside a transaction of the store's writer. */
export interface ReviewDesk {
  change(change: HandChange, by: ByHand): HandOutcome;
}

export function makeReviewDesk(db: Database, random: Random): ReviewDesk {
  const rows = makeIdentityRows(db, random);
  const [statements, events, numbers] = [makeStatements(db), makePersonEvents(db), makeNumbers(db)];
  const persons = makePersons(db, { rows, statements, events, numbers });
  const queue = makeReviewQueue(db);
  const placing = makePlacing(rows, makeLinkCandidates(db, rows), statements, numbers);
  const newcomers = makeNewcomers(db, { rows, events }, persons, placing);
  const changes = makeNumberChanges(db, { rows, statements, events, numbers }, persons, placing);
  const addVerdict = db.prepare<[number, number, number, Verdict, number, string, number | null]>(
    `INSERT INTO review_verdict (at_ms, identity_no, person_id, verdict, weight, actor, event_no)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const verdictOf = db.prepare<[number], VerdictRow>(
    `SELECT identity_no AS identityNo, person_id AS personKey, weight, event_no AS eventNo, undone
       FROM review_verdict WHERE verdict_no = ?`,
  );
  const setUndone = db.prepare<[number]>("UPDATE review_verdict SET undone = 1 WHERE verdict_no = ?");
  const verdictOfEvent = db
    .prepare<[number], number>("SELECT verdict_no FROM review_verdict WHERE event_no = ? AND undone = 0")
    .pluck();
  // A candidate may have been merged into somebody else since.
  const personNow = makePersonNow(db);

  function decide(identityNo: number, personKey: number, verdict: Verdict, by: ByHand): HandOutcome {
    const [item, identity] = [queue.of(identityNo), rows.byNo(identityNo)];
    // By who it is now: whoever was shown somebody else, merged since, has not seen whom the record would join.
    const candidate = item?.candidates.find((each) => personNow(each.personKey) === personKey);
    if (item === undefined || identity === undefined || candidate === undefined) return { kind: "not-in-review" };
    const outcome = carryOut(identity, candidate, verdict, by);
    if (outcome.kind === "already") queue.remove(identityNo); // somebody has joined them otherwise
    if (outcome.kind !== "done") return outcome;
    const { lastInsertRowid } = addVerdict.run(
      ...([by.atMs, identityNo, personKey, verdict, candidate.score.weight, actorText(by.actor)] as const),
      outcome.eventNo ?? null,
    );
    if (verdict !== "unsure") {
      const left = item.candidates.filter((each) => personNow(each.personKey) !== personKey);
      if (verdict === "same" || left.length === 0) queue.remove(identityNo);
      else queue.add({ ...item, candidates: left });
    }
    return { ...outcome, verdictNo: Number(lastInsertRowid) };
  }

  function carryOut(
    identity: StoredIdentity,
    { personKey, score }: Candidate,
    verdict: Verdict,
    by: ByHand,
  ): HandOutcome {
    const members = rows.ofPerson(personNow(personKey)).filter((each) => each.identityNo !== identity.identityNo);
    const [anchor] = members;
    if (anchor === undefined) return { kind: "overtaken" };
    if (verdict === "unsure") return { kind: "done" };
    const deciding = { ...by, score };
    return settled(
      verdict === "same" ? persons.join("link", identity, anchor, deciding) : persons.part(identity, members, deciding),
    );
  }

  function undo(eventNo: number, kind: "revert" | "unmerge", by: ByHand): HandOutcome {
    const outcome = persons.revert(eventNo, kind, by);
    if (outcome.kind === "done") newcomers.placeAnew(eventNo, by.atMs);
    return outcome;
  }

  function undecide(verdictNo: number, by: ByHand): HandOutcome {
    const verdict = verdictOf.get(verdictNo);
    if (verdict === undefined) return { kind: "unknown" };
    if (verdict.undone === 1) return { kind: "already" };
    const event = verdict.eventNo === null ? undefined : events.byNo(verdict.eventNo);
    if (event !== undefined) {
      const outcome = undo(event.eventNo, "revert", by);
      if (outcome.kind !== "done") return outcome;
    }
    putBack(verdictNo, verdict, event, by.atMs);
    return { kind: "done" };
  }

  /** The record stands in review again, with the person of whom nothing is said any more. */
  function putBack(
    verdictNo: number,
    { identityNo, personKey, weight }: VerdictRow,
    event: PersonEvent | undefined,
    atMs: number,
  ) {
    setUndone.run(verdictNo);
    if (event === undefined) return;
    const score = event.score === null ? { weight, fields: [] } : (JSON.parse(event.score) as Candidate["score"]);
    const item = queue.of(identityNo) ?? { identityNo, sinceMs: atMs, reason: "undecided", candidates: [] };
    const others = item.candidates.filter((each) => each.personKey !== personKey);
    const candidates = [...others, { personKey, score }].sort((a, b) => b.score.weight - a.score.weight);
    queue.add({ ...item, candidates });
  }

  function joinTwo(kind: "link" | "merge", pair: Pair, by: ByHand): HandOutcome {
    if (pair.identityNo === pair.otherIdentityNo) return { kind: "onto-itself" };
    const [one, other] = [rows.byNo(pair.identityNo), rows.byNo(pair.otherIdentityNo)];
    if (one === undefined || other === undefined) return { kind: "unknown" };
    const outcome = settled(persons.join(kind, one, other, by));
    if (outcome.kind === "done") queue.remove(one.identityNo);
    return outcome;
  }

  function unmerge(pair: Pair, by: ByHand): HandOutcome {
    const [one, other] = [rows.byNo(pair.identityNo), rows.byNo(pair.otherIdentityNo)];
    if (one === undefined || other === undefined) return { kind: "unknown" };
    const said = persons.sameness(one, other, "reviewer") ?? persons.sameness(one, other, "feed");
    return said === undefined ? { kind: "nothing-to-undo" } : undo(said.madeBy, "unmerge", by);
  }

  function breakOff(identityNo: number, by: ByHand): HandOutcome {
    const identity = rows.byNo(identityNo);
    return identity === undefined ? { kind: "unknown" } : settled(persons.part(identity, undefined, by));
  }

  function revert(eventNo: number, by: ByHand): HandOutcome {
    const verdictNo = verdictOfEvent.get(eventNo);
    return verdictNo === undefined ? undo(eventNo, "revert", by) : undecide(verdictNo, by);
  }

  return {
    change(change, by) {
      switch (change.kind) {
        case "decide":
          return decide(change.identityNo, change.personKey, change.verdict, by);
        case "undecide":
          return undecide(change.verdictNo, by);
        case "link":
        case "merge":
          return joinTwo(change.kind, change, by);
        case "unmerge":
          return unmerge(change, by);
        case "break":
          return breakOff(change.identityNo, by);
        case "revert":
          return revert(change.eventNo, by);
        case "supersede":
          return recorded(changes.supersede({ ...change, ...by }));
        case "confuse":
          return recorded(changes.confuse({ ...change, ...by }));
      }
    },
  };
}

/** Without its event's number: a change under protection has none, and is not to be told from another. */
function recorded({ kind }: NumberChangeResult): HandOutcome {
  return { kind: kind === "recorded" ? "done" : kind };
}

interface Pair {
  readonly identityNo: number;
  readonly otherIdentityNo: number;
}

interface VerdictRow {
  readonly identityNo: number;
  readonly personKey: number;
  readonly weight: number;
  readonly eventNo: number | null;
  readonly undone: number;
}

function settled(outcome: JoinOutcome | PartOutcome): HandOutcome {
  switch (outcome.kind) {
    case "refused-by-manual-decision":
    case "for-review":
      return { kind: "conflicts" };
    default:
      return outcome;
  }
}
