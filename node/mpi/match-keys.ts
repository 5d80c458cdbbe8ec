import { crc32 } from "node:zlib";

import type { Database } from "better-sqlite3";

import { type Comparable, type MatchInput, toComparable } from "./linkage/comparable.ts";
import { type BlockKey, type KeyKind, blockKeys } from "./linkage/keys.ts";
import { soundOf } from "./linkage/sound.ts";

/**
 * The kinds that are kept, each in its cluster: keys of one birth date, one pair of names or one postcode lie side by side
 * in the table, so that what is written for one record touches a few of its pages instead of one for each key. Other kinds
 * would find whom the index of numbers finds, need what an identity record has not, or bring together whom only chance does.
 */
const CLUSTER_OF = {
  "name-birth": "birth",
  "postcode-birth": "birth",
  "names-year": "names",
  "names-day": "names",
  "name-postcode": "postcode",
} as const satisfies Partial<Record<KeyKind, string>>;

/** A kind of key that the index keeps. */
export type StoredKind = keyof typeof CLUSTER_OF;
type ClusterSort = (typeof CLUSTER_OF)[StoredKind];

/** One key of a record as it stands in the table. */
export interface MatchKey {
  readonly kind: StoredKind;
  readonly key: number;
}

/** Whom some keys find. */
export interface Candidates {
  /** Each identity once, in the order of the keys. */
  readonly identityNos: readonly number[];
  /** Kinds of which a key leads to more identities than were taken: whoever links must know that there are more. */
  readonly cut: readonly StoredKind[];
}

/** Bits from the top: the sort of cluster, which cluster of it (a day, or a checksum), and so many of the key itself. */
const SORT_AT = { birth: 1, names: 2, postcode: 3 } as const satisfies Record<ClusterSort, number>;
const CLUSTERS = 2 ** 24;
/** Two keys of one cluster that are equal by chance cost a comparison and nothing else. */
const KEYS_PER_CLUSTER = 2 ** 20;

const DAY_MS = 86_400_000;
/** No birth date lies before. */
const FIRST_DAY = Date.UTC(1800, 0, 1) / DAY_MS;

/** The keys under which a record is kept and found. */
export function matchKeysOf(record: MatchInput): MatchKey[] {
  return matchKeysOfComparable(toComparable(record));
}

/** As {@link matchKeysOf}, of a record that was made ready before. */
export function matchKeysOfComparable(record: Comparable): MatchKey[] {
  const keys: MatchKey[] = [];
  const clusters = new Map<ClusterSort, number | undefined>();
  for (const { kind, key } of [...blockKeys(record), ...wholeNameKeys(record)]) {
    if (!isStored(kind)) continue;
    const sort = CLUSTER_OF[kind];
    if (!clusters.has(sort)) clusters.set(sort, clusterOf(sort, record));
    const cluster = clusters.get(sort);
    if (cluster !== undefined) keys.push({ kind, key: firstKeyOf(sort, cluster) + (key % KEYS_PER_CLUSTER) });
  }
  return keys;
}

/** A double name stands in keys by its parts; by its whole it is found also where it was written as one word. */
function wholeNameKeys(record: Comparable): BlockKey[] {
  if (record.familyParts.length < 2) return [];
  return blockKeys({ ...record, given: "", familyParts: [] }).filter(({ kind }) => kind === "name-birth");
}

/**
 * The keys of everybody born on the days from one to another, as far as their birth date is known in full.
 *
 * @param from, to `YYYY-MM-DD`, real days.
 */
export function keysOfDays(from: string, to: string): { readonly first: number; readonly last: number } {
  const [first, last] = [dayOf(from) ?? 0, dayOf(to) ?? 0];
  return { first: firstKeyOf("birth", first), last: firstKeyOf("birth", last + 1) - 1 };
}

function isStored(kind: KeyKind): kind is StoredKind {
  return kind in CLUSTER_OF;
}

function clusterOf(sort: ClusterSort, record: Comparable): number | undefined {
  switch (sort) {
    case "birth":
      return dayOf(`${record.year}-${record.month}-${record.day}`);
    case "names":
      return crc32([soundOf(record.family), soundOf(record.given)].toSorted().join("|"));
    case "postcode":
      return crc32(record.postcode);
  }
}

/** Days since the first that counts; `undefined` where there is no such day. */
function dayOf(isoDate: string): number | undefined {
  const day = Date.parse(isoDate) / DAY_MS - FIRST_DAY;
  return day >= 0 ? day : undefined;
}

function firstKeyOf(sort: ClusterSort, cluster: number): number {
  return (SORT_AT[sort] * CLUSTERS + (cluster % CLUSTERS)) * KEYS_PER_CLUSTER;
}

/** Writes the keys of identities. Only inside a transaction of the store's writer. */
export interface MatchKeyStore {
  /** Adds the keys of a version to those that the identity has from earlier ones. */
  add(identityNo: number, version: MatchInput): void;
}

export function makeMatchKeyStore(db: Database): MatchKeyStore {
  const insert = db.prepare<[number, number]>("INSERT OR IGNORE INTO match_key (key, identity_no) VALUES (?, ?)");
  return {
    add(identityNo, version) {
      for (const { key } of matchKeysOf(version)) insert.run(key, identityNo);
    },
  };
}

/**
 * Finds the identities that share a key, with any of their versions.
 *
 * @param capPerKey so many of one key are taken, the oldest ones; that there were more is said.
 */
export type CandidatesOf = (keys: readonly MatchKey[], capPerKey: number) => Candidates;

export function makeCandidatesOf(db: Database): CandidatesOf {
  const ofKey = db
    .prepare<[number, number], number>("SELECT identity_no FROM match_key WHERE key = ? ORDER BY identity_no LIMIT ?")
    .pluck();
  return (keys, capPerKey) => {
    const identityNos = new Set<number>();
    const cut = new Set<StoredKind>();
    for (const { kind, key } of keys) {
      const found = ofKey.all(key, capPerKey + 1);
      if (found.length > capPerKey) cut.add(kind);
      for (const identityNo of found.slice(0, capPerKey)) identityNos.add(identityNo);
    }
    return { identityNos: [...identityNos], cut: [...cut] };
  };
}
