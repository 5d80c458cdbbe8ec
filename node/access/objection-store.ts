import type { Database } from "better-sqlite3";

import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { Purpose } from "../base/words.ts";

export const OBJECTION_STATES = ["received", "upheld", "declined", "withdrawn"] as const;
export type ObjectionState = (typeof OBJECTION_STATES)[number];

/** A patient's objection to sharing, as the provider that received it says. Checked at the door. */
export interface ObjectionRecord {
  readonly provider: string;
  /** The provider's own id for the patient. */
  readonly localId: string;
  /** The provider's own id for the objection. */
  readonly objectionId: string;
  readonly state: ObjectionState;
  /** `YYYY-MM-DD`. */
  readonly receivedOn: string;
  /** True where the patient allows emergency access to override it. */
  readonly overrideInEmergency: boolean;
}

/** Columns in the order of a row; the checksum, last, covers all the others. */
const COLUMNS =
  "objection_no, identity_no, provider, objection_id, state, received_on, override_in_emergency, updated_at_ms, checksum";

/** An objection is effective from the moment it is received until it is declined or withdrawn. */
const EFFECTIVE: ReadonlySet<unknown> = new Set<ObjectionState>(["received", "upheld"]);

/** Writes objections. Only inside a transaction of the store's writer. */
export interface ObjectionStore {
  /** @returns true where something changed; putting the same objection again changes nothing. */
  put(objection: ObjectionRecord, identityNo: number, nowMs: number): boolean;
}

export function makeObjectionStore(db: Database): ObjectionStore {
  const heldBySource = db
    .prepare<[string, string], RawRow>(`SELECT ${COLUMNS} FROM objection WHERE provider = ? AND objection_id = ?`)
    .raw();
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(objection_no), 0) + 1 FROM objection").pluck();
  const replace = db.prepare<(string | number)[]>(
    `INSERT OR REPLACE INTO objection (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, "?")})`,
  );

  function put(objection: ObjectionRecord, identityNo: number, nowMs: number): boolean {
    const { provider, objectionId, state, receivedOn } = objection;
    const content = [identityNo, provider, objectionId, state, receivedOn, objection.overrideInEmergency ? 1 : 0];
    const held = heldBySource.get(provider, objectionId);
    if (held !== undefined) {
      verifyRow("objection", held);
      if (content.every((value, index) => value === held[index + 1])) return false;
    }
    const row = [Number(held?.[0] ?? nextNo.get() ?? 1), ...content, nowMs];
    replace.run(...row, rowChecksum(row));
    return true;
  }

  return { put };
}

/** Objections, read. */
export interface Objections {
  /**
   * True where any objection on any of the person's identities is effective for this purpose: the most restrictive wins,
   * whoever received it. Emergency access passes those that allow it.
   *
   * @throws {Failure} `store-unavailable`: a row is damaged.
   */
  areEffective(identities: readonly number[], purpose: Purpose): boolean;
}

/** @param db a read-only connection to the index. */
export function makeObjections(db: Database): Objections {
  const ofIdentity = db.prepare<[number], RawRow>(`SELECT ${COLUMNS} FROM objection WHERE identity_no = ?`).raw();

  function isEffective(row: RawRow, purpose: Purpose): boolean {
    verifyRow("objection", row);
    const [, , , , state, , override] = row;
    return EFFECTIVE.has(state) && !(purpose === "BTG" && override === 1);
  }

  return {
    areEffective: (identities, purpose) =>
      identities.some((identityNo) => ofIdentity.all(identityNo).some((row) => isEffective(row, purpose))),
  };
}
