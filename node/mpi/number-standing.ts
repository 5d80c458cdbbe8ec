import type { Database } from "better-sqlite3";

import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";

/** What the national demographics service says of a number, besides whose it is. */
export interface NumberStanding {
  /** `YYYY-MM-DD` or a part of it; empty where its patient has not died, as far as the service knows. */
  readonly died: string;
  /** True where the registrar has said so; else an organisation that cared for the patient. */
  readonly deathRegistered: boolean;
  /** True where it is nobody's any more, and none took its place. */
  readonly withdrawn: boolean;
}

/** Of whom the service says nothing of the kind. */
export const LIVING: NumberStanding = { died: "", deathRegistered: false, withdrawn: false };

/** A number is as the table has it: an integer of up to ten digits. */
export interface NumberStandings {
  /** @throws {Failure} `store-unavailable`: the row is damaged. */
  of(nhsNumber: number): NumberStanding;
}

/** For the reader as well as for the writer. */
export function makeNumberStandings(db: Database): NumberStandings {
  const find = db.prepare<[number], RawRow>("SELECT * FROM number_standing WHERE nhs_number = ?").raw();
  return {
    of(nhsNumber) {
      const row = find.get(nhsNumber);
      if (row === undefined) return LIVING;
      verifyRow("number_standing", row);
      return { died: String(row[1]), deathRegistered: row[2] === 1, withdrawn: row[3] === 1 };
    },
  };
}

/** Keeps what the service said last. Only inside a transaction of the store's writer. */
export function makeNumberStandingStore(db: Database): (nhsNumber: number, standing: NumberStanding) => void {
  const replace = db.prepare<(string | number | null)[]>(
    "INSERT OR REPLACE INTO number_standing VALUES (?, ?, ?, ?, ?)",
  );
  const remove = db.prepare<[number]>("DELETE FROM number_standing WHERE nhs_number = ?");
  return (nhsNumber, { died, deathRegistered, withdrawn }) => {
    if (died === "" && !withdrawn) return void remove.run(nhsNumber);
    const row = [nhsNumber, died, deathRegistered ? 1 : 0, withdrawn ? 1 : 0];
    replace.run(...row, rowChecksum(row));
  };
}
