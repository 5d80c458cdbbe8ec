import type { Database } from "better-sqlite3";

import type { StoredIdentity } from "./identity-record.ts";
import type { IdentityRows } from "./identity-rows.ts";
import type { Comparable } from "./linkage/comparable.ts";
import { makeCandidatesOf, type MatchKey, matchKeysOfComparable, type StoredKind } from "./match-keys.ts";

/** Most identities of one key: more share it by chance, and the other keys find the right one. */
const IDENTITIES_PER_KEY = 50;
/** Most identities that one record is compared with. */
const IDENTITIES_MAX = 200;

/**
 * The kinds of which one key is enough to be compared. Those who share only a birth date and an initial, a telephone, or one
 * name and the postcode, are as good as never one person: of the pairs that link, these find all but one in a thousand.
 */
const ENOUGH: ReadonlySet<StoredKind> = new Set<StoredKind>([
  "name-birth",
  "postcode-birth",
  "names-year",
  "names-day",
]);

export interface LinkCandidates {
  readonly identities: readonly StoredIdentity[];
  /** True where a key led to more identities than were taken. */
  readonly isCut: boolean;
}

/** Whom a record is to be compared with: current identities that share a key with it, with any of their versions. */
export function makeLinkCandidates(db: Database, rows: IdentityRows): (record: Comparable) => LinkCandidates {
  const candidatesOf = makeCandidatesOf(db);
  const sharedByAll = (keys: readonly MatchKey[]): readonly number[] => {
    if (keys.length < 2) return [];
    const found = keys.map((key) => candidatesOf([key], IDENTITIES_PER_KEY).identityNos);
    return found.reduce((shared, some) => shared.filter((identityNo) => some.includes(identityNo)), found[0] ?? []);
  };
  return (record) => {
    const keys = matchKeysOfComparable(record);
    const { identityNos, cut } = candidatesOf(
      keys.filter(({ kind }) => ENOUGH.has(kind)),
      IDENTITIES_PER_KEY,
    );
    const all = [...new Set([...identityNos, ...sharedByAll(keys.filter(({ kind }) => kind === "name-postcode"))])];
    const identities = all.slice(0, IDENTITIES_MAX).flatMap((identityNo) => rows.byNo(identityNo) ?? []);
    return { identities, isCut: cut.length > 0 || all.length > IDENTITIES_MAX };
  };
}
