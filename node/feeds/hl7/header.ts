import { Hl7Fault } from "./fault.ts";
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
  readonly event: AdtEvent;
  /** MSH-10. No patient's value, says the standard; it is kept out of logs all the same. */
  readonly controlId: string;
}

/** Longest control id: what later versions of the standard allow; 2.4 says 20 and many senders exceed that. */
const CONTROL_ID_MAX = 199;

/**
 * @param processing the processing ids (MSH-11) that are taken: P, for a node that serves patients.
 * @throws {Hl7Fault} 200 to 203 where it is no message that is read here, others where a field is missing or wrong.
 */
export function readHeader({ segments }: Message, processing: readonly string[] = ["P"]): Header {
  const [msh, ...others] = segments;
  if (msh?.name !== "MSH" || others.some(({ name }) => name === "MSH"))
    throw new Hl7Fault("100", "MSH", "A message has one MSH segment, its first.");
  if (required(msh, 9) !== "ADT") throw new Hl7Fault("200", "MSH-9.1", "Only ADT is taken.");
  const code = firstOf(msh, 9, 2);
  const event = ADT_EVENTS.find((one) => one === code);
  if (event === undefined) throw new Hl7Fault("201", "MSH-9.2", `Taken are ${ADT_EVENTS.join(", ")}.`);
  if (!processing.includes(firstOf(msh, 11) ?? ""))
    throw new Hl7Fault("202", "MSH-11.1", `Taken is ${processing.join(", ")}.`);
  if (firstOf(msh, 12) !== "2.4") throw new Hl7Fault("203", "MSH-12.1", "It must be 2.4.");
  const controlId = required(msh, 10);
  if (controlId.length > CONTROL_ID_MAX) throw new Hl7Fault("102", "MSH-10", "It is too long.");
  return { event, controlId };
}

function required(msh: Segment, field: number): string {
  const said = firstOf(msh, field);
  if (typeof said === "string") return said;
  throw new Hl7Fault("101", `MSH-${field}`, "It is missing.");
}
