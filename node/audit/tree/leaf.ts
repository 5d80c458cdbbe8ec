import { hash } from "node:crypto";

import { LOG_COLUMNS } from "../log-columns.ts";
import { leafHash } from "./merkle.ts";

/** A row of the log, in the order of {@link LOG_COLUMNS}. */
export type LogValues = readonly (string | number | Uint8Array | null)[];

const SALT_AT = LOG_COLUMNS.indexOf("salt");

/** Where each column stands, in the order of their names: that of RFC 8785. */
const IN_ORDER = LOG_COLUMNS.map((name, at) => ({ name, at }))
  .filter(({ at }) => at !== SALT_AT)
  .toSorted((one, other) => (one.name < other.name ? -1 : 1));

/**
 * An entry's leaf: over the SHA-256 of its salt and its {@link canonicalEntry}. Whoever has only the leaf cannot find out
 * what the entry said, whatever they try: the entry can be erased, and the tree still stands.
 */
export function leafOf(values: LogValues): Uint8Array {
  return leafOfText(saltOf(values), canonicalEntry(values));
}

/** The same, of an entry that is there as its canonical form. */
export function leafOfText(salt: Uint8Array, canonical: string): Uint8Array {
  return leafHash(hash("sha256", Buffer.concat([salt, Buffer.from(canonical)]), "buffer"));
}

export function saltOf(values: LogValues): Uint8Array {
  const salt = values[SALT_AT];
  if (!(salt instanceof Uint8Array)) throw new TypeError("an entry has a salt");
  return salt;
}

/**
 * What of an entry is hashed: a JSON object in the canonical form of RFC 8785, the columns by their names, bytes in base64.
 * Parts that the entry does not have are left out, so that a column added later changes no older leaf.
 */
export function canonicalEntry(values: LogValues): string {
  // Keys stay in the order in which they are added; numbers and texts are written as RFC 8785 writes them.
  const parts: Record<string, string | number> = {};
  for (const { name, at } of IN_ORDER) {
    const value = values[at];
    if (value === null || value === undefined) continue;
    parts[name] = value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
  }
  return JSON.stringify(parts);
}
