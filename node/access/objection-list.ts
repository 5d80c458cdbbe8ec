import type { Database } from "better-sqlite3";

import { type RawRow, verifyRow } from "../base/row-checksum.ts";
import type { ObjectionRecord, ObjectionState } from "./objection-store.ts";

/** Objections as whoever answers for them wants to read them: of one patient, or one by its provider's id. */
export interface ObjectionList {
  /**
   * Those on every record that may be the patient's: each counts wherever the person is asked about.
   *
   * @throws {Failure} `store-unavailable`: a row is damaged.
   */
  ofNumber(nhsNumber: string): readonly ObjectionRecord[];
  /** @throws {Failure} as {@link ofNumber}. */
  one(provider: string, objectionId: string): ObjectionRecord | undefined;
  /** The patient's ids at a provider, by number. */
  localIds(provider: string, nhsNumber: string): readonly string[];
}

const OBJECTION = [
  ...["objection_no", "identity_no", "provider", "objection_id", "state", "received_on", "override_in_emergency"],
  ...["updated_at_ms", "checksum"],
];
const DETAIL = ["objection_no", "scope", "reason", "checksum"];

/** @param db a read-only connection to the index. */
export function makeObjectionList(db: Database): ObjectionList {
  const joined = `SELECT ${[...OBJECTION.map((each) => `o.${each}`), ...DETAIL.map((each) => `d.${each}`)].join(", ")}, i.local_id
    FROM objection o LEFT JOIN objection_detail d ON d.objection_no = o.objection_no
    JOIN identity_record i ON i.identity_no = o.identity_no AND i.current = 1`;
  const ofPerson = db
    .prepare<[number], RawRow>(
      `${joined} WHERE i.person_id IN (SELECT person_id FROM identity_record WHERE nhs_number = ? AND current = 1)
       ORDER BY o.received_on, o.objection_no`,
    )
    .raw();
  const bySource = db.prepare<[string, string], RawRow>(`${joined} WHERE o.provider = ? AND o.objection_id = ?`).raw();
  const idsOf = db
    .prepare<[string, number], string>(
      "SELECT local_id FROM identity_record WHERE provider = ? AND nhs_number = ? AND current = 1 ORDER BY local_id",
    )
    .pluck();
  return {
    ofNumber: (nhsNumber) => ofPerson.all(Number(nhsNumber)).map(fromRow),
    one(provider, objectionId) {
      const row = bySource.get(provider, objectionId);
      return row && fromRow(row);
    },
    localIds: (provider, nhsNumber) => idsOf.all(provider, Number(nhsNumber)),
  };
}

function fromRow(row: RawRow): ObjectionRecord {
  const [held, detail] = [row.slice(0, OBJECTION.length), row.slice(OBJECTION.length, -1)];
  verifyRow("objection", held);
  const isDetailed = detail[0] !== null;
  if (isDetailed) verifyRow("objection_detail", detail);
  return {
    provider: String(held[2]),
    localId: String(row.at(-1)),
    objectionId: String(held[3]),
    state: String(held[4]) as ObjectionState, // under the table's own check and a checksum
    receivedOn: String(held[5]),
    overrideInEmergency: held[6] === 1,
    scope: isDetailed ? String(detail[1]) : "",
    reason: isDetailed ? String(detail[2]) : "",
  };
}
