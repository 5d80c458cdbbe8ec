import type { Database } from "better-sqlite3";

import { damagedRow, type RawRow } from "../base/row-checksum.ts";
import { fromRow, IDENTITY_COLUMNS, type StoredIdentity } from "./identity-record.ts";

/** What providers say now, read; each row verified. Every method throws {@link Failure} `store-unavailable` where one is damaged. */
export interface CurrentIdentities {
  byNo(identityNo: number): StoredIdentity | undefined;
  ofPerson(personKey: number): StoredIdentity[];
}

/** @param db a read-only connection to the index. */
export function makeCurrentIdentities(db: Database): CurrentIdentities {
  const select = (where: string) =>
    db.prepare<(string | number)[], RawRow>(`SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE ${where}`).raw();
  // An identity has the number of its first version, which says where it came from.
  const firstVersion = select("record_no = ?");
  const bySource = select("current = 1 AND provider = ? AND local_id = ?");
  const byPerson = select("current = 1 AND person_id = ?");

  return {
    byNo(identityNo) {
      const row = firstVersion.get(identityNo);
      if (row === undefined) return undefined;
      const first = fromRow(row);
      if (first.identityNo !== identityNo) return undefined; // a later version's number is no identity's
      if (first.current) return first;
      const now = bySource.get(first.provider, first.localId);
      const current = now && fromRow(now);
      if (current?.identityNo !== identityNo) throw damagedRow("identity_record", identityNo);
      return current;
    },
    ofPerson(personKey) {
      const records = byPerson.all(personKey).map(fromRow);
      // The index led here; only a verified row may say whose it is.
      const stray = records.find((record) => record.personKey !== personKey);
      if (stray !== undefined) throw damagedRow("identity_record", stray.recordNo);
      return records;
    },
  };
}
