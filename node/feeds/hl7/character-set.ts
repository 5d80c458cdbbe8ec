import { isAscii, isUtf8 } from "node:buffer";

import { Failure } from "../../base/failure.ts";

/** The character sets that are read, by their names in MSH-18 (HL7 table 0211); none named is ASCII. */
export type CharacterSet = "ASCII" | "8859/1" | "UTF-8";

const BY_NAME: Readonly<Record<string, CharacterSet>> = {
  "": "ASCII",
  ASCII: "ASCII",
  "8859/1": "8859/1",
  "UTF-8": "UTF-8",
  "UNICODE UTF-8": "UTF-8",
};

/** @throws {Failure} `invalid-input` at MSH-18 where the set is not one that is read. */
export function characterSetOf(name: string): CharacterSet {
  const known = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (known === undefined)
    throw new Failure("invalid-input", "MSH-18 must be ASCII, 8859/1 or UNICODE UTF-8.", { where: "MSH-18" });
  return known;
}

/**
 * @param where the field that the bytes are of, for the failure.
 * @throws {Failure} `invalid-input` where bytes are not of the set. Half-right text is never kept.
 */
export function decodeBytes(bytes: Buffer, set: CharacterSet, where: string): string {
  const fits = set === "ASCII" ? isAscii(bytes) : set === "UTF-8" ? isUtf8(bytes) : !bytes.some(isC1);
  if (!fits) throw new Failure("invalid-input", `There are bytes that are not ${set}, which MSH-18 names.`, { where });
  return bytes.toString(set === "UTF-8" ? "utf8" : "latin1");
}

/** Control characters in 8859/1: where they stand, the text is of a Windows code page and would be misread. */
function isC1(byte: number): boolean {
  return byte >= 0x80 && byte <= 0x9f;
}
