import type { Database } from "better-sqlite3";

import type { Random } from "../base/random.ts";
import { type Candidate, candidatesOf } from "./decision.ts";
import type { IdentityRecord, StoredIdentity } from "./identity-record.ts";
import { makeIdentityRows } from "./identity-rows.ts";
import { makeLinkCandidates } from "./link-candidates.ts";
import { makeMatchKeyStore } from "./match-keys.ts";
import { RULE_VERSION } from "./matching.ts";
import { makeNewcomers } from "./newcomers.ts";
import { makeNumberChanges, type NumberChanges } from "./number-changes.ts";
import { makeNumbers } from "./numbers.ts";
import { makePersonEvents, type Actor } from "./person-events.ts";
import { type JoinOutcome, makePersons } from "./persons.ts";
import { isProtectedPair, makePlacing } from "./placing.ts";
import { makeReviewQueue } from "./review-queue.ts";
import { makeStatements } from "./statements.ts";

/** What became of a record that was put. `older`: the provider recorded it before what is held; not kept. */
export type PutResult = "added" | "changed" | "unchanged" | "older";

/** What a provider says of two of its own local ids, and who said it. */
interface FeedWord {
  readonly provider: string;
  readonly atMs: number;
  /** The feed's name, for the history; no patient's value. */
  readonly source: string;
}

/** Two local ids are one patient there: `losing` is not used any more (A34, A40, replaced-by). */
export interface MergeWord extends FeedWord {
  readonly losing: string;
  readonly winning: string;
}

/** Two local ids are one patient there, and both go on (A24). */
export interface LinkWord extends FeedWord {
  readonly one: string;
  readonly other: string;
}

/** Why a feed's word about two ids has no effect; nothing is thrown for a feed's mistake. */
export type WordRefused<Side extends string> =
  | { readonly kind: "onto-itself" }
  /** No identity record of these is held. They may come later: the word is to be said again then. */
  | { readonly kind: "unknown"; readonly which: readonly Side[] }
  | { readonly kind: "already" }
  | { readonly kind: "refused-by-manual-decision" }
  /** Not by machine. It stands in the review queue. */
  | { readonly kind: "for-review"; readonly reason: "two-verified-numbers" | "person-too-large" };

export type MergeResult =
  | { readonly kind: "done"; readonly eventNo: number }
  | WordRefused<"losing" | "winning">
  /** The winning one was merged into the losing one before. */
  | { readonly kind: "cycle" }
  /** The losing one was merged into a third one before. */
  | { readonly kind: "merged-elsewhere" }
  /** Nothing to unmerge. */
  | { readonly kind: "not-merged" };

export type LinkResult = { readonly kind: "done"; readonly eventNo: number } | WordRefused<"one" | "other">;

/** Writes identity records and links them. Only inside a transaction of the store's writer. */
export interface IdentityStore extends NumberChanges {
  /**
   * Keeps the record as the current version of (provider, local id) and decides anew whose it is, unless a feed or a
   * reviewer has said so. Putting the same record again changes nothing.
   */
  put(record: IdentityRecord, nowMs: number): PutResult;
  /** A merge within one provider; not one of NHS numbers. Pointers and objections follow their identity. */
  merge(word: MergeWord): MergeResult;
  /** Takes a merge back (A37 after A40, or by hand): everybody is where they were. */
  unmerge(word: MergeWord): MergeResult;
  link(word: LinkWord): LinkResult;
  /** Takes a link back; two whom the machine alone had linked are parted, and stay so. */
  unlink(word: LinkWord): LinkResult;
  /** The number of (provider, local id), or `undefined` where no identity record is held. */
  identityNoOf(provider: string, localId: string): number | undefined;
  /** The local ids under which a provider knows this number now: one, unless it has the same patient twice. */
  localIdsOf(provider: string, nhsNumber: string): readonly string[];
  /** True where any identity record of this provider is held. */
  knowsAnyOf(provider: string): boolean;
  /** The record that is held of (provider, local id), or `undefined` where there is none. */
  recordOf(provider: string, localId: string): StoredIdentity | undefined;
  /** The local id into which its provider merged this one, if it did. */
  mergedInto(provider: string, localId: string): string | undefined;
}

/** Where an identity goes, and why, for the link event. */
interface Placement {
  readonly personKey: number;
  /** Absent where it stays with the person it was with. */
  readonly event?: { readonly kind: "link" | "break"; readonly reason: string; readonly score?: object | undefined };
  /** Persons whom the record shows to be the same one. */
  readonly also?: readonly Candidate[];
}

/**
 * How far linking goes: by a shared number alone, or on to everybody who may be the same person. The first is for tests of
 * what comes after linking, which need people apart whom the second would put together.
 */
export type Linking = "by-number" | "by-score";

export function makeIdentityStore(db: Database, random: Random, linking: Linking = "by-score"): IdentityStore {
  const rows = makeIdentityRows(db, random);
  const keys = makeMatchKeyStore(db);
  const [statements, events, numbers] = [makeStatements(db), makePersonEvents(db), makeNumbers(db)];
  const alikeOf = linking === "by-score" ? makeLinkCandidates(db, rows) : undefined;
  const placing = makePlacing(rows, alikeOf, statements, numbers);
  const persons = makePersons(db, { rows, statements, events, numbers });
  const newcomers = makeNewcomers(db, { rows, events }, persons, placing);
  const changes = makeNumberChanges(db, { rows, statements, events, numbers }, persons, placing);
  const queue = makeReviewQueue(db);
  const identityNoOf = db
    .prepare<[string, string], number>(
      "SELECT identity_no FROM identity_record WHERE current = 1 AND provider = ? AND local_id = ?",
    )
    .pluck();
  const localIdsOf = db
    .prepare<[string, number], string>(
      "SELECT local_id FROM identity_record WHERE current = 1 AND provider = ? AND nhs_number = ?",
    )
    .pluck();
  const anyOf = db
    .prepare<[string], number>("SELECT EXISTS (SELECT 1 FROM identity_record WHERE current = 1 AND provider = ?)")
    .pluck();

  function place(
    record: IdentityRecord,
    held: StoredIdentity | undefined,
    identityNo: number,
    nowMs: number,
  ): Placement {
    if (held !== undefined && (matchesAlike(record, held) || staysByWord(record, held))) {
      return { personKey: held.personKey };
    }
    const decision = placing.decide(record, held);
    if (held !== undefined) queue.remove(identityNo);
    if (decision.kind === "link") {
      const { personKey, reason, score, also } = decision;
      const stays = personKey === held?.personKey;
      return stays ? { personKey, also } : { personKey, also, event: { kind: "link", reason, score } };
    }
    if (decision.kind === "review") queue.add({ identityNo, sinceMs: nowMs, ...decision });
    const { reason } = decision;
    if (held === undefined) return { personKey: rows.makePerson(), event: { kind: "link", reason } };
    const left = rows.ofPerson(held.personKey).filter((each) => each.identityNo !== held.identityNo);
    // Alone with its person: there is nobody to be parted from, unless others' histories may still name that person.
    if (left.length === 0 && !isProtectedPair([record], [held], numbers)) return { personKey: held.personKey };
    const [parted] = candidatesOf(record, [{ personKey: held.personKey, records: left }]);
    return { personKey: rows.makePerson(), event: { kind: "break", reason, score: parted?.score } };
  }

  /**
   * A reviewer's word holds whatever comes but a number under protection; a feed's unless the person would have two verified
   * numbers.
   */
  function staysByWord(record: IdentityRecord, held: StoredIdentity): boolean {
    if (isProtectedPair([record], [held], numbers)) return false;
    if (persons.isHeldWith(held, "reviewer")) return true;
    if (!persons.isHeldWith(held, "feed")) return false;
    const others = rows.ofPerson(held.personKey).filter(({ identityNo }) => identityNo !== held.identityNo);
    return !persons.haveTwoNumbers([{ ...held, ...record }], others);
  }

  function put(record: IdentityRecord, nowMs: number): PutResult {
    const held = rows.current(record.provider, record.localId);
    if (held !== undefined) {
      if (isSame(record, held)) return "unchanged";
      if (isOlder(record, held)) return "older";
    }
    const recordNo = rows.nextRecordNo();
    const identityNo = held?.identityNo ?? recordNo;
    const { personKey, event, also = [] } = place(record, held, identityNo, nowMs);
    const version = (held?.version ?? 0) + 1;
    rows.replace(held, { ...record, recordNo, identityNo, version, current: true, personKey, loadedAtMs: nowMs });
    keys.add(identityNo, record);
    const actor: Actor = { kind: "machine", ruleVersion: RULE_VERSION };
    if (event !== undefined) {
      events.add({ ...event, atMs: nowMs, actor, identityNo, from: held?.personKey, to: personKey });
      if (held !== undefined) persons.settle([{ identityNo, from: held.personKey, to: personKey }]);
    }
    if (held !== undefined && isProtectedPair([record], [held], numbers)) {
      changes.beginAnew(identityNo, held.personKey);
    }
    for (const { personKey: from, score } of also) {
      persons.absorb(from, personKey, { actor, atMs: nowMs, reason: "score-with-another", score });
    }
    return held === undefined ? "added" : "changed";
  }

  /** The two identities of a word, or what is wrong with it. */
  function pairOf<Side extends string>(
    provider: string,
    sides: readonly [Side, string],
    others: readonly [Side, string],
  ): readonly [StoredIdentity, StoredIdentity] | Extract<WordRefused<Side>, { kind: "onto-itself" | "unknown" }> {
    if (sides[1] === others[1]) return { kind: "onto-itself" };
    const [one, other] = [rows.current(provider, sides[1]), rows.current(provider, others[1])];
    if (one !== undefined && other !== undefined) return [one, other];
    const which = [...(one === undefined ? [sides[0]] : []), ...(other === undefined ? [others[0]] : [])];
    return { kind: "unknown", which };
  }

  function mergePair({ provider, losing, winning }: MergeWord) {
    return pairOf(provider, ["losing", losing], ["winning", winning]);
  }

  /** What is not to be joined by machine is for somebody to look at. */
  function joinOrReview(
    kind: "merge" | "link",
    one: StoredIdentity,
    other: StoredIdentity,
    { atMs, source }: FeedWord,
  ): JoinOutcome {
    const joined = persons.join(kind, one, other, {
      actor: { kind: "feed", name: source },
      atMs,
      reason: `feed-${kind}`,
    });
    if (joined.kind !== "for-review") return joined;
    const candidates = [{ personKey: other.personKey, records: rows.ofPerson(other.personKey) }];
    queue.add({
      identityNo: one.identityNo,
      sinceMs: atMs,
      reason: joined.reason,
      candidates: candidatesOf(one, candidates),
    });
    return joined;
  }

  /** Whom the identity was merged into, if it was: a losing one, into one winning one. */
  function winnerOf(losing: StoredIdentity): number | undefined {
    return statements
      .about(losing.identityNo, "same")
      .find(({ one, madeBy, authority }) => one === losing.identityNo && authority === "feed" && isMerge(madeBy))
      ?.other;
  }

  function isMerge(eventNo: number): boolean {
    const event = events.byNo(eventNo);
    return event?.kind === "merge" || (typeof event?.undoes === "number" && isMerge(event.undoes));
  }

  function merge(word: MergeWord): MergeResult {
    const pair = mergePair(word);
    if ("kind" in pair) return pair;
    const [losing, winning] = pair;
    const winner = winnerOf(losing);
    if (winner !== undefined && winner !== winning.identityNo) return { kind: "merged-elsewhere" };
    for (let next = winnerOf(winning), steps = 0; next !== undefined; steps++) {
      if (next === losing.identityNo || steps > CHAIN_MAX) return { kind: "cycle" };
      const into = rows.byNo(next);
      next = into === undefined ? undefined : winnerOf(into);
    }
    return joinOrReview("merge", losing, winning, word);
  }

  function unmerge(word: MergeWord): MergeResult {
    const pair = mergePair(word);
    if ("kind" in pair) return pair;
    const [losing, winning] = pair;
    if (winnerOf(losing) !== winning.identityNo) return { kind: "not-merged" };
    return takeBack(losing, winning, "unmerge", word);
  }

  function link(word: LinkWord): LinkResult {
    const pair = pairOf(word.provider, ["one", word.one], ["other", word.other]);
    return "kind" in pair ? pair : joinOrReview("link", ...pair, word);
  }

  function unlink(word: LinkWord): LinkResult {
    const pair = pairOf(word.provider, ["one", word.one], ["other", word.other]);
    if ("kind" in pair) return pair;
    const [one, other] = pair;
    if (persons.sameness(one, other, "feed") !== undefined) return takeBack(one, other, "revert", word);
    const { atMs, source } = word;
    return persons.part(one, [other], { actor: { kind: "feed", name: source }, atMs, reason: "feed-unlink" });
  }

  /** Exactly, if nothing later stands on it; or else the two are parted as they are now. */
  function takeBack(
    one: StoredIdentity,
    other: StoredIdentity,
    kind: "unmerge" | "revert",
    { atMs, source }: FeedWord,
  ): Extract<MergeResult & LinkResult, { kind: "done" | "already" | "refused-by-manual-decision" }> {
    const deciding = {
      actor: { kind: "feed", name: source },
      atMs,
      reason: `feed-${kind === "revert" ? "unlink" : kind}`,
    } as const;
    const sameness = persons.sameness(one, other, "feed");
    if (sameness === undefined) return { kind: "already" };
    if (persons.sameness(one, other, "reviewer") !== undefined) return { kind: "refused-by-manual-decision" };
    const reverted = persons.revert(sameness.madeBy, kind, deciding);
    const parted = reverted.kind === "done" ? reverted : persons.split(one, sameness, kind, deciding);
    newcomers.placeAnew(sameness.madeBy, atMs);
    return parted;
  }

  return {
    supersede: changes.supersede,
    confuse: changes.confuse,
    put,
    merge,
    unmerge,
    link,
    unlink,
    identityNoOf: (provider, localId) => identityNoOf.get(provider, localId),
    localIdsOf(provider, nhsNumber) {
      const ids = localIdsOf.all(provider, Number(nhsNumber));
      // The index led here; only a verified row may say whose number it is.
      return ids.filter((localId) => {
        const record = rows.current(provider, localId);
        return record?.nhsNumber === nhsNumber && winnerOf(record) === undefined;
      });
    },
    knowsAnyOf: (provider) => anyOf.get(provider) === 1,
    recordOf: (provider, localId) => rows.current(provider, localId),
    mergedInto(provider, localId) {
      const losing = rows.current(provider, localId);
      const winner = losing && winnerOf(losing);
      return winner === undefined ? undefined : rows.byNo(winner)?.localId;
    },
  };
}

/** Merges into one another that are followed before a chain counts as a circle. */
const CHAIN_MAX = 1_000;

function isSame(record: IdentityRecord, held: StoredIdentity): boolean {
  return (Object.keys(record) as (keyof IdentityRecord)[]).every((field) => record[field] === held[field]);
}

/** True where the linking rule cannot tell the two apart: a new telephone number is no reason to decide again. */
function matchesAlike(record: IdentityRecord, held: IdentityRecord): boolean {
  return (
    record.nhsNumber === held.nhsNumber &&
    record.nhsNumberStatus === held.nhsNumberStatus &&
    record.birthDate === held.birthDate &&
    record.givenName === held.givenName &&
    record.middleName === held.middleName &&
    record.familyName === held.familyName &&
    record.gender === held.gender
  );
}

/** True where the provider itself dates the record before the one held. */
function isOlder(record: IdentityRecord, held: StoredIdentity): boolean {
  return record.recordedOn !== "" && held.recordedOn !== "" && record.recordedOn < held.recordedOn;
}
