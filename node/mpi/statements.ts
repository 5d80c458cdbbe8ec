import type { Database } from "better-sqlite3";

import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { Actor } from "./person-events.ts";

/** What holds until it is ended, whatever the machine thinks. */
export type Says = "same" | "different" | "superseded" | "confused";

/** Who said it. A reviewer outranks a feed, and a feed the machine. */
export type Authority = "feed" | "reviewer";

/** With what authority somebody speaks who is not the machine. */
export function authorityOf(actor: Actor): Authority {
  return actor.kind === "user" ? "reviewer" : "feed";
}

export interface Statement {
  readonly statementNo: number;
  readonly says: Says;
  /** Two identity numbers, or two NHS numbers: the table's own comment says which. */
  readonly one: number;
  readonly other: number;
  readonly authority: Authority;
  readonly madeBy: number;
}

export type NewStatement = Omit<Statement, "statementNo" | "madeBy">;

/** The statements in force. What ends one, or brings it back, is an event; no row is ever removed. */
export interface Statements {
  make(statement: NewStatement, eventNo: number): void;
  end(statement: Statement, eventNo: number): void;
  /** Of an identity or a number, on either side. */
  about(subject: number, ...says: readonly Says[]): Statement[];
  /** Those that an event made, and that still hold. */
  madeBy(eventNo: number): Statement[];
  /** Those that an event ended. */
  endedBy(eventNo: number): Statement[];
  /** Ends what the event made, and states again what it ended. */
  undo(eventNo: number, undoneBy: number): void;
}

/** Whether a writer's file may hold a statement. Asked for every record that is put, most often of a file without any. */
const mayHoldAny = new WeakMap<Database, boolean>();

const COLUMNS = "statement_no, says, one, other, authority, made_by, ended_by, checksum";

export function makeStatements(db: Database): Statements {
  const select = (where: string) =>
    db.prepare<number[], RawRow>(`SELECT ${COLUMNS} FROM statement WHERE ${where}`).raw();
  // Asked several times for every record that is placed: without a sort, and so without UNION.
  const about = select(
    `ended_by = 0 AND one = ? UNION ALL
       SELECT ${COLUMNS} FROM statement WHERE ended_by = 0 AND other = ? AND one <> other`,
  );
  // Most have none: to learn that from the indexes alone takes a third of the time.
  const isAnyAbout = db
    .prepare<[number, number], number>(
      `SELECT EXISTS (SELECT 1 FROM statement WHERE one = ?) OR EXISTS (SELECT 1 FROM statement WHERE other = ?)`,
    )
    .pluck();
  const madeBy = select("made_by = ? AND ended_by = 0");
  const endedBy = select("ended_by = ? AND ended_by <> 0");
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(statement_no), 0) + 1 FROM statement").pluck();
  const replace = db.prepare<(string | number)[]>(
    `INSERT OR REPLACE INTO statement (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, "?")})`,
  );

  const holdsAny = db.prepare<[], number>("SELECT EXISTS (SELECT 1 FROM statement)").pluck();
  // What another connection writes, a reader does not hear of.
  if (!db.readonly && mayHoldAny.get(db) !== true) mayHoldAny.set(db, holdsAny.get() === 1);

  function write({ statementNo, says, one, other, authority, madeBy: maker }: Statement, ender: number): void {
    const row = [statementNo, says, one, other, authority, maker, ender];
    replace.run(...row, rowChecksum(row));
    mayHoldAny.set(db, true);
  }

  function make(statement: NewStatement, eventNo: number): void {
    write({ ...statement, statementNo: nextNo.get() ?? 1, madeBy: eventNo }, 0);
  }

  return {
    make,
    end: write,
    about(subject, ...says) {
      if (mayHoldAny.get(db) === false || isAnyAbout.get(subject, subject) === 0) return [];
      const rows = about.all(subject, subject).map(fromRow);
      return rows.filter((statement) => says.includes(statement.says));
    },
    madeBy: (eventNo) => madeBy.all(eventNo).map(fromRow),
    endedBy: (eventNo) => endedBy.all(eventNo).map(fromRow),
    undo(eventNo, undoneBy) {
      const [made, ended] = [madeBy.all(eventNo).map(fromRow), endedBy.all(eventNo).map(fromRow)];
      for (const statement of made) write(statement, undoneBy);
      for (const statement of ended) make(statement, undoneBy);
    },
  };
}

/** @throws {Failure} `store-unavailable`: the row is damaged. */
function fromRow(row: RawRow): Statement {
  verifyRow("statement", row);
  return {
    statementNo: Number(row[0]),
    says: row[1] as Says,
    one: Number(row[2]),
    other: Number(row[3]),
    authority: row[4] as Authority,
    madeBy: Number(row[5]),
  };
}
