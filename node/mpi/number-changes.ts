import type { Database } from "better-sqlite3";

import { makeForgetting } from "./forgetting.ts";
import type { StoredIdentity } from "./identity-record.ts";
import type { IdentityRows } from "./identity-rows.ts";
import { RULE_VERSION } from "./matching.ts";
import type { Actor } from "./person-events.ts";
import type { PersonParts, Persons } from "./persons.ts";
import { isProtectedPair, type Placing } from "./placing.ts";
import { makeReviewQueue } from "./review-queue.ts";

/** The authority over numbers says that one was replaced by another. */
export interface NumberChange {
  /** Ten digits. */
  readonly old: string;
  /** Ten digits. */
  readonly new: string;
  /**
   * Adoption, gender recognition or protection, as whoever records the change says; never inferred. Such a change leads
   * nowhere and is shown nowhere: what is kept of it is that each of the two numbers, by itself, stands alone.
   */
  readonly protected: boolean;
  readonly actor: Actor;
  readonly atMs: number;
}

/** `recorded` says nothing of whether it leads anywhere: a protected number looks like any other. */
export type NumberChangeResult = { readonly kind: "recorded" | "already" | "onto-itself" | "cycle" };

export interface Confusion {
  /** Ten digits. */
  readonly nhsNumber: string;
  readonly actor: Actor;
  readonly atMs: number;
}

/** What befalls NHS numbers themselves. Only inside a transaction of the store's writer. */
export interface NumberChanges {
  /** The old number leads to the new one, both stay findable, and records under the old one are placed anew. */
  supersede(change: NumberChange): NumberChangeResult;
  /** Two people were given the number: from now on it links nobody. Who was linked by it stays so until parted. */
  confuse(confusion: Confusion): { readonly kind: "recorded" | "already" };
}

/** What a store does besides where a record comes under a number that stands under protection, or gives one up. */
export interface ProtectedChanges {
  /** Nothing is told any more of whom the identity was with. Where it is now, it seems to have been from the beginning. */
  beginAnew(identityNo: number, personBefore: number): void;
}

export function makeNumberChanges(
  db: Database,
  { rows, statements, events, numbers }: PersonParts,
  persons: Persons,
  placing: Placing,
): NumberChanges & ProtectedChanges {
  const protect = db.prepare<[number]>("INSERT OR IGNORE INTO protected_number (nhs_number) VALUES (?)");
  const forget = makeForgetting(db);
  const queue = makeReviewQueue(db);
  // A decision of the machine's moves its own identity; what others move stands apart.
  const lastPersonOf = db
    .prepare<{ no: number }, number>(
      `SELECT person FROM (
         SELECT event_no, to_person_id AS person FROM link_event WHERE identity_no = :no AND actor = 'machine'
         UNION ALL SELECT event_no, to_person_id FROM event_move WHERE identity_no = :no)
       ORDER BY event_no DESC LIMIT 1`,
    )
    .pluck();

  function supersede(change: NumberChange): NumberChangeResult {
    const [before, after] = [Number(change.old), Number(change.new)];
    if (before === after) return { kind: "onto-itself" };
    if (change.protected) {
      keepApart(before, after);
      return { kind: "recorded" };
    }
    if (numbers.isProtected(before) || numbers.isProtected(after)) return { kind: "recorded" };
    const known = statements.about(before, "superseded").find(({ one }) => one === before);
    if (known?.other === after) return { kind: "already" };
    if (numbers.chain(after).includes(before)) return { kind: "cycle" };
    const { actor, atMs } = change;
    const eventNo = events.add({ kind: "supersede", actor, atMs, reason: "number-superseded" });
    if (known !== undefined) statements.end(known, eventNo);
    statements.make({ says: "superseded", one: before, other: after, authority: "feed" }, eventNo);
    placeAnew(before, eventNo, atMs);
    return { kind: "recorded" };
  }

  /** Those under the old number go where the new one takes them, unless somebody has said with whom they belong. */
  function placeAnew(before: number, eventNo: number, atMs: number): void {
    for (const identity of withNumber(rows, before)) {
      if (persons.isHeldWith(identity, "reviewer") || persons.isHeldWith(identity, "feed")) continue;
      const decision = placing.decide(identity, identity);
      if (decision.kind === "review") queue.add({ identityNo: identity.identityNo, sinceMs: atMs, ...decision });
      if (decision.kind !== "link" || decision.personKey === identity.personKey) continue;
      const move = { identityNo: identity.identityNo, from: identity.personKey, to: decision.personKey };
      rows.move(identity, move.to);
      events.addMove(eventNo, move);
      persons.settle([move]);
    }
  }

  /**
   * Nothing that holds the two together is left: no word, no event, no redirect, no person. What that takes back is not
   * written down, for it would say what it hides.
   */
  function keepApart(before: number, after: number): void {
    forget.wordsOnNumbers(before, after);
    protect.run(before);
    protect.run(after);
    const later = new Set(withNumber(rows, after).map(({ personKey }) => personKey));
    const earlier = withNumber(rows, before);
    for (const personKey of new Set(earlier.map(({ personKey: key }) => key))) {
      forget.redirectsOf(personKey);
      if (!later.has(personKey)) continue;
      const moving = earlier.filter((identity) => identity.personKey === personKey);
      for (const { identityNo } of moving) forget.eventsWith(identityNo, personKey);
      const alone = homeOf(moving);
      for (const identity of moving) rows.move(identity, alone);
      beginHistories(moving, alone);
    }
    const sides = [withNumber(rows, before), withNumber(rows, after)] as const;
    partHistories(...sides);
    for (const { identityNo } of sides.flat()) forgetReviews(identityNo);
  }

  /** Neither side's history names anybody of the other's, or the person that they are: they may have been one before. */
  function partHistories(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): void {
    const [here, there] = [ones, others].map((side) => new Set(side.map(({ personKey }) => personKey)));
    const [peopleHere, peopleThere] = [here!, there!].map((keys) => [...keys].flatMap(rows.ofPerson));
    for (const one of peopleHere!) {
      for (const other of peopleThere!) forget.pair(one.identityNo, other.identityNo);
      for (const personKey of there!) forget.eventsWith(one.identityNo, personKey);
    }
    for (const other of peopleThere!) for (const personKey of here!) forget.eventsWith(other.identityNo, personKey);
    for (const each of [...peopleHere!, ...peopleThere!]) beginHistories([each], each.personKey);
  }

  function beginAnew(identityNo: number, personBefore: number): void {
    const identity = rows.byNo(identityNo);
    if (identity === undefined) return;
    const left = rows.ofPerson(personBefore).filter((each) => each.identityNo !== identityNo);
    forget.eventsOf(identityNo);
    forget.redirectsOf(personBefore);
    for (const other of left) forget.pair(identityNo, other.identityNo);
    for (const each of [identity, ...left]) beginHistories([each], each.personKey);
  }

  /** Where what is left of their history ends, if nobody is there; or a person of their own. */
  function homeOf([one]: readonly StoredIdentity[]): number {
    const home = one && lastPersonOf.get({ no: one.identityNo });
    return home !== undefined && rows.ofPerson(home).length === 0 ? home : rows.makePerson();
  }

  /** An identity without a history, or with one that ends elsewhere, would tell that something of it was taken away. */
  function beginHistories(identities: readonly StoredIdentity[], personKey: number): void {
    const actor = { kind: "machine", ruleVersion: RULE_VERSION } as const;
    for (const [at, { identityNo, loadedAtMs: atMs }] of identities.entries()) {
      if (lastPersonOf.get({ no: identityNo }) === personKey) continue;
      const reason = at === 0 ? "number-unknown" : "number-birth-date-initial";
      events.add({ kind: "link", actor, atMs, identityNo, to: personKey, reason });
    }
  }

  /** Nobody is to look at whether two are one of whom one stands under protection. */
  function forgetReviews(identityNo: number): void {
    for (const item of queue.with(identityNo)) {
      const record = rows.byNo(item.identityNo);
      const candidates = item.candidates.filter(
        ({ personKey }) => record !== undefined && !isProtectedPair([record], rows.ofPerson(personKey), numbers),
      );
      if (candidates.length === 0) queue.remove(item.identityNo);
      else if (candidates.length < item.candidates.length) queue.add({ ...item, candidates });
    }
  }

  return {
    supersede,
    beginAnew,
    confuse({ nhsNumber, actor, atMs }) {
      const number = Number(nhsNumber);
      if (numbers.isConfused(number)) return { kind: "already" };
      const eventNo = events.add({ kind: "confusion", actor, atMs, reason: "number-of-two-people" });
      statements.make({ says: "confused", one: number, other: number, authority: "feed" }, eventNo);
      return { kind: "recorded" };
    },
  };
}

function withNumber(rows: IdentityRows, nhsNumber: number): StoredIdentity[] {
  return rows.ofNumber(nhsNumber).filter((record) => record.nhsNumber !== "" && Number(record.nhsNumber) === nhsNumber);
}
