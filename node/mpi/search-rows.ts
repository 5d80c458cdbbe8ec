import type { Database } from "better-sqlite3";

import type { RawRow } from "../base/row-checksum.ts";
import { makeCurrentIdentities } from "./current-identities.ts";
import { fromRow, IDENTITY_COLUMNS, type StoredIdentity } from "./identity-record.ts";

/** The rows that a search reads, each verified. */
export interface SearchRows {
  /** What the identity says now. */
  current(identityNo: number): StoredIdentity | undefined;
  /**
   * Earlier versions by which the identity may be found: none of an identity that ever had another number or another sex,
   * and none where its number was taken up under protection. Whatever such a change was, nobody is to be found across it.
   */
  former(current: StoredIdentity): StoredIdentity[];
  ofPerson(personKey: number): StoredIdentity[];
}

export function makeSearchRows(db: Database): SearchRows {
  const select = `SELECT ${IDENTITY_COLUMNS} FROM identity_record`;
  const { byNo: current, ofPerson } = makeCurrentIdentities(db);
  const earlier = db.prepare<[number], RawRow>(`${select} WHERE current = 0 AND identity_no = ?`).raw();
  const isProtectedNumber = db.prepare<[number], number>("SELECT 1 FROM protected_number WHERE nhs_number = ?").pluck();

  function former(identity: StoredIdentity): StoredIdentity[] {
    if (identity.version === 1) return [];
    const { nhsNumber, gender, identityNo } = identity;
    if (nhsNumber !== "" && isProtectedNumber.get(Number(nhsNumber)) === 1) return [];
    const versions = earlier.all(identityNo).map(fromRow);
    const isOther = (then: string, now: string): boolean => then !== "" && then !== now;
    const changed = versions.some((then) => isOther(then.nhsNumber, nhsNumber) || isOther(then.gender, gender));
    return changed ? [] : versions;
  }

  return { current, former, ofPerson };
}
