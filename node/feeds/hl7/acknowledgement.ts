import { type FaultCode, FAULTS } from "./fault.ts";

/** AA: it is kept, durably. AE: something in it, or in what is held, forbids it. AR: not taken here, or not now. */
export type Acknowledged = "AA" | "AE" | "AR";

/** What could be read of the message that is answered. */
export interface Addressee {
  /** MSH-3 and MSH-4: who sent it. */
  readonly application?: string | undefined;
  readonly facility?: string | undefined;
  /** MSH-9.2: its event. */
  readonly event?: string | undefined;
  /** MSH-10: its id. */
  readonly controlId?: string | undefined;
  /** MSH-11. */
  readonly processing?: string | undefined;
}

export interface Answered {
  readonly code: Acknowledged;
  readonly to: Addressee;
  /** What is wrong with it; absent with AA. */
  readonly fault?: { readonly code: FaultCode; readonly where: string; readonly text: string } | undefined;
}

/** Who answers, under which id, when. */
export interface Answering {
  readonly facility: string;
  /** Of the answer itself (MSH-10). */
  readonly controlId: string;
  readonly nowMs: number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "|": "\\F\\",
  "^": "\\S\\",
  "&": "\\T\\",
  "~": "\\R\\",
  "\\": "\\E\\",
};

/** @returns the answer as bytes in ASCII, without its frame: MSH, MSA, and ERR where something is at fault (HL7 v2.4, 2.16). */
export function acknowledgement({ code, to, fault }: Answered, by: Answering): Buffer {
  const type = to.event === undefined ? "ACK" : `ACK^${escaped(to.event)}`;
  const msh = [
    ...["MSH", "^~\\&", "CORRIDOR", escaped(by.facility), escaped(to.application), escaped(to.facility)],
    ...[stamp(by.nowMs), "", type, escaped(by.controlId), escaped(to.processing ?? "P"), "2.4"],
  ].join("|");
  const msa = `MSA|${code}|${escaped(to.controlId)}|`;
  if (fault === undefined) return Buffer.from(`${msh}\r${msa}\r`, "ascii");
  const text = fault.where === "" ? fault.text : `${fault.where}: ${fault.text}`;
  const err = `ERR|${place(fault.where)}^${fault.code}&${FAULTS[fault.code]}&HL70357`;
  return Buffer.from(`${[msh, msa + escaped(text), err].join("\r")}\r`, "ascii");
}

/** Segment, which of its kind, field: the beginning of ERR-1. Version 2.4 has no place for the component. */
function place(where: string): string {
  const [segment = "", field = ""] = where.split(/[-.]/);
  return segment === "" ? "^^" : `${escaped(segment)}^1^${escaped(field)}`;
}

/** What is not printable ASCII is left out: an answer is one that every sender can read. */
function escaped(text = ""): string {
  return text.replaceAll(/[^ -~]/g, "").replaceAll(/[|^&~\\]/g, (one) => ESCAPES[one] ?? "");
}

/** Of the moment in UTC, with its offset, to the second. */
function stamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}+0000`;
}
