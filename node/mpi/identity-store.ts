import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import type { Random } from "../base/random.ts";
import type { RawRow } from "../base/row-checksum.ts";
import { fromRow, IDENTITY_COLUMNS, toRow, type IdentityRecord, type StoredIdentity } from "./identity-record.ts";
import { decideLink, RULE_VERSION, type MatchPerson, type MatchRecord } from "./matching.ts";

/** What became of a record that was put. `older`: the provider recorded it before what is held; not kept. */
export type PutResult = "added" | "changed" | "unchanged" | "older";

/** Writes identity records and links them. Only inside a transaction of the store's writer. */
export interface IdentityStore {
  /**
   * Keeps the record as the current version of (provider, local id) and decides anew whose it is. Putting the same
   * record again changes nothing.
   */
  put(record: IdentityRecord, nowMs: number): PutResult;
  /** The number of (provider, local id), or `undefined` where no identity record is held. */
  identityNoOf(provider: string, localId: string): number | undefined;
  /** True where any identity record of this provider is held. */
  knowsAnyOf(provider: string): boolean;
}

/** Where an identity goes, and why, for the link event. */
interface Placement {
  readonly personKey: number;
  /** Absent where it stays with the person it was with. */
  readonly reason?: string;
}

/** Persons whose ids follow one another, before the next run begins somewhere else. */
const PERSONS_IN_A_RUN = 1_024;

export function makeIdentityStore(db: Database, random: Random): IdentityStore {
  let nextPerson = 0;
  const nextRecordNo = db.prepare<[], number>("SELECT coalesce(max(record_no), 0) + 1 FROM identity_record").pluck();
  const currentOf = db
    .prepare<[string, string], RawRow>(
      `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE current = 1 AND provider = ? AND local_id = ?`,
    )
    .raw();
  const identityNoOf = db
    .prepare<[string, string], number>(
      "SELECT identity_no FROM identity_record WHERE current = 1 AND provider = ? AND local_id = ?",
    )
    .pluck();
  const anyOf = db
    .prepare<[string], number>("SELECT EXISTS (SELECT 1 FROM identity_record WHERE current = 1 AND provider = ?)")
    .pluck();
  const recordsOfNumber = db
    .prepare<[number], RawRow>(
      `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE current = 1 AND person_id IN
         (SELECT person_id FROM identity_record WHERE current = 1 AND nhs_number = ?)`,
    )
    .raw();
  const othersOfPerson = db
    .prepare<[number, number], number>(
      "SELECT count(*) FROM identity_record WHERE current = 1 AND person_id = ? AND identity_no <> ?",
    )
    .pluck();
  const addPerson = db.prepare<[number]>("INSERT OR IGNORE INTO person (person_id) VALUES (?)");
  const addRecord = db.prepare<(string | number | null)[]>(
    `INSERT INTO identity_record (${IDENTITY_COLUMNS}) VALUES (${IDENTITY_COLUMNS.replace(/\w+/g, "?")})`,
  );
  const retire = db.prepare<[number, number]>(
    "UPDATE identity_record SET current = 0, checksum = ? WHERE record_no = ? AND current = 1",
  );
  const addEvent = db.prepare<[number, number, number | null, number, string, string]>(
    `INSERT INTO link_event (at_ms, identity_no, from_person_id, to_person_id, reason, rule_version)
       VALUES (?, ?, ?, ?, ?, ?)`,
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

  function place(record: IdentityRecord, held: StoredIdentity | undefined): Placement {
    if (held !== undefined && matchesAlike(record, held)) return { personKey: held.personKey };
    const candidates =
      record.nhsNumber === "" ? [] : groupByPerson(recordsOfNumber.all(Number(record.nhsNumber)), held?.identityNo);
    const decision = decideLink(record, candidates);
    if (decision.kind === "link") {
      if (decision.personId === held?.personKey) return { personKey: decision.personId };
      return { personKey: decision.personId, reason: decision.reason };
    }
    // Alone with its person: there is nobody to be parted from.
    if (held !== undefined && othersOfPerson.get(held.personKey, held.identityNo) === 0) {
      return { personKey: held.personKey };
    }
    return { personKey: makePerson(), reason: decision.reason };
  }

  function put(record: IdentityRecord, nowMs: number): PutResult {
    const heldRow = currentOf.get(record.provider, record.localId);
    const held = heldRow === undefined ? undefined : fromRow(heldRow);
    if (held !== undefined) {
      if (isSame(record, held)) return "unchanged";
      if (isOlder(record, held)) return "older";
    }

    const placement = place(record, held);
    if (held !== undefined) {
      const retired = toRow({ ...held, current: false });
      check(retire.run(Number(retired.at(-1)), held.recordNo).changes === 1, "the version held is retired once");
    }
    const recordNo = nextRecordNo.get() ?? 1;
    const identityNo = held?.identityNo ?? recordNo;
    const version = (held?.version ?? 0) + 1;
    const { personKey, reason } = placement;
    addRecord.run(...toRow({ ...record, recordNo, identityNo, version, current: true, personKey, loadedAtMs: nowMs }));
    if (reason !== undefined) {
      addEvent.run(nowMs, identityNo, held?.personKey ?? null, personKey, reason, RULE_VERSION);
    }
    return held === undefined ? "added" : "changed";
  }

  return {
    put,
    identityNoOf: (provider, localId) => identityNoOf.get(provider, localId),
    knowsAnyOf: (provider) => anyOf.get(provider) === 1,
  };
}

/** The persons of these rows, without the identity that is being placed. */
function groupByPerson(rows: readonly RawRow[], withoutIdentityNo: number | undefined): MatchPerson<number>[] {
  const persons = new Map<number, StoredIdentity[]>();
  for (const row of rows) {
    const record = fromRow(row);
    if (record.identityNo === withoutIdentityNo) continue;
    const records = persons.get(record.personKey);
    if (records === undefined) persons.set(record.personKey, [record]);
    else records.push(record);
  }
  return [...persons].map(([personId, records]) => ({ personId, records }));
}

function isSame(record: IdentityRecord, held: StoredIdentity): boolean {
  return (Object.keys(record) as (keyof IdentityRecord)[]).every((field) => record[field] === held[field]);
}

/** True where the linking rule cannot tell the two apart: a new telephone number is no reason to decide again. */
function matchesAlike(record: MatchRecord, held: MatchRecord): boolean {
  return (
    record.nhsNumber === held.nhsNumber &&
    record.nhsNumberStatus === held.nhsNumberStatus &&
    record.birthDate === held.birthDate &&
    record.givenName === held.givenName &&
    record.gender === held.gender
  );
}

/** True where the provider itself dates the record before the one held. */
function isOlder(record: IdentityRecord, held: StoredIdentity): boolean {
  return record.recordedOn !== "" && held.recordedOn !== "" && record.recordedOn < held.recordedOn;
}
