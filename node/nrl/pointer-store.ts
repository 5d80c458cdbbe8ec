import type { Database } from "better-sqlite3";

import { NhsNumber } from "../base/nhs-number.ts";
import { damagedRow, rowChecksum, type RawRow } from "../base/row-checksum.ts";
import type { CommandHandlers } from "../storage/executor.ts";

/** Whether the locator is to hold a pointer for a number. A number is as the table has it: an integer of up to ten digits. */
export interface Wish {
  readonly nhsNumber: number;
  readonly wanted: boolean;
}

/** A number for which the locator holds a pointer, or is to, or is not to any more. */
export interface HeldPointer extends Wish {
  /** Empty where none is known to be there. */
  readonly nrlId: string;
  /** Milliseconds since the epoch; null where all is as it is to be. */
  readonly dueAtMs: number | null;
  readonly tries: number;
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** What is to be there; who has a row already that says so, or is to have none and has none, is passed over. */
    "nrl.wish": { payload: { readonly wishes: readonly Wish[]; readonly nowMs: number }; result: null };
    /** The locator is as was wished. Where the wish has changed meanwhile, it stays due. */
    "nrl.settled": { payload: Wish & { readonly nrlId: string }; result: null };
    /** It could not be done: to be tried again at that time. */
    "nrl.put-off": { payload: { readonly nhsNumber: number; readonly dueAtMs: number }; result: null };
  }
}

const COLUMNS = "nhs_number, wanted, nrl_id, due_at_ms, tries, checksum";

/** The handlers decide and write inside one transaction of the index's writer. */
export function makeHandlers(db: Database): CommandHandlers {
  const find = finder(db);
  const replace = db.prepare<(string | number | null)[]>(
    `INSERT OR REPLACE INTO national_pointer (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const remove = db.prepare<[number]>("DELETE FROM national_pointer WHERE nhs_number = ?");
  const put = ({ nhsNumber, wanted, nrlId, dueAtMs, tries }: HeldPointer): void => {
    const row = [nhsNumber, wanted ? 1 : 0, nrlId, dueAtMs, tries];
    replace.run(...row, rowChecksum(row));
  };
  return {
    "nrl.wish"({ wishes, nowMs }) {
      for (const { nhsNumber, wanted } of wishes) {
        const held = find(nhsNumber);
        if (wanted === (held?.wanted ?? false)) continue;
        put({ nhsNumber, wanted, nrlId: held?.nrlId ?? "", dueAtMs: nowMs, tries: 0 });
      }
      return null;
    },
    "nrl.settled"({ nhsNumber, wanted, nrlId }) {
      const held = find(nhsNumber);
      if (held === undefined) return null;
      if (held.wanted !== wanted) put({ ...held, nrlId });
      else if (wanted) put({ ...held, nrlId, dueAtMs: null, tries: 0 });
      else remove.run(nhsNumber);
      return null;
    },
    "nrl.put-off"({ nhsNumber, dueAtMs }) {
      const held = find(nhsNumber);
      if (held !== undefined) put({ ...held, dueAtMs, tries: held.tries + 1 });
      return null;
    },
  };
}

/** Nothing is put off for longer. What is due further ahead was put off by a clock that has since gone back, and is due now. */
export const PUT_OFF_MS_MAX = 24 * 3_600_000;

/** For those who only read. Every method throws {@link Failure} `store-unavailable` where a row is damaged. */
export interface HeldPointers {
  of(nhsNumber: number): HeldPointer | undefined;
  /** What is to be done now: what is to go first, then what has waited longest. */
  due(nowMs: number, most: number): readonly HeldPointer[];
  /** The next numbers that have a row, in rising order. */
  numbersAfter(nhsNumber: number, most: number): readonly number[];
  /** For an operator. */
  counts(): { readonly published: number; readonly waiting: number; readonly toGo: number };
}

export function makeHeldPointers(db: Database): HeldPointers {
  const due = db
    .prepare<[number, number, number], RawRow>(
      `SELECT ${COLUMNS} FROM national_pointer WHERE due_at_ms IS NOT NULL AND (due_at_ms <= ? OR due_at_ms > ?)
       ORDER BY wanted, due_at_ms LIMIT ?`,
    )
    .raw();
  const after = db
    .prepare<[number, number], number>(
      "SELECT nhs_number FROM national_pointer WHERE nhs_number > ? ORDER BY nhs_number LIMIT ?",
    )
    .pluck();
  const counts = db.prepare<[], { published: number; waiting: number; toGo: number }>(
    `SELECT count(*) FILTER (WHERE wanted = 1 AND due_at_ms IS NULL) AS published,
            count(*) FILTER (WHERE wanted = 1 AND due_at_ms IS NOT NULL) AS waiting,
            count(*) FILTER (WHERE wanted = 0) AS toGo FROM national_pointer`,
  );
  return {
    of: finder(db),
    due: (nowMs, most) => due.all(nowMs, nowMs + PUT_OFF_MS_MAX, most).map(fromRow),
    numbersAfter: (nhsNumber, most) => after.all(nhsNumber, most),
    counts: () => counts.get() ?? { published: 0, waiting: 0, toGo: 0 },
  };
}

/** As people and services write it; `undefined` where it is none. */
export function asNhsNumber(nhsNumber: number): NhsNumber | undefined {
  return NhsNumber.parse(String(nhsNumber).padStart(10, "0"));
}

function finder(db: Database): (nhsNumber: number) => HeldPointer | undefined {
  const find = db.prepare<[number], RawRow>(`SELECT ${COLUMNS} FROM national_pointer WHERE nhs_number = ?`).raw();
  return (nhsNumber) => {
    const row = find.get(nhsNumber);
    return row === undefined ? undefined : fromRow(row);
  };
}

function fromRow(row: RawRow): HeldPointer {
  // The row's own number is a patient's: a message names the table alone.
  if (rowChecksum(row.slice(0, -1)) !== row.at(-1)) throw damagedRow("national_pointer", undefined);
  return {
    nhsNumber: Number(row[0]),
    wanted: row[1] === 1,
    nrlId: String(row[2]),
    dueAtMs: row[3] === null ? null : Number(row[3]),
    tries: Number(row[4]),
  };
}
