import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import { parseRecordType, type RecordTypeKey } from "../base/record-types.ts";
import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import { parseOrganisationCode, type OrganisationCode, type Purpose } from "../base/words.ts";
import { NOTHING_WITHHELD, recordKey, type Withheld } from "../base/withheld.ts";

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
  /** What it is about, as {@link parseObjectionScope} reads it; empty = everything that is held here of the patient. */
  readonly scope: string;
  /** Why it was declined; empty unless it was. No patient's value. */
  readonly reason: string;
}

/** What an objection is about, where that is less than everything. */
export type ObjectionScope =
  /** Whatever that organisation holds. */
  | { readonly kind: "organisation"; readonly code: OrganisationCode }
  /** Whatever is of that type, whoever holds it. */
  | { readonly kind: "type"; readonly recordType: RecordTypeKey }
  /** One record of the provider that received the objection, by the provider's own id. */
  | { readonly kind: "record"; readonly recordId: string };

const RECORD_ID_CHARACTERS_MAX = 64;

/** Reads `organisation:RRK`, `type:maternity` or `record:R1`. `undefined` where the text is none of these. */
export function parseObjectionScope(text: string): ObjectionScope | undefined {
  const [, kind, value = ""] = /^(organisation|type|record):(.+)$/.exec(text) ?? [];
  if (kind === "organisation") {
    const code = parseOrganisationCode(value);
    return code && { kind, code };
  }
  if (kind === "type") {
    const recordType = parseRecordType(value);
    return recordType && { kind, recordType };
  }
  return kind === "record" && value.length <= RECORD_ID_CHARACTERS_MAX ? { kind, recordId: value } : undefined;
}

/** Columns in the order of a row; the checksum, last, covers all the others. */
const COLUMNS =
  "objection_no, identity_no, provider, objection_id, state, received_on, override_in_emergency, updated_at_ms, checksum";
const DETAIL_COLUMNS = "objection_no, scope, reason, checksum";

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
  const detailOf = db
    .prepare<[number], RawRow>(`SELECT ${DETAIL_COLUMNS} FROM objection_detail WHERE objection_no = ?`)
    .raw();
  const forgetDetail = db.prepare<[number]>("DELETE FROM objection_detail WHERE objection_no = ?");
  const keepDetail = db.prepare<(string | number)[]>(
    `INSERT INTO objection_detail (${DETAIL_COLUMNS}) VALUES (${DETAIL_COLUMNS.replace(/\w+/g, "?")})`,
  );

  function isDetailOf(objectionNo: number, { scope, reason }: ObjectionRecord): boolean {
    const held = detailOf.get(objectionNo);
    if (held === undefined) return scope === "" && reason === "";
    verifyRow("objection_detail", held);
    return held[1] === scope && held[2] === reason;
  }

  function put(objection: ObjectionRecord, identityNo: number, nowMs: number): boolean {
    const { provider, objectionId, state, receivedOn, scope, reason } = objection;
    const content = [identityNo, provider, objectionId, state, receivedOn, objection.overrideInEmergency ? 1 : 0];
    const held = heldBySource.get(provider, objectionId);
    const objectionNo = Number(held?.[0] ?? nextNo.get() ?? 1);
    if (held !== undefined) {
      verifyRow("objection", held);
      const same = content.every((value, index) => value === held[index + 1]);
      if (same && isDetailOf(objectionNo, objection)) return false;
    }
    const row = [objectionNo, ...content, nowMs];
    replace.run(...row, rowChecksum(row));
    forgetDetail.run(objectionNo);
    if (scope === "" && reason === "") return true;
    const detail = [objectionNo, scope, reason];
    keepDetail.run(...detail, rowChecksum(detail));
    return true;
  }

  return { put };
}

/** Objections, read. */
export interface Objections {
  /**
   * What the objections on all of the person's identities withhold together, for this purpose: the most restrictive wins,
   * whoever received it. Emergency access passes those that allow it.
   *
   * @throws {Failure} `store-unavailable`: a row is damaged.
   */
  withheld(identities: readonly number[], purpose: Purpose): Withheld;
}

/** @param db a read-only connection to the index. */
export function makeObjections(db: Database): Objections {
  // Two statements: hardly anybody has objected, and to join what is not there costs more than all the rest.
  const ofIdentity = db.prepare<[number], RawRow>(`SELECT ${COLUMNS} FROM objection WHERE identity_no = ?`).raw();
  const detailOf = db
    .prepare<[number], RawRow>(`SELECT ${DETAIL_COLUMNS} FROM objection_detail WHERE objection_no = ?`)
    .raw();

  /** The scope of an objection that is in force: `"everything"`, or what it is about. */
  function scopeInForce(row: RawRow, purpose: Purpose): ObjectionScope | "everything" | undefined {
    verifyRow("objection", row);
    const [objectionNo, , , , state, , override] = row;
    if (!EFFECTIVE.has(state) || (purpose === "BTG" && override === 1)) return undefined;
    const detail = detailOf.get(Number(objectionNo));
    if (detail === undefined) return "everything";
    verifyRow("objection_detail", detail);
    if (detail[1] === "") return "everything";
    const scope = parseObjectionScope(String(detail[1]));
    check(scope !== undefined, "a scope was checked at the door");
    return scope;
  }

  function withheld(identities: readonly number[], purpose: Purpose): Withheld {
    const rows = identities.flatMap((identityNo) => ofIdentity.all(identityNo));
    if (rows.length === 0) return NOTHING_WITHHELD;
    const [organisations, recordTypes, records] = [new Set<string>(), new Set<string>(), new Set<string>()];
    let everything = false;
    for (const row of rows) {
      const scope = scopeInForce(row, purpose);
      if (scope === undefined) continue;
      if (scope === "everything") everything = true;
      else if (scope.kind === "organisation") organisations.add(scope.code);
      else if (scope.kind === "type") recordTypes.add(scope.recordType);
      else records.add(recordKey(String(row[2]), scope.recordId));
    }
    return { everything, organisations, recordTypes, records };
  }

  return { withheld };
}
