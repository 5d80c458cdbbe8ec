import type { Database } from "better-sqlite3";

import type { StoredIdentity } from "./identity-record.ts";
import type { IdentityRows } from "./identity-rows.ts";
import { personsContradict } from "./matching.ts";
import type { Numbers } from "./numbers.ts";
import type { Actor, EventKind, Move, PersonEvents } from "./person-events.ts";
import { makeUndoing } from "./person-undo.ts";
import { isProtectedPair, PERSON_IDENTITIES_MAX } from "./placing.ts";
import { type Authority, authorityOf, type Statement, type Statements } from "./statements.ts";
import { makeTies, otherOf, type Ties } from "./ties.ts";

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
export interface Persons extends Pick<Ties, "sameness" | "isHeldWith" | "haveTwoNumbers"> {
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
  /**
   * The machine's: everybody of `from` comes to `into`, by one event. Nothing happens where anybody has said otherwise, or
   * where the person would have two verified numbers or become too large.
   */
  absorb(from: number, into: number, deciding: Deciding): void;
  /** Leaves `from` behind as a redirect where nobody of it is left. */
  settle(moves: readonly Move[]): void;
}

export interface PersonParts {
  readonly rows: IdentityRows;
  readonly statements: Statements;
  readonly events: PersonEvents;
  readonly numbers: Numbers;
}

export function makePersons(db: Database, parts: PersonParts): Persons {
  const { rows, statements, events, numbers } = parts;
  const ties = makeTies(parts);
  const { bodyOf, differences, sameness, isHeldWith, detailsOf, haveTwoNumbers } = ties;
  const redirect = db.prepare<[number, number]>("INSERT OR REPLACE INTO person_redirect VALUES (?, ?)");
  const endRedirect = db.prepare<[number]>("DELETE FROM person_redirect WHERE from_person_id = ?");

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
    const other = ties.heldBy(otherOf(same, one.identityNo));
    const together = other.personKey === one.personKey;
    const to = together ? rows.makePerson() : one.personKey;
    const eventNo = events.add({ ...decided(kind, one, other, deciding), from: one.personKey, to });
    statements.end(same, eventNo);
    const body = bodyOf(one, authorityOf(deciding.actor));
    const stillTied = body.some(({ identityNo }) => identityNo === other.identityNo);
    if (together && !stillTied) apply(body, to, eventNo);
    return { kind: "done", eventNo };
  }

  return {
    join,
    absorb,
    part,
    split,
    revert: makeUndoing(parts, ties, { join, part, settle }),
    sameness,
    settle,
    haveTwoNumbers,
    isHeldWith,
  };
}

function decided(kind: EventKind, one: StoredIdentity, other: StoredIdentity | undefined, deciding: Deciding) {
  return { ...deciding, kind, identityNo: one.identityNo, otherIdentityNo: other?.identityNo };
}
