import { check } from "../base/check.ts";
import type { StoredIdentity } from "./identity-record.ts";
import type { Move, PersonEvent } from "./person-events.ts";
import type { Deciding, PersonParts, Persons, RevertOutcome } from "./persons.ts";
import { type Authority, authorityOf, type Statement } from "./statements.ts";
import { otherOf, type Ties } from "./ties.ts";

/** What undoing needs of those who move. */
export interface Movers extends Pick<Persons, "join" | "settle"> {
  /** @param back the person to whom it returns; by default a new one. */
  part(
    one: StoredIdentity,
    others: readonly StoredIdentity[] | undefined,
    deciding: Deciding,
    back?: number,
  ): ReturnType<Persons["part"]>;
}

/** Undoes one event exactly, or not at all. Only inside a transaction of the store's writer. */
export function makeUndoing(
  { rows, statements, events, numbers }: PersonParts,
  { heldBy, differences, isHeldWith, haveTwoNumbers }: Ties,
  { join, part, settle }: Movers,
): Persons["revert"] {
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

  return revert;
}
