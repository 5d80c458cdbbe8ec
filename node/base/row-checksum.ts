import { crc32 } from "node:zlib";

import { Failure } from "./failure.ts";

/** A row of a table as the driver gives it in raw mode. */
export type RawRow = readonly (string | number | null)[];

/** Between values; no value of ours can hold it, because control characters are refused at the door. */
const SEPARATOR = "\u001f";

/** CRC-32 over a row's values, in their order. A flipped byte inside a stored value passes SQLite's own checks. */
export function rowChecksum(values: RawRow): number {
  return crc32(values.join(SEPARATOR));
}

/**
 * Verifies a row whose last value is the checksum of all the others.
 *
 * @param table names the table in the failure; `values[0]` must be its row number, which says nothing about a patient.
 * @throws {Failure} `store-unavailable`: the row is damaged; it must not be used.
 */
export function verifyRow(table: string, values: RawRow): void {
  const last = values.length - 1;
  if (rowChecksum(values.slice(0, last)) !== values[last]) {
    throw damagedRow(table, NUMBERED_BY_PATIENT.has(table) ? undefined : values[0]);
  }
}

/** Of these the row's own number is a patient's: a message names the table alone. */
const NUMBERED_BY_PATIENT: ReadonlySet<string> = new Set(["national_pointer", "number_standing"]);

/** What to throw where a row contradicts its checksum or the index through which it was found. */
export function damagedRow(table: string, rowNumber: unknown): Failure {
  return new Failure(
    "store-unavailable",
    `Row ${typeof rowNumber === "number" ? rowNumber : "?"} of ${table} in index.db is damaged and was not used: restore the file from a backup, then check the disk.`,
    { where: table },
  );
}
