import { crc32 } from "node:zlib";

import { damagedRow, rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import { normaliseName } from "./names.ts";

/** Demographics as one provider sent them, checked at the door and otherwise untouched. Empty text = not given. */
export interface IdentityRecord {
  readonly provider: string;
  /** The provider's own id for the patient. */
  readonly localId: string;
  /** Ten digits, or empty. */
  readonly nhsNumber: string;
  /** `01` (verified) to `08`; empty = present but unverified. */
  readonly nhsNumberStatus: string;
  readonly givenName: string;
  readonly middleName: string;
  readonly familyName: string;
  /** `YYYY-MM-DD`, `YYYY-MM`, `YYYY` or empty. */
  readonly birthDate: string;
  /** `male`, `female`, `other`, `unknown` or empty. */
  readonly gender: string;
  readonly addressLine1: string;
  readonly addressLine2: string;
  readonly locality: string;
  readonly postcode: string;
  readonly phone: string;
  /** `YYYY-MM-DD`, or empty. */
  readonly recordedOn: string;
  /** True where the provider marks the patient restricted (sensitive location). */
  readonly restricted: boolean;
}

/** Of whom nothing is known but where their record is. */
export function emptyRecord(provider: string, localId: string): IdentityRecord {
  return {
    ...{ provider, localId, nhsNumber: "", nhsNumberStatus: "", givenName: "", middleName: "", familyName: "" },
    ...{ birthDate: "", gender: "", addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "" },
    ...{ recordedOn: "", restricted: false },
  };
}

/** A stored record as its provider sent it, and nothing else. */
export function asSent(stored: StoredIdentity): IdentityRecord {
  const fields = Object.keys(emptyRecord("", "")) as (keyof IdentityRecord)[];
  return Object.fromEntries(fields.map((field) => [field, stored[field]])) as unknown as IdentityRecord;
}

/** One row of `identity_record`. */
export interface StoredIdentity extends IdentityRecord {
  readonly recordNo: number;
  /** The number of (provider, local id), to which pointers and objections attach. */
  readonly identityNo: number;
  readonly version: number;
  readonly current: boolean;
  readonly personKey: number;
  readonly loadedAtMs: number;
}

/** The columns in the order of {@link toRow} and {@link fromRow}; the checksum, last, covers all the others. */
export const IDENTITY_COLUMNS = `record_no, identity_no, version, current, person_id, provider, local_id, nhs_number,
  nhs_number_status, given_name, middle_name, family_name, birth_date, gender, address_line1, address_line2, locality,
  postcode, phone, recorded_on, restricted, loaded_at_ms, demographic_key, checksum`;

export function toRow(stored: StoredIdentity): (string | number | null)[] {
  const values = [
    stored.recordNo,
    stored.identityNo,
    stored.version,
    stored.current ? 1 : 0,
    stored.personKey,
    stored.provider,
    stored.localId,
    stored.nhsNumber === "" ? null : Number(stored.nhsNumber),
    stored.nhsNumberStatus,
    stored.givenName,
    stored.middleName,
    stored.familyName,
    stored.birthDate,
    stored.gender,
    stored.addressLine1,
    stored.addressLine2,
    stored.locality,
    stored.postcode,
    stored.phone,
    stored.recordedOn,
    stored.restricted ? 1 : 0,
    stored.loadedAtMs,
    demographicKey(stored.familyName, stored.givenName, stored.birthDate) ?? null,
  ];
  values.push(rowChecksum(values));
  return values;
}

/**
 * @throws {Failure} `store-unavailable`: the row is damaged. Better no answer than a wrong patient.
 */
export function fromRow(row: RawRow): StoredIdentity {
  verifyRow("identity_record", row);
  const text = (place: number): string => {
    const value = row[place];
    if (typeof value !== "string") throw damagedRow("identity_record", row[0]);
    return value;
  };
  const nhsNumber = row[7] ?? null;
  return {
    recordNo: Number(row[0]),
    identityNo: Number(row[1]),
    version: Number(row[2]),
    current: row[3] === 1,
    personKey: Number(row[4]),
    provider: text(5),
    localId: text(6),
    nhsNumber: nhsNumber === null ? "" : String(nhsNumber).padStart(10, "0"),
    nhsNumberStatus: text(8),
    givenName: text(9),
    middleName: text(10),
    familyName: text(11),
    birthDate: text(12),
    gender: text(13),
    addressLine1: text(14),
    addressLine2: text(15),
    locality: text(16),
    postcode: text(17),
    phone: text(18),
    recordedOn: text(19),
    restricted: row[20] === 1,
    loadedAtMs: Number(row[21]),
  };
}

/** Where a record is found by name and birth date; `undefined` unless all three are there, the date in full. */
export function demographicKey(familyName: string, givenName: string, birthDate: string): number | undefined {
  const [family, given] = [normaliseName(familyName), normaliseName(givenName)];
  if (family === "" || given === "" || birthDate.length !== 10) return undefined;
  return crc32(`${family}|${given}|${birthDate}`);
}
