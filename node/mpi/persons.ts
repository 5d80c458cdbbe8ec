import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import type { StoredIdentity } from "./identity-record.ts";
import type { IdentityRows } from "./identity-rows.ts";
import { personsContradict, type MatchDetails } from "./matching.ts";
import type { Numbers } from "./numbers.ts";
import type { Actor, EventKind, Move, PersonEvent, PersonEvents } from "./person-events.ts";
import { canonically, isProtectedPair, PERSON_IDENTITIES_MAX } from "./placing.ts";
import type { Authority, Statement, Statements } from "./statements.ts";

/** Who decides, when and why. */
export interface Deciding {
  readonly actor: Actor;
  readonly atMs: number;
  readonly reason: string;
  readonly score?: object | undefined;
}

/** Why two were not made one. */
export type JoinRefusal =
  /** A reviewer has said otherwise; somebody has to take that back first. */
  | { readonly kind: "refused-by-manual-decision" }
  /** Not without somebody looking at it. */
  | { readonly kind: "for-review"; readonly reason: "two-verified-numbers" | "person-too-large" };

export type JoinOutcome =
  { readonly kind: "done"; readonly eventNo: number } | { readonly kind: "already" } | JoinRefusal;

export type PartOutcome =
  | { readonly kind: "done"; readonly eventNo: number }
  | { readonly kind: "already" }
  | { readonly kind: "refused-by-manual-decision" };

export type RevertOutcome =
  | { readonly kind: "done"; readonly eventNo: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "already" }
  /** Nothing that could be taken back: the first record of a person, for one. */
  | { readonly kind: "nothing-to-undo" }
  /** Later decisions stand on it: those first. */
  | { readonly kind: "overtaken" };

/** Makes persons one and parts them, by a feed's or a reviewer's word. Only inside a transaction of the store's writer. */
export interface Persons {
  /**
   * Brings `one` to the person of `other`: with everybody of its own person if nothing speaks against it, or else alone,
   * with whom it was said to be the same as.
   */
  join(kind: EventKind, one: StoredIdentity, other: StoredIdentity, deciding: Deciding): JoinOutcome;
  /**
   * Says that `one` is none of these: it leaves their person, if it is theirs, and is not joined to them again.
   *
   * @param others of one person; by default everybody with whom it is.
   */
  part(one: StoredIdentity, others: readonly StoredIdentity[] | undefined, deciding: Deciding): PartOutcome;
  /** Undoes one event exactly, or not at all. A reviewer who undoes what a feed or the machine did has decided otherwise. */
  revert(eventNo: number, kind: "revert" | "unmerge", deciding: Deciding): RevertOutcome;
  /** Ends a word that the two are the same; with whom it stands otherwise, `one` leaves for a person of its own. */
  split(
    one: StoredIdentity,
    sameness: Statement,
    kind: "revert" | "unmerge",
    deciding: Deciding,
  ): Extract<PartOutcome, { kind: "done" }>;
  /** The statement of this authority that the two are the same, if there is one. */
  sameness(one: StoredIdentity, other: StoredIdentity, authority: Authority): Statement | undefined;
  /** True where others than the machine have said with whom this identity belongs, and it is there. */
  isHeldWith(identity: StoredIdentity, authority: Authority): boolean;
  /**
   * The machine's: everybody of `from` comes to `into`, by one event. Nothing happens where anybody has said otherwise, or
   * where the person would have two verified numbers or become too large.
   */
  absorb(from: number, into: number, deciding: Deciding): void;
  /** Leaves `from` behind as a redirect where nobody of it is left. */
  settle(moves: readonly Move[]): void;
  /** True where both have a verified number, and not the same one. */
  haveTwoNumbers(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean;
}

export interface PersonParts {
  readonly rows: IdentityRows;
  readonly statements: Statements;
  readonly events: PersonEvents;
  readonly numbers: Numbers;
}

export function makePersons(db: Database, { rows, statements, events, numbers }: PersonParts): Persons {
  const redirect = db.prepare<[number, number]>("INSERT OR REPLACE INTO person_redirect VALUES (?, ?)");
  const endRedirect = db.prepare<[number]>("DELETE FROM person_redirect WHERE from_person_id = ?");

  /** The one of the two that a statement about `identityNo` names besides. */
  const otherOf = ({ one, other }: Statement, identityNo: number): number => (one === identityNo ? other : one);

  /** Those of the same person who were said to be the same as this one, directly or through others; itself first. */
  function bodyOf(identity: StoredIdentity, authority: Authority): StoredIdentity[] {
    const members = new Map(rows.ofPerson(identity.personKey).map((member) => [member.identityNo, member]));
    const body = new Map([[identity.identityNo, identity]]);
    for (const [identityNo] of body) {
      for (const statement of statements.about(identityNo, "same")) {
        if (authority === "reviewer" && statement.authority === "feed") continue;
        const member = members.get(otherOf(statement, identityNo));
        if (member !== undefined && !body.has(member.identityNo)) body.set(member.identityNo, member);
      }
    }
    return [...body.values()];
  }

  /** What says of any of the ones that they are not any of the others. */
  function differences(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): Statement[] {
    const there = new Set(others.map(({ identityNo }) => identityNo));
    return ones.flatMap(({ identityNo }) =>
      statements.about(identityNo, "different").filter((statement) => there.has(otherOf(statement, identityNo))),
    );
  }

  function refusalOf(
    moving: readonly StoredIdentity[],
    target: readonly StoredIdentity[],
    authority: Authority,
  ): JoinRefusal | undefined {
    const manual = differences(moving, target).some((statement) => statement.authority === "reviewer");
    if (manual || isProtectedPair(moving, target, numbers)) return { kind: "refused-by-manual-decision" };
    if (authority === "reviewer") return undefined;
    if (haveTwoNumbers(moving, target)) return { kind: "for-review", reason: "two-verified-numbers" };
    if (moving.length + target.length > PERSON_IDENTITIES_MAX)
      return { kind: "for-review", reason: "person-too-large" };
    return undefined;
  }

  function haveTwoNumbers(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean {
    const [a, b] = [detailsOf(ones), detailsOf(others)];
    return a.verifiedNumbers.some((one) => b.verifiedNumbers.some((other) => one !== other));
  }

  function detailsOf(records: readonly StoredIdentity[]): MatchDetails {
    const current = records.map((record) => canonically(record, numbers));
    const verified = current.filter(({ nhsNumberStatus, nhsNumber }) => nhsNumberStatus === "01" && nhsNumber !== "");
    return {
      verifiedNumbers: verified.map(({ nhsNumber }) => nhsNumber),
      birthDates: current.map(({ birthDate }) => birthDate),
      genders: current.map(({ gender }) => gender),
      givenNames: current.map(({ givenName }) => givenName),
    };
  }

  /** Whom to move, or why nobody: a whole person where nothing in it contradicts, so that one record is no bridge. */
  function whoMoves(
    one: StoredIdentity,
    other: StoredIdentity,
    authority: Authority,
  ): readonly StoredIdentity[] | JoinRefusal {
    if (one.personKey === other.personKey) {
      return refusalOf([one], [other], authority) ?? [];
    }
    const target = rows.ofPerson(other.personKey);
    const person = rows.ofPerson(one.personKey);
    const fits = !personsContradict(detailsOf(person), detailsOf(target));
    if (fits && refusalOf(person, target, authority) === undefined) return person;
    const body = bodyOf(one, authority);
    return refusalOf(body, target, authority) ?? body;
  }

  function apply(moving: readonly StoredIdentity[], to: number, eventNo: number): Move[] {
    const moves = moving.map(({ identityNo, personKey }) => ({ identityNo, from: personKey, to }));
    for (const [at, move] of moves.entries()) {
      rows.move(moving[at]!, to);
      events.addMove(eventNo, move);
    }
    settle(moves);
    return moves;
  }

  function settle(moves: readonly Move[]): void {
    for (const { from, to } of moves) {
      endRedirect.run(to);
      if (from !== to && rows.ofPerson(from).length === 0) redirect.run(from, to);
    }
  }

  function join(kind: EventKind, one: StoredIdentity, other: StoredIdentity, deciding: Deciding): JoinOutcome {
    const authority = authorityOf(deciding.actor);
    if (one.personKey === other.personKey && sameness(one, other, authority) !== undefined) return { kind: "already" };
    const moving = whoMoves(one, other, authority);
    if ("kind" in moving) return moving;
    const overridden =
      moving.length === 0 ? differences([one], [other]) : differences(moving, rows.ofPerson(other.personKey));
    const eventNo = events.add({ ...decided(kind, one, other, deciding), from: one.personKey, to: other.personKey });
    for (const statement of overridden) statements.end(statement, eventNo);
    if (sameness(one, other, authority) === undefined) {
      statements.make({ says: "same", one: one.identityNo, other: other.identityNo, authority }, eventNo);
    }
    apply(moving, other.personKey, eventNo);
    return { kind: "done", eventNo };
  }

  function absorb(from: number, into: number, deciding: Deciding): void {
    const [moving, target] = [rows.ofPerson(from), rows.ofPerson(into)];
    if (moving.length === 0 || differences(moving, target).length > 0) return;
    if (refusalOf(moving, target, "feed") !== undefined) return;
    apply(moving, into, events.add({ ...deciding, kind: "merge", from, to: into }));
  }

  function part(
    one: StoredIdentity,
    others: readonly StoredIdentity[] | undefined,
    deciding: Deciding,
    back?: number,
  ): PartOutcome {
    const authority = authorityOf(deciding.actor);
    const together = others === undefined || others.some(({ personKey }) => personKey === one.personKey);
    const body = bodyOf(one, authority);
    const inBody = new Set(body.map(({ identityNo }) => identityNo));
    if (others?.some(({ identityNo }) => inBody.has(identityNo)) === true)
      return { kind: "refused-by-manual-decision" };
    const rest = rows.ofPerson(one.personKey).filter(({ identityNo }) => !inBody.has(identityNo));
    const apart = together ? rest : others;
    const known = new Set(
      differences([one], apart)
        .filter((statement) => statement.authority === authority)
        .map((statement) => otherOf(statement, one.identityNo)),
    );
    const news = apart.filter(({ identityNo }) => !known.has(identityNo));
    if (apart.length === 0 || (!together && news.length === 0)) return { kind: "already" };
    const to = together ? (back ?? rows.makePerson()) : one.personKey;
    const [other] = others ?? [];
    const eventNo = events.add({ ...decided("break", one, other, deciding), from: one.personKey, to });
    for (const { identityNo } of news) {
      statements.make({ says: "different", one: one.identityNo, other: identityNo, authority }, eventNo);
    }
    if (together) apply(body, to, eventNo);
    return { kind: "done", eventNo };
  }

  function split(
    one: StoredIdentity,
    same: Statement,
    kind: "revert" | "unmerge",
    deciding: Deciding,
  ): Extract<PartOutcome, { kind: "done" }> {
    const other = heldBy(otherOf(same, one.identityNo));
    const together = other.personKey === one.personKey;
    const to = together ? rows.makePerson() : one.personKey;
    const eventNo = events.add({ ...decided(kind, one, other, deciding), from: one.personKey, to });
    statements.end(same, eventNo);
    const body = bodyOf(one, authorityOf(deciding.actor));
    const stillTied = body.some(({ identityNo }) => identityNo === other.identityNo);
    if (together && !stillTied) apply(body, to, eventNo);
    return { kind: "done", eventNo };
  }

  function revert(eventNo: number, kind: "revert" | "unmerge", deciding: Deciding): RevertOutcome {
    const event = events.byNo(eventNo);
    if (event === undefined) return { kind: "unknown" };
    if (event.undoneBy !== null) return { kind: "already" };
    if (event.actor === "machine" && event.identityNo !== null) return revertMachine(event, deciding);

    const back = events.movesOf(event).map(({ identityNo, from, to }) => ({ identityNo, from: to, to: from }));
    const moving = back.map(({ identityNo }) => heldBy(identityNo));
    if (!canGoBack(event, back, moving, authorityOf(deciding.actor))) return { kind: "overtaken" };
    const subject = event.identityNo === null ? undefined : heldBy(event.identityNo);
    const revertNo = events.add({
      ...{ ...deciding, kind, undoes: eventNo },
      ...{ identityNo: event.identityNo ?? undefined, otherIdentityNo: event.otherIdentityNo ?? undefined },
      ...{ from: event.to ?? undefined, to: event.from ?? undefined },
    });
    statements.undo(eventNo, revertNo);
    for (const [at, move] of back.entries()) {
      rows.move(moving[at]!, move.to);
      events.addMove(revertNo, move);
    }
    settle(back);
    if (subject !== undefined && event.actor.startsWith("feed") && deciding.actor.kind === "user") {
      stateOtherwise(event, subject.identityNo, revertNo);
    }
    if (event.actor === "machine" && deciding.actor.kind === "user") keepApart(event, moving, revertNo);
    if (deciding.actor.kind === "user") standBy(back, revertNo);
    if (event.undoes !== null) events.setUndone(event.undoes, null);
    events.setUndone(eventNo, revertNo);
    return { kind: "done", eventNo: revertNo };
  }

  /** What a reviewer takes back of a feed's stays taken back, however often the feed says it again. */
  function stateOtherwise({ kind, otherIdentityNo }: PersonEvent, identityNo: number, eventNo: number): void {
    if (otherIdentityNo === null) return;
    const says = kind === "break" || kind === "unmerge" ? "same" : "different";
    // Whom the machine alone would have put together, or left apart, the feed's word had changed nothing for.
    const together = heldBy(identityNo).personKey === heldBy(otherIdentityNo).personKey;
    if (together !== (says === "same")) return;
    statements.make({ says, one: identityNo, other: otherIdentityNo, authority: "reviewer" }, eventNo);
  }

  /** A person whom an undoing gives a second verified number, changed meanwhile, has it by a reviewer's word. */
  function standBy(back: readonly Move[], eventNo: number): void {
    for (const { identityNo, to } of back) {
      const [identity, person] = [heldBy(identityNo), rows.ofPerson(to)];
      const others = person.filter((member) => haveTwoNumbers([identity], [member]));
      if (others.length === 0 || person.some((member) => isHeldWith(member, "reviewer"))) continue;
      const pair = { one: identityNo, other: others[0]!.identityNo };
      statements.make({ says: "same", ...pair, authority: "reviewer" }, eventNo);
    }
  }

  /** Two persons whom the machine had made one stay two: it would find them again. */
  function keepApart({ to }: PersonEvent, moved: readonly StoredIdentity[], eventNo: number): void {
    const [one] = moved;
    const [other] = to === null ? [] : rows.ofPerson(to);
    if (one === undefined || other === undefined) return;
    const pair = { one: one.identityNo, other: other.identityNo };
    statements.make({ says: "different", ...pair, authority: "reviewer" }, eventNo);
  }

  /** The machine would do it again: taken back, it is a reviewer's decision from then on. */
  function revertMachine(event: PersonEvent, deciding: Deciding): RevertOutcome {
    check(event.identityNo !== null, "the machine decides about identities");
    const identity = heldBy(event.identityNo);
    if (identity.personKey !== event.to) return { kind: "overtaken" };
    if (event.kind === "link") {
      const before = event.from === null ? [] : rows.ofPerson(event.from);
      const [anchor] = differences([identity], before).length === 0 ? before : [];
      const parted = part(identity, undefined, deciding, anchor?.personKey);
      if (parted.kind === "already") return { kind: "nothing-to-undo" };
      if (parted.kind !== "done") return { kind: "overtaken" };
      if (anchor !== undefined) {
        const same = {
          says: "same",
          one: identity.identityNo,
          other: anchor.identityNo,
          authority: "reviewer",
        } as const;
        statements.make(same, parted.eventNo);
      }
      events.setUndone(event.eventNo, parted.eventNo);
      return parted;
    }
    const [anchor] = event.from === null ? [] : rows.ofPerson(event.from);
    if (anchor === undefined) return { kind: "nothing-to-undo" };
    const joined = join("link", identity, anchor, deciding);
    if (joined.kind !== "done") return { kind: "overtaken" };
    events.setUndone(event.eventNo, joined.eventNo);
    return joined;
  }

  /** Everybody is still where the event put them, and no other word that still holds would be broken. */
  function canGoBack(
    event: PersonEvent,
    back: readonly Move[],
    moving: readonly StoredIdentity[],
    by: Authority,
  ): boolean {
    if (moving.some(({ personKey }, at) => personKey !== back[at]!.from)) return false;
    if (!statements.endedBy(event.eventNo).every((statement) => holdsAfter(statement, event.eventNo, back)))
      return false;
    const goes = new Set(back.map(({ identityNo }) => identityNo));
    return back.every(({ identityNo, to }, at) => {
      const identity = moving[at]!;
      const stays = statements
        .about(identityNo, "same")
        .filter(({ authority, madeBy }) => madeBy > event.eventNo && (authority === "reviewer" || by === "feed"))
        .filter((statement) => !goes.has(otherOf(statement, identityNo)))
        .some((statement) => heldBy(otherOf(statement, identityNo)).personKey === identity.personKey);
      if (stays) return false;
      const there = rows.ofPerson(to).filter(({ identityNo: member }) => !goes.has(member));
      const apart = differences([identity], there).some((statement) => statement.madeBy !== event.eventNo);
      return !apart && !(by === "feed" && haveTwoNumbers([identity], there));
    });
  }

  /**
   * True where what is to be said again fits what else holds: a reviewer's word, where the two are once everybody has moved;
   * a number's replacement, that it has no other one by now, and that no circle comes of it.
   */
  function holdsAfter({ says, one, other, authority }: Statement, eventNo: number, back: readonly Move[]): boolean {
    if (says === "superseded") {
      const others = statements.about(one, says).filter((each) => each.one === one && each.madeBy !== eventNo);
      return others.length === 0 && !numbers.chain(other).includes(one);
    }
    if (authority !== "reviewer" || (says !== "same" && says !== "different")) return true;
    const personOf = (no: number) => back.find(({ identityNo }) => identityNo === no)?.to ?? heldBy(no).personKey;
    return (personOf(one) === personOf(other)) === (says === "same");
  }

  function isHeldWith(identity: StoredIdentity, authority: Authority): boolean {
    return statements
      .about(identity.identityNo, "same")
      .filter((statement) => statement.authority === authority)
      .some((statement) => heldBy(otherOf(statement, identity.identityNo)).personKey === identity.personKey);
  }

  function heldBy(identityNo: number): StoredIdentity {
    const identity = rows.byNo(identityNo);
    check(identity !== undefined, "an identity that is named by an event is held");
    return identity;
  }

  function sameness(one: StoredIdentity, other: StoredIdentity, authority: Authority): Statement | undefined {
    return statements
      .about(one.identityNo, "same")
      .find(
        (statement) => statement.authority === authority && otherOf(statement, one.identityNo) === other.identityNo,
      );
  }

  return {
    join,
    absorb,
    part,
    split,
    revert,
    sameness,
    settle,
    haveTwoNumbers,
    isHeldWith,
  };
}

function authorityOf(actor: Actor): Authority {
  return actor.kind === "user" ? "reviewer" : "feed";
}

function decided(kind: EventKind, one: StoredIdentity, other: StoredIdentity | undefined, deciding: Deciding) {
  return { ...deciding, kind, identityNo: one.identityNo, otherIdentityNo: other?.identityNo };
}
