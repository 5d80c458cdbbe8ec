import type { Hl7Feed } from "../../config/hl7-feed.ts";
import type { IdentityRecord } from "../../mpi/identity-record.ts";
import { Hl7Fault } from "./fault.ts";
import { nhsNumberIn } from "./identifiers.ts";
import { firstOf, type Repetition, type Segment } from "./message.ts";
import { readDay } from "./times.ts";
import { bestOf, isDeleted, partOf, textOf } from "./values.ts";

/** The fields that a message says something of; empty text = deleted. Who has no field here stays as held. */
export type SaidFields = Partial<
  Record<Exclude<keyof IdentityRecord, "provider" | "localId" | "restricted">, string>
> & {
  readonly restricted?: boolean;
};

/** Which of several to take, by type, best first; `""` is none said. What is not in a list is never taken. */
const NAME_TYPES = ["L", "", "D", "U"];
const ADDRESS_TYPES = ["H", "HOME", "P", "", "L", "C"];
const PHONE_USES = ["PRN", "", "PRS", "ORN"];

/** HL7 table 0001, and the codes of the NHS data dictionary, which some systems send. */
const GENDERS: Readonly<Record<string, string>> = {
  ...{ F: "female", M: "male", O: "other", U: "unknown", A: "other", N: "unknown" },
  ...{ "0": "unknown", "1": "male", "2": "female", "9": "unknown" },
};

/**
 * What PID (and PD1) say of a patient. A name, an address and a phone that are sent replace the held one as a whole: half a
 * new address beside half an old one would be nobody's.
 *
 * @throws {Hl7Fault} at the field that cannot be read.
 */
export function demographicsIn(pid: Segment, pd1: Segment | undefined, feed: Hl7Feed): SaidFields {
  return {
    ...nhsNumber(pid, feed),
    ...name(pid),
    ...birthDate(pid),
    ...gender(pid),
    ...address(pid),
    ...phone(pid),
    ...restriction(pid, pd1, feed),
  };
}

/** A status without its number says nothing; a number without a status is unverified, whatever was held. */
function nhsNumber(pid: Segment, feed: Hl7Feed): SaidFields {
  const number = nhsNumberIn(pid, feed);
  if (number === undefined) return {};
  if (number === null) return { nhsNumber: "", nhsNumberStatus: "" };
  const statuses = new Set(
    codesOf(pid, 32).flatMap((code) => (Object.hasOwn(feed.numberStatus, code) ? [feed.numberStatus[code]!] : [])),
  );
  if (statuses.size > 1) throw new Hl7Fault("103", "PID-32", "There are two statuses of the NHS number.");
  return { nhsNumber: number, nhsNumberStatus: [...statuses][0] ?? "" };
}

function name(pid: Segment): SaidFields {
  if (isDeleted(pid, 5)) return { familyName: "", givenName: "", middleName: "" };
  const found = bestOf(pid, 5, 7, NAME_TYPES);
  if (found === undefined || !saysAny(found, [1, 2, 3])) return {};
  return { familyName: textOf(found, 1), givenName: textOf(found, 2), middleName: textOf(found, 3) };
}

function birthDate(pid: Segment): SaidFields {
  const said = firstOf(pid, 7);
  if (said === undefined) return {};
  if (said === null) return { birthDate: "" };
  const day = readDay(said.trim());
  if (day === undefined) throw new Hl7Fault("102", "PID-7", "It is not a date written YYYY[MM[DD[HHMM[SS]]]].");
  return { birthDate: day };
}

function gender(pid: Segment): SaidFields {
  const said = firstOf(pid, 8);
  if (said === undefined) return {};
  if (said === null) return { gender: "" };
  const code = said.trim();
  if (!Object.hasOwn(GENDERS, code))
    throw new Hl7Fault("103", "PID-8", `It is not one of ${Object.keys(GENDERS).join(", ")}.`);
  return { gender: GENDERS[code]! };
}

function address(pid: Segment): SaidFields {
  const all = (lines: readonly [string, string, string, string]): SaidFields => ({
    ...{ addressLine1: lines[0], addressLine2: lines[1], locality: lines[2], postcode: lines[3] },
  });
  if (isDeleted(pid, 11)) return all(["", "", "", ""]);
  const found = bestOf(pid, 11, 7, ADDRESS_TYPES);
  if (found === undefined || !saysAny(found, [1, 2, 3, 4, 5])) return {};
  // Town, or else county.
  return all([textOf(found, 1), textOf(found, 2), textOf(found, 3) || textOf(found, 4), textOf(found, 5)]);
}

function phone(pid: Segment): SaidFields {
  if (isDeleted(pid, 13)) return { phone: "" };
  const found = bestOf(pid, 13, 2, PHONE_USES, (repetition) => !phoneOf(repetition).includes("@"));
  return found === undefined || !saysAny(found, [1, 5, 6, 7]) ? {} : { phone: phoneOf(found) };
}

/** As it was written, or else from its parts: country, area, number. */
function phoneOf(repetition: Repetition): string {
  const parts = [5, 6, 7].map((component) => textOf(repetition, component)).filter((part) => part !== "");
  return textOf(repetition, 1) || parts.join(" ");
}

/** PD1-12 is the standard's indicator; codes in PID-32 are the feed's own. */
function restriction(pid: Segment, pd1: Segment | undefined, { restrictedCodes }: Hl7Feed): SaidFields {
  if (codesOf(pid, 32).some((code) => restrictedCodes.includes(code))) return { restricted: true };
  const said = pd1 && partOf(pd1.field(12)[0], 1);
  switch (said) {
    case undefined:
      return {};
    case "Y":
      return { restricted: true };
    case "N":
    case null:
      return { restricted: false };
  }
  throw new Hl7Fault("103", "PD1-12", "It is not one of Y, N.");
}

/** An empty one with its type says nothing, and must not wipe what is held. */
function saysAny(repetition: Repetition, components: readonly number[]): boolean {
  return components.some((component) => partOf(repetition, component) !== undefined);
}

function codesOf(pid: Segment, field: number): string[] {
  return pid.field(field).map((repetition) => textOf(repetition, 1));
}
