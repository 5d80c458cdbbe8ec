import { crc32 } from "node:zlib";

import type { Comparable } from "./comparable.ts";
import { soundOf } from "./sound.ts";

/**
 * What two records must share to be compared at all. Each kind forgives other mistakes: whichever one field is wrong or
 * missing, another kind still brings a pair together. Names stand in a key as they sound.
 */
export const KEY_KINDS = [
  /** The number. */
  "number",
  "other-id",
  "local-id",
  "phone",
  /** What stands before the @. */
  "email",
  /** One name, given or family alike, and the date of birth: forgives the other name, and names in each other's place. */
  "name-birth",
  /** Both names in either order, and the year of birth. */
  "names-year",
  /** Both names in either order, month and day of birth. */
  "names-day",
  /** Date of birth and the first letter of one name: forgives how the rest of it is written. */
  "initial-birth",
  "postcode-birth",
  "place-birth",
  /** One name and the postcode: forgives any date of birth. */
  "name-postcode",
  /** One name, the number of the house, and the longest word of the street: forgives date and postcode. */
  "name-address",
  /** Both names in either order, and the town. */
  "names-place",
] as const;

export type KeyKind = (typeof KEY_KINDS)[number];

export interface BlockKey {
  readonly kind: KeyKind;
  /** 32 bits of the kind and its values: two blocks may share a key, which costs a comparison and nothing else. */
  readonly key: number;
}

/** The keys of a record, each once; none for a kind of which it lacks a part. */
export function blockKeys(record: Comparable): BlockKey[] {
  const { year, month, day } = record;
  const birth = day === "" ? "" : `${year}${month}${day}`;
  const [family, given] = [soundOf(record.family), soundOf(record.given)];
  const both = family === "" || given === "" ? "" : [family, given].toSorted().join("|");
  const each = [given, ...(record.familyParts.length > 1 ? record.familyParts.map(soundOf) : [family])];
  const keys: BlockKey[] = [];
  const add = (kind: KeyKind, ...parts: readonly string[]): void => {
    if (parts.includes("")) return;
    const key = crc32(`${kind}|${parts.join("|")}`);
    if (!keys.some((other) => other.key === key)) keys.push({ kind, key });
  };
  add("number", record.number);
  add("other-id", record.otherId);
  add("local-id", record.localId);
  add("phone", record.phone);
  add("email", record.email.split("@")[0] ?? "");
  add("names-year", both, year);
  add("names-day", both, day === "" ? "" : month + day);
  add("names-place", both, record.locality);
  for (const name of each) {
    add("name-birth", name, birth);
    add("initial-birth", name.slice(0, 1), birth);
    add("name-postcode", name, record.postcode);
    add("name-address", name, addressKey(record.streetWords));
  }
  add("postcode-birth", record.postcode, birth);
  add("place-birth", record.locality, birth);
  return keys;
}

/** The number of the house and the longest word, which is the street's name as a rule. */
function addressKey(words: readonly string[]): string {
  const number = words.find((word) => /^\d/.test(word)) ?? "";
  const longest = words.reduce((best, word) => (word.length > best.length ? word : best), "");
  return longest.length < 4 ? "" : `${number} ${longest}`;
}
