import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import type { Random } from "../base/random.ts";
import { damagedRow, type RawRow } from "../base/row-checksum.ts";
import { fromRow, IDENTITY_COLUMNS, toRow, type StoredIdentity } from "./identity-record.ts";

/** Persons whose ids follow one another, before the next run begins somewhere else. */
const PERSONS_IN_A_RUN = 1_024;

/** The rows of identities and persons, for the writer. Every row that is read was verified. */
export interface IdentityRows {
  current(provider: string, localId: string): StoredIdentity | undefined;
  byNo(identityNo: number): StoredIdentity | undefined;
  ofPerson(personKey: number): StoredIdentity[];
  /** Of everybody with this number in any record, all records. */
  ofNumber(nhsNumber: number): StoredIdentity[];
  makePerson(): number;
  /** Keeps the record as the current one, in place of the one held. */
  replace(held: StoredIdentity | undefined, record: StoredIdentity): void;
  nextRecordNo(): number;
  /** The identity is this person's from now on. */
  move(identity: StoredIdentity, personKey: number): void;
}

export function makeIdentityRows(db: Database, random: Random): IdentityRows {
  let nextPerson = 0;
  const select = (where: string) => `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE current = 1 AND ${where}`;
  const bySource = db.prepare<[string, string], RawRow>(select("provider = ? AND local_id = ?")).raw();
  // An identity has the number of its first version: no index is needed to find its source.
  const firstVersion = db
    .prepare<[number], RawRow>(`SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE record_no = ?`)
    .raw();
  const byPerson = db.prepare<[number], RawRow>(select("person_id = ?")).raw();
  const byNumber = db
    .prepare<[number], RawRow>(
      select("person_id IN (SELECT person_id FROM identity_record WHERE current = 1 AND nhs_number = ?)"),
    )
    .raw();
  const nextRecordNo = db.prepare<[], number>("SELECT coalesce(max(record_no), 0) + 1 FROM identity_record").pluck();
  const addPerson = db.prepare<[number]>("INSERT OR IGNORE INTO person (person_id) VALUES (?)");
  const add = db.prepare<(string | number | null)[]>(
    `INSERT INTO identity_record (${IDENTITY_COLUMNS}) VALUES (${IDENTITY_COLUMNS.replace(/\w+/g, "?")})`,
  );
  const retire = db.prepare<[number, number]>(
    "UPDATE identity_record SET current = 0, checksum = ? WHERE record_no = ? AND current = 1",
  );
  const setPerson = db.prepare<[number, number, number]>(
    "UPDATE identity_record SET person_id = ?, checksum = ? WHERE record_no = ? AND current = 1",
  );

  /** The next id of a run that begins at random: see DESIGN.md on persons' ids. */
  function makePerson(): number {
    for (;;) {
      if (nextPerson % PERSONS_IN_A_RUN === 0) {
        nextPerson = PERSONS_IN_A_RUN * (Buffer.from(random.bytes(5)).readUIntBE(0, 5) % 2 ** 37);
      }
      const key = ++nextPerson;
      if (addPerson.run(key).changes === 1) return key;
      nextPerson = 0; // somebody's run was here before
    }
  }

  function current(provider: string, localId: string): StoredIdentity | undefined {
    const row = bySource.get(provider, localId);
    return row === undefined ? undefined : fromRow(row);
  }

  function byNo(identityNo: number): StoredIdentity | undefined {
    const row = firstVersion.get(identityNo);
    if (row === undefined) return undefined;
    const first = fromRow(row);
    if (first.identityNo !== identityNo) return undefined; // a later version's number is no identity's
    if (first.current) return first;
    const now = current(first.provider, first.localId);
    if (now?.identityNo !== identityNo) throw damagedRow("identity_record", identityNo);
    return now;
  }

  return {
    current,
    byNo,
    ofPerson: (personKey) => byPerson.all(personKey).map(fromRow),
    ofNumber: (nhsNumber) => byNumber.all(nhsNumber).map(fromRow),
    makePerson,
    replace(held, record) {
      if (held !== undefined) {
        const retired = toRow({ ...held, current: false });
        check(retire.run(Number(retired.at(-1)), held.recordNo).changes === 1, "the version held is retired once");
      }
      add.run(...toRow(record));
    },
    nextRecordNo: () => nextRecordNo.get() ?? 1,
    move(identity, personKey) {
      const moved = toRow({ ...identity, personKey });
      const { changes } = setPerson.run(personKey, Number(moved.at(-1)), identity.recordNo);
      check(changes === 1, "an identity that moves is current");
    },
  };
}
