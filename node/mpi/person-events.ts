import type { Database } from "better-sqlite3";

/** `confusion`: one number is two people's. `revert`: an earlier event was undone. */
export type EventKind = "link" | "break" | "merge" | "unmerge" | "supersede" | "confusion" | "revert";

/** Who decided. */
export type Actor =
  | { readonly kind: "machine"; readonly ruleVersion: string }
  | { readonly kind: "feed"; readonly name: string }
  | { readonly kind: "user"; readonly id: string; readonly role: string };

/** An identity that changed its person. */
export interface Move {
  readonly identityNo: number;
  readonly from: number;
  readonly to: number;
}

/** One decision about who is whom. Names nobody: identities and persons are numbers, a score has no values. */
export interface PersonEvent {
  readonly eventNo: number;
  readonly atMs: number;
  readonly kind: EventKind;
  /** `machine`, `feed NAME` or `user ROLE ID`. */
  readonly actor: string;
  readonly identityNo: number | null;
  readonly otherIdentityNo: number | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly reason: string;
  /** Of the machine's rule; empty where somebody else decided. */
  readonly ruleVersion: string;
  /** JSON of a `PairScore`. */
  readonly score: string | null;
  readonly undoes: number | null;
  readonly undoneBy: number | null;
}

export interface NewEvent {
  readonly atMs: number;
  readonly kind: EventKind;
  readonly actor: Actor;
  readonly identityNo?: number | undefined;
  readonly otherIdentityNo?: number | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly reason: string;
  readonly score?: object | undefined;
  readonly undoes?: number | undefined;
}

/** The log of decisions. Appended to; the only thing that ever changes in it is what undid an event. */
export interface PersonEvents {
  /** @returns the event's number. */
  add(event: NewEvent): number;
  addMove(eventNo: number, move: Move): void;
  byNo(eventNo: number): PersonEvent | undefined;
  /** All that the event moved. */
  movesOf(event: PersonEvent): Move[];
  setUndone(eventNo: number, undoneBy: number | null): void;
}

export const EVENT_COLUMNS = `event_no AS eventNo, at_ms AS atMs, kind, actor, identity_no AS identityNo,
  other_identity_no AS otherIdentityNo, from_person_id AS "from", to_person_id AS "to", reason,
  rule_version AS ruleVersion, score, undoes, undone_by AS undoneBy`;

export function makePersonEvents(db: Database): PersonEvents {
  const insert = db.prepare<(string | number | null)[]>(
    `INSERT INTO link_event (at_ms, kind, actor, identity_no, other_identity_no, from_person_id, to_person_id, reason,
       rule_version, score, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertMove = db.prepare<[number, number, number, number]>("INSERT INTO event_move VALUES (?, ?, ?, ?)");
  const byNo = db.prepare<[number], PersonEvent>(`SELECT ${EVENT_COLUMNS} FROM link_event WHERE event_no = ?`);
  const moves = db.prepare<[number], Move>(
    `SELECT identity_no AS identityNo, from_person_id AS "from", to_person_id AS "to" FROM event_move WHERE event_no = ?`,
  );
  const setUndone = db.prepare<[number | null, number]>("UPDATE link_event SET undone_by = ? WHERE event_no = ?");

  return {
    add({ atMs, kind, actor, identityNo, otherIdentityNo, from, to, reason, score, undoes }) {
      const { lastInsertRowid } = insert.run(
        ...[
          atMs,
          kind,
          actorText(actor),
          identityNo ?? null,
          otherIdentityNo ?? null,
          from ?? null,
          to ?? null,
          reason,
        ],
        ...[actor.kind === "machine" ? actor.ruleVersion : "", score === undefined ? null : JSON.stringify(score)],
        undoes ?? null,
      );
      return Number(lastInsertRowid);
    },
    addMove: (eventNo, { identityNo, from, to }) => void insertMove.run(eventNo, identityNo, from, to),
    byNo: (eventNo) => byNo.get(eventNo),
    movesOf(event) {
      const listed = moves.all(event.eventNo);
      const { identityNo, from, to, actor } = event;
      if (actor !== "machine" || identityNo === null || from === null || to === null) return listed;
      return [{ identityNo, from, to }];
    },
    setUndone: (eventNo, undoneBy) => void setUndone.run(undoneBy, eventNo),
  };
}

export function actorText(actor: Actor): string {
  switch (actor.kind) {
    case "machine":
      return "machine";
    case "feed":
      return `feed ${actor.name}`;
    case "user":
      return `user ${actor.role} ${actor.id}`;
  }
}
