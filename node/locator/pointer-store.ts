import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { Sensitivity } from "../base/words.ts";

/** "This provider holds a record of this type for this patient of theirs." Checked at the door. */
export interface PointerRecord {
  readonly provider: string;
  /** The provider's own id for the patient. */
  readonly localId: string;
  /** The provider's own id for the record. */
  readonly recordId: string;
  readonly recordType: RecordTypeKey;
  /** `YYYY-MM-DD`, or empty. */
  readonly recordedOn: string;
  /** MIME type. */
  readonly format: string;
  /** Where the record is fetched; holds no patient identifier. */
  readonly fetch: string;
  /** Confidentiality of the service that made it. */
  readonly sensitivity: Sensitivity;
}

/** Pointers of one identity lie side by side under numbers of this many places. */
export const PLACES_PER_IDENTITY = 65_536;

/** Columns in the order of a row; the checksum, last, covers all the others. */
export const POINTER_COLUMNS =
  "pointer_no, token, provider, record_id, record_type, recorded_on, format, fetch, sensitivity, updated_at_ms, checksum";

/** Random bytes of a pointer's public id. */
const TOKEN_BYTES = 12;

/** A pointer that is held, as far as whoever replaces it must know. */
export interface HeldPointer {
  readonly identityNo: number;
  readonly recordType: string;
}

/** Writes pointers. Only inside a transaction of the store's writer. */
export interface PointerStore {
  /**
   * Keeps the pointer as the provider's current word on this record, under this identity. Its public id stays when the
   * record is updated or moves to another patient. Putting the same pointer again changes nothing.
   *
   * @returns true where something changed.
   */
  put(pointer: PointerRecord, identityNo: number, asOfMs: number): boolean;
  /** Whose it is and of what type; `undefined` where no pointer of this record is held. */
  held(record: Pick<PointerRecord, "provider" | "recordId">): HeldPointer | undefined;
  /** Takes a record's pointer away, if there is one: its provider says that it belongs to somebody who is not known here. */
  remove(record: Pick<PointerRecord, "provider" | "recordId">): void;
}

export function makePointerStore(db: Database, random: Random): PointerStore {
  const heldBySource = db
    .prepare<[string, string], RawRow>(`SELECT ${POINTER_COLUMNS} FROM pointer WHERE provider = ? AND record_id = ?`)
    .raw();
  const lastPlace = db
    .prepare<[number, number], number | null>("SELECT max(pointer_no) FROM pointer WHERE pointer_no BETWEEN ? AND ?")
    .pluck();
  const removeAt = db.prepare<[number]>("DELETE FROM pointer WHERE pointer_no = ?");
  const removeOf = db.prepare<[string, string]>("DELETE FROM pointer WHERE provider = ? AND record_id = ?");
  const add = db.prepare<(string | number)[]>(
    `INSERT INTO pointer (${POINTER_COLUMNS}) VALUES (${POINTER_COLUMNS.replace(/\w+/g, "?")})`,
  );

  function nextPlace(identityNo: number): number {
    const first = identityNo * PLACES_PER_IDENTITY;
    const last = first + PLACES_PER_IDENTITY - 1;
    const next = (lastPlace.get(first, last) ?? first - 1) + 1;
    if (next > last) {
      throw new Failure("overloaded", `One identity has over ${PLACES_PER_IDENTITY} pointers: check the feed's ids.`);
    }
    return next;
  }

  function put(pointer: PointerRecord, identityNo: number, asOfMs: number): boolean {
    const { provider, recordId, recordType, recordedOn, format, fetch, sensitivity } = pointer;
    const content = [provider, recordId, recordType, recordedOn, format, fetch, sensitivity];
    const held = heldBySource.get(provider, recordId);
    let place: number | undefined;
    let token: string | undefined;
    if (held !== undefined) {
      verifyRow("pointer", held);
      const heldNo = Number(held[0]);
      token = String(held[1]);
      const stays = Math.floor(heldNo / PLACES_PER_IDENTITY) === identityNo;
      if (stays && content.every((value, index) => value === held[index + 2])) return false;
      removeAt.run(heldNo);
      if (stays) place = heldNo;
    }
    token ??= Buffer.from(random.bytes(TOKEN_BYTES)).toString("base64url");
    const row = [place ?? nextPlace(identityNo), token, ...content, asOfMs];
    add.run(...row, rowChecksum(row));
    return true;
  }

  return {
    put,
    held({ provider, recordId }) {
      const row = heldBySource.get(provider, recordId);
      if (row === undefined) return undefined;
      verifyRow("pointer", row);
      return { identityNo: Math.floor(Number(row[0]) / PLACES_PER_IDENTITY), recordType: String(row[4]) };
    },
    remove: ({ provider, recordId }) => void removeOf.run(provider, recordId),
  };
}
