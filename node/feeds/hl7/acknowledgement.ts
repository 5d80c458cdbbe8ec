/** AA: it is kept, durably. AE: something in it, or in what is held, forbids it. AR: not a message that is taken here. */
export type Acknowledged = "AA" | "AE" | "AR";

export interface Answered {
  readonly code: Acknowledged;
  /** MSH-10 of what is answered, as it was decoded; absent where it could not be read. */
  readonly controlId: string | undefined;
  /** The field at fault (`PID-3`), or its segment; absent with AA, or where none is at fault. */
  readonly where?: string | undefined;
  /** What is wrong with it. Never a patient's value. */
  readonly text?: string | undefined;
}

/** Who answers, under which id, when. */
export interface Answering {
  readonly facility: string;
  /** Of the answer itself (MSH-10). */
  readonly controlId: string;
  readonly nowMs: number;
}

/** HL7 table 0357: application internal error, which says nothing more than that there is one. */
const ERROR_CODE = "207";
const ESCAPES: Readonly<Record<string, string>> = {
  "|": "\\F\\",
  "^": "\\S\\",
  "&": "\\T\\",
  "~": "\\R\\",
  "\\": "\\E\\",
};

/** @returns the answer as bytes in ASCII, without its frame: MSH, MSA, and ERR where a field is at fault (HL7 v2.4, 2.16). */
export function acknowledgement({ code, controlId, where, text }: Answered, by: Answering): Buffer {
  const msh = `MSH|^~\\&|CORRIDOR|${escaped(by.facility)}|||${stamp(by.nowMs)}||ACK|${escaped(by.controlId)}|P|2.4`;
  const msa = `MSA|${code}|${escaped(controlId ?? "")}|${escaped(text ?? "")}`;
  const segments = where === undefined ? [msh, msa] : [msh, msa, `ERR|${place(where)}^${ERROR_CODE}`];
  return Buffer.from(`${segments.join("\r")}\r`, "ascii");
}

/** Segment, which of its kind, field: the beginning of ERR-1. */
function place(where: string): string {
  const [segment = "", field = ""] = where.split("-");
  return `${escaped(segment)}^1^${escaped(field)}`;
}

/** What is not printable ASCII is left out: an answer is one that every sender can read. */
function escaped(text: string): string {
  return text.replaceAll(/[^ -~]/g, "").replaceAll(/[|^&~\\]/g, (one) => ESCAPES[one] ?? "");
}

/** Of the moment in UTC, with its offset, to the second. */
function stamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}+0000`;
}
