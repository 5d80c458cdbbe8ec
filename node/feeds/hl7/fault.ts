import { Failure } from "../../base/failure.ts";

/** What is wrong with a message, in the words of the standard (HL7 table 0357). */
export const FAULTS = {
  "100": "Segment sequence error",
  "101": "Required field missing",
  "102": "Data type error",
  "103": "Table value not found",
  "200": "Unsupported message type",
  "201": "Unsupported event code",
  "202": "Unsupported processing id",
  "203": "Unsupported version id",
  "204": "Unknown key identifier",
  "205": "Duplicate key identifier",
  "206": "Application record locked",
  "207": "Application internal error",
} as const;

export type FaultCode = keyof typeof FAULTS;

/** A message cannot be taken. `where` is the place at fault: `PV1`, `PID-3` or `PID-5.2`; the text never has its value. */
export class Hl7Fault extends Failure {
  readonly fault: FaultCode;

  constructor(fault: FaultCode, where: string, text: string) {
    super("invalid-input", text, { where });
    this.fault = fault;
  }
}

/** The fault in what was thrown on the way through a message: what its parser refuses is of the wrong data type. */
export function asFault(thrown: unknown): Hl7Fault {
  if (thrown instanceof Hl7Fault) return thrown;
  if (thrown instanceof Failure && thrown.code === "invalid-input")
    return new Hl7Fault("102", thrown.where ?? "", thrown.message);
  throw thrown;
}
