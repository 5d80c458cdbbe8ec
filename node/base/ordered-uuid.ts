import type { Random } from "./random.ts";

/**
 * A fresh version 7 UUID (RFC 9562): the wall clock's milliseconds, then 74 random bits. Those of one time lie beside one
 * another wherever they are kept in order, so that a store of the newest writes few pages.
 */
export function orderedUuid(random: Random, wallMs: number): string {
  const time = Math.max(0, Math.floor(wallMs)).toString(16).padStart(12, "0").slice(-12);
  const version4 = random.uuid();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${version4.slice(15)}`;
}

/** The 48 bits of time that a version 7 UUID begins with; `undefined` of any other text. */
export function timeOfOrderedUuid(uuid: string): Buffer | undefined {
  return uuid[14] === "7" ? Buffer.from(uuid.slice(0, 8) + uuid.slice(9, 13), "hex") : undefined;
}
