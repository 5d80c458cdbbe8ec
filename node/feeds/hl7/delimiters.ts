import { Failure } from "../../base/failure.ts";

/** The characters by which a message says what divides it (MSH-1 and MSH-2). */
export interface Delimiters {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  readonly escape: string;
  readonly subcomponent: string;
}

/** Printable ASCII that is neither letter, digit, blank nor the mark of a deleted value. */
const DELIMITER = /^[!#-/:-@[-`{-~]$/;

/** @throws {Failure} `invalid-input` at MSH-1 or MSH-2. */
export function readDelimiters(text: string): Delimiters {
  if (!text.startsWith("MSH"))
    throw new Failure("invalid-input", "The message does not begin with MSH.", { where: "MSH-1" });
  const field = text.charAt(3);
  const end = text.indexOf(field, 4);
  const [component = "", repetition = "", escape = "", subcomponent = "", more] = text.slice(4, end === -1 ? 9 : end);
  const all = [field, component, repetition, escape, subcomponent];
  if (!DELIMITER.test(field)) throw new Failure("invalid-input", "MSH-1 is no delimiter.", { where: "MSH-1" });
  if (more !== undefined || !all.every((one) => DELIMITER.test(one)) || new Set(all).size < all.length)
    throw new Failure("invalid-input", "MSH-2 must be four different delimiters.", { where: "MSH-2" });
  return { field, component, repetition, escape, subcomponent };
}
