import { Failure } from "../../base/failure.ts";
import { type CharacterSet, decodeBytes } from "./character-set.ts";
import type { Delimiters } from "./delimiters.ts";

/**
 * Undoes the escapes of a value: delimiters, line breaks (`\.br\`) and bytes (`\Xhh\`), which are of the message's own set.
 * Once only: what an escape stands for is never read as the beginning of another.
 *
 * @throws {Failure} `invalid-input` at `where`: an escape that has no end, or that is not one of these.
 */
export function unescapeText(text: string, where: string, delimiters: Delimiters, set: CharacterSet): string {
  const pieces = text.split(delimiters.escape);
  if (pieces.length % 2 === 0) throw new Failure("invalid-input", `An escape in ${where} has no end.`, { where });
  return pieces
    .map((piece, index) => (index % 2 === 0 ? plain(piece, where) : meant(piece, where, delimiters, set)))
    .join("");
}

function meant(escape: string, where: string, delimiters: Delimiters, set: CharacterSet): string {
  switch (escape) {
    case "F":
      return delimiters.field;
    case "S":
      return delimiters.component;
    case "T":
      return delimiters.subcomponent;
    case "R":
      return delimiters.repetition;
    case "E":
      return delimiters.escape;
    case ".br":
      return "\n";
  }
  if (!/^X(?:[0-9A-Fa-f]{2})+$/.test(escape))
    throw new Failure("invalid-input", `There is an escape in ${where} that is not known.`, { where });
  return plain(decodeBytes(Buffer.from(escape.slice(1), "hex"), set, where), where);
}

function plain(text: string, where: string): string {
  if (/\p{Cc}/u.test(text)) throw new Failure("invalid-input", `There is a control character in ${where}.`, { where });
  return text;
}
