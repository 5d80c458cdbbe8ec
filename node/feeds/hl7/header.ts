import { Failure } from "../../base/failure.ts";
import { firstOf, type Message, type Segment } from "./message.ts";

/** The events of HL7 v2.4 ADT that are read; every other message is refused by its type. */
export const ADT_EVENTS = [
  "A01",
  "A03",
  "A04",
  "A05",
  "A08",
  "A11",
  "A13",
  "A24",
  "A28",
  "A31",
  "A34",
  "A37",
  "A40",
] as const;

export type AdtEvent = (typeof ADT_EVENTS)[number];

/** What a message says of itself. */
export interface Header {
  /** MSH-4: the organisation that speaks. Whether its connection may speak for it is for the door to ask. */
  readonly facility: string;
  readonly event: AdtEvent;
  /** MSH-10. No patient's value, says the standard; it is kept out of logs all the same. */
  readonly controlId: string;
}

/** Longest control id: what later versions of the standard allow; 2.4 says 20 and many senders exceed that. */
const CONTROL_ID_MAX = 199;

/** @throws {Failure} `incompatible` where it is no message that is read, `invalid-input` where a field is missing or wrong. */
export function readHeader({ segments }: Message): Header {
  const [msh, ...others] = segments;
  if (msh?.name !== "MSH" || others.some(({ name }) => name === "MSH"))
    throw new Failure("invalid-input", "A message has one MSH segment, its first.", { where: "MSH" });
  if (firstOf(msh, 12) !== "2.4") throw new Failure("incompatible", "MSH-12 must be 2.4.", { where: "MSH-12" });
  const code = firstOf(msh, 9, 2);
  const event = ADT_EVENTS.find((one) => one === code);
  if (firstOf(msh, 9) !== "ADT" || event === undefined)
    throw new Failure("incompatible", `MSH-9 must be ADT and one of ${ADT_EVENTS.join(", ")}.`, { where: "MSH-9" });
  const controlId = required(msh, 10);
  if (controlId.length > CONTROL_ID_MAX) throw new Failure("invalid-input", "MSH-10 is too long.", { where: "MSH-10" });
  return { facility: required(msh, 4), event, controlId };
}

function required(msh: Segment, field: number): string {
  const said = firstOf(msh, field);
  if (typeof said === "string") return said;
  throw new Failure("invalid-input", `MSH-${field} is missing.`, { where: `MSH-${field}` });
}
