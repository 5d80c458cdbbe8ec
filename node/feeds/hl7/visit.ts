import type { Hl7Feed } from "../../config/hl7-feed.ts";
import type { EncounterClass } from "../../base/encounter.ts";
import type { EncounterChange } from "../../requests/feed-message.ts";
import { Hl7Fault } from "./fault.ts";
import type { AdtEvent } from "./header.ts";
import type { Segment } from "./message.ts";
import { readMoment } from "./times.ts";
import { partOf, textOf } from "./values.ts";

/** What an event makes of a visit. Every other event says nothing of one, save that A08 may say that it is withheld. */
const STATE_AFTER: Partial<Record<AdtEvent, EncounterChange["state"]>> = {
  A01: "open",
  A04: "open",
  A05: "planned",
  A03: "closed",
  A11: "cancelled",
  A13: "open",
};

const BEGINS: readonly AdtEvent[] = ["A01", "A04", "A05"];

/** HL7 table 0004. */
const CLASSES: Readonly<Record<string, EncounterClass>> = {
  ...{ E: "emergency", I: "inpatient", B: "inpatient", P: "inpatient", O: "outpatient", R: "outpatient" },
  ...{ C: "other", N: "other", U: "other" },
};

export interface Visited {
  readonly event: AdtEvent;
  readonly localId: string;
  readonly pid: Segment;
  readonly pv1: Segment | undefined;
  readonly pv2: Segment | undefined;
  /** When it happened, where PV1 does not say. */
  readonly happenedMs: number;
}

/**
 * What a message says of a visit; `undefined` where its event says nothing of one, or it is of none that is shown.
 *
 * @throws {Hl7Fault} at the field that is missing or cannot be read.
 */
export function visitIn(visited: Visited, feed: Hl7Feed): EncounterChange | undefined {
  const { event, localId, pid, pv1, pv2, happenedMs } = visited;
  const state = STATE_AFTER[event];
  if (state === undefined) return event === "A08" ? withheldNow(visited, feed) : undefined;
  if (pv1 === undefined) throw new Hl7Fault("100", "PV1", "The segment is missing.");
  const code = classCode(pv1);
  if (!(feed.encounterClasses as readonly string[]).includes(code)) return undefined;
  const visit = visitNumber(pid, pv1, feed);
  if (visit === "") throw new Hl7Fault("101", "PV1-19", "The visit has no number, here or in PID-18.");
  const encounterClass = CLASSES[code] ?? "other";
  if (isWithheld(pv1, pv2, feed)) return BEGINS.includes(event) ? undefined : withheldNow(visited, feed);
  const began = momentIn(pv1, 44, feed.timeZone);
  const ended = momentIn(pv1, 45, feed.timeZone);
  const startedAtMs = began ?? (BEGINS.includes(event) ? happenedMs : undefined);
  return {
    ...{ kind: "encounter", localId, visit, state, encounterClass },
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(state === "closed" && { endedAtMs: ended ?? happenedMs }),
  };
}

/** It may have begun elsewhere in the hospital: then what was shown of it goes. */
function withheldNow({ localId, pid, pv1, pv2 }: Visited, feed: Hl7Feed): EncounterChange | undefined {
  if (pv1 === undefined || !isWithheld(pv1, pv2, feed)) return undefined;
  const visit = visitNumber(pid, pv1, feed);
  const encounterClass = CLASSES[textOf(pv1.field(2)[0], 1)] ?? "other";
  return visit === "" ? undefined : { kind: "encounter", localId, visit, state: "cancelled", encounterClass };
}

function classCode(pv1: Segment): string {
  const said = textOf(pv1.field(2)[0], 1);
  if (said === "") throw new Hl7Fault("101", "PV1-2", "It is missing.");
  if (!Object.hasOwn(CLASSES, said))
    throw new Hl7Fault("103", "PV1-2", `It is not one of ${Object.keys(CLASSES).join(", ")}.`);
  return said;
}

/** Of a service of a legally protected kind (PV1-10), or protected by itself (PV2-22). */
function isWithheld(pv1: Segment, pv2: Segment | undefined, { withheldServices }: Hl7Feed): boolean {
  const mark = pv2 && partOf(pv2.field(22)[0], 1);
  if (mark === "Y") return true;
  if (mark !== undefined && mark !== null && mark !== "N")
    throw new Hl7Fault("103", "PV2-22", "It is not one of Y, N.");
  return pv1.field(10).some((repetition) => withheldServices.includes(textOf(repetition, 1)));
}

/** PV1-19, or else the account's number; empty where there is neither. */
function visitNumber(pid: Segment, pv1: Segment, { ownVisits, name }: Hl7Feed): string {
  const number = textOf(pv1.field(19)[0], 1) || textOf(pid.field(18)[0], 1);
  return number === "" || !ownVisits ? number : `${name} ${number}`;
}

function momentIn(pv1: Segment, field: number, zone: string): number | undefined {
  const said = partOf(pv1.field(field)[0], 1);
  if (said === undefined || said === null) return undefined;
  const atMs = readMoment(said, zone);
  if (atMs === undefined)
    throw new Hl7Fault("102", `PV1-${field}`, "It is not a time written YYYYMMDD[HHMM[SS]][+ZZZZ].");
  return atMs;
}
