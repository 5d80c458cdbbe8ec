import { Concealed } from "../../base/concealed.ts";
import { type Clock, dayOf, today } from "../../base/clock.ts";
import type { Hl7Feed } from "../../config/hl7-feed.ts";
import type { IdentityRecord } from "../../mpi/identity-record.ts";
import type { EncounterChange, FeedChange, FeedMessage } from "../../requests/feed-message.ts";
import { type AdmittedFeed, parseFeedItem } from "../items.ts";
import { demographicsIn, type SaidFields } from "./demographics.ts";
import { asFault, Hl7Fault } from "./fault.ts";
import { readHeader } from "./header.ts";
import { localIdIn } from "./identifiers.ts";
import { type Message, parseMessage, type Segment } from "./message.ts";
import { readMoment } from "./times.ts";
import { oneSegment, optionalSegment, textOf } from "./values.ts";
import { visitIn } from "./visit.ts";

/** A message, or why it is none that can be taken: whole or not at all. */
export type AdtRead =
  { readonly kind: "read"; readonly message: FeedMessage } | { readonly kind: "rejected"; readonly fault: Hl7Fault };

/** How far a sender's clock may be ahead. An hour is what a wrong idea of summer time makes. */
const AHEAD_MAX_MS = 10 * 60_000;

/**
 * Makes what reads the messages of one feed (HL7 v2.4 ADT).
 *
 * @param admitted which providers may feed this node what.
 */
export function makeAdtReader(
  feed: Hl7Feed,
  admitted: ReadonlyMap<string, AdmittedFeed>,
  clock: Clock,
): (bytes: Buffer) => AdtRead {
  return (bytes) => {
    try {
      return { kind: "read", message: read(bytes, { feed, admitted, clock }) };
    } catch (thrown) {
      return { kind: "rejected", fault: asFault(thrown) };
    }
  };
}

interface Reading {
  readonly feed: Hl7Feed;
  readonly admitted: ReadonlyMap<string, AdmittedFeed>;
  readonly clock: Clock;
}

function read(bytes: Buffer, reading: Reading): FeedMessage {
  const { feed } = reading;
  const message = parseMessage(bytes, feed.characterSet);
  const { event, controlId } = readHeader(message, feed.processing);
  const evn = optionalSegment(message, "EVN");
  const named = textOf(evn?.field(1)[0], 1);
  if (/^A\d\d$/.test(named) && named !== event) throw new Hl7Fault("201", "EVN-1", "It is not the event of MSH-9.");
  const atMs = momentOf(message, evn, reading);
  const changes = changesIn(message, event, { atMs, happenedMs: happened(evn, reading) ?? atMs }, reading);
  return { feed: feed.name, messageId: controlId, provider: feed.provider, atMs, changes: new Concealed(changes) };
}

interface Moments {
  /** When it was recorded. */
  readonly atMs: number;
  /** When it happened. */
  readonly happenedMs: number;
}

function changesIn(
  message: Message,
  event: ReturnType<typeof readHeader>["event"],
  moments: Moments,
  reading: Reading,
): FeedChange[] {
  const local = (segment: Segment, field: number): string => checkedId(segment, field, reading);
  switch (event) {
    case "A34":
    case "A40":
      return mergesIn(message, event === "A40").map(({ pid, mrg }) => ({
        ...{ kind: "merge", losing: local(mrg, 1), winning: local(pid, 3) },
      }));
    case "A24":
    case "A37": {
      const [one, other, ...more] = message.segments.filter(({ name }) => name === "PID");
      if (one === undefined || other === undefined || more.length > 0)
        throw new Hl7Fault("100", "PID", "There must be two of them.");
      return [{ kind: event === "A24" ? "link" : "unlink", one: local(one, 3), other: local(other, 3) }];
    }
    default: {
      const pid = oneSegment(message, "PID");
      const localId = local(pid, 3);
      const fields = fieldsIn(message, pid, localId, moments, reading);
      const [pv1, pv2] = [optionalSegment(message, "PV1"), optionalSegment(message, "PV2")];
      const visited = { event, localId, pid, pv1, pv2, happenedMs: moments.happenedMs };
      const encounter = carriesEncounters(reading) ? visitIn(visited, reading.feed) : undefined;
      if (encounter !== undefined) checkEncounter(encounter, reading);
      return [{ kind: "update", localId, fields }, ...(encounter === undefined ? [] : [encounter])];
    }
  }
}

/** Each PID with the MRG that follows it. @throws {Hl7Fault} 100: they do not alternate, or are more than the event has. */
function mergesIn({ segments }: Message, mayRepeat: boolean): { readonly pid: Segment; readonly mrg: Segment }[] {
  const found = segments.filter(({ name }) => name === "PID" || name === "MRG");
  const pairs = [];
  for (let at = 0; at < found.length; at += 2) {
    const [pid, mrg] = [found[at], found[at + 1]];
    if (pid?.name !== "PID" || mrg?.name !== "MRG")
      throw new Hl7Fault("100", "MRG", "Each PID needs one MRG behind it.");
    pairs.push({ pid, mrg });
  }
  if (pairs.length === 0) throw new Hl7Fault("100", "MRG", "The segment is missing.");
  if (pairs.length > 1 && !mayRepeat) throw new Hl7Fault("100", "MRG", "The segment is there more than once.");
  return pairs;
}

/** Where each field of an identity stands in the message, by its name in a feed. */
const PLACE_OF: Readonly<Record<string, string>> = {
  ...{ local_id: "PID-3.1", nhs_number: "PID-3.1", nhs_number_status: "PID-32" },
  ...{ family_name: "PID-5.1", given_name: "PID-5.2", middle_name: "PID-5.3", birth_date: "PID-7", gender: "PID-8" },
  ...{ address_line1: "PID-11.1", address_line2: "PID-11.2", locality: "PID-11.3", postcode: "PID-11.5" },
  ...{ phone: "PID-13.1", recorded_on: "EVN-2", provider: "MSH-4" },
};

/** The rules of every other feed, for the fields that this message says something of. */
function fieldsIn(
  message: Message,
  pid: Segment,
  localId: string,
  { atMs }: Moments,
  reading: Reading,
): Partial<Omit<IdentityRecord, "provider" | "localId">> {
  const said: SaidFields = {
    ...demographicsIn(pid, optionalSegment(message, "PD1"), reading.feed),
    recordedOn: dayOf(Math.min(atMs, reading.clock.wallMs())),
  };
  const values = checkedIdentity({ ...said, localId }, reading);
  return Object.fromEntries(Object.keys(said).map((field) => [field, values[field as keyof IdentityRecord]]));
}

function checkedIdentity(
  fields: SaidFields & { readonly localId: string },
  { feed, admitted, clock }: Reading,
  place = PLACE_OF,
): IdentityRecord {
  const rules = { today: today(clock), feeds: admitted, organisations: [feed.provider] };
  const item = parseFeedItem({ kind: "identity", fields: { ...fields, provider: feed.provider } }, rules);
  if ("rejected" in item) {
    const { field, reason } = item.rejected;
    throw new Hl7Fault("102", place[field] ?? "PID", `It is ${reason}.`);
  }
  return item.values.expose() as IdentityRecord; // an identity is parsed as one
}

function checkedId(segment: Segment, field: number, reading: Reading): string {
  const localId = localIdIn(segment, field, reading.feed);
  return checkedIdentity({ localId }, reading, { ...PLACE_OF, local_id: `${segment.name}-${field}.1` }).localId;
}

function checkEncounter(encounter: EncounterChange, reading: Reading): void {
  checkedIdentity({ localId: encounter.visit }, reading, { ...PLACE_OF, local_id: "PV1-19" });
  const { startedAtMs, endedAtMs, state } = encounter;
  if ((state === "open" || state === "closed") && startedAtMs !== undefined)
    checkPast(startedAtMs, "PV1-44", reading.clock);
  if (endedAtMs !== undefined) checkPast(endedAtMs, "PV1-45", reading.clock);
  if (startedAtMs !== undefined && endedAtMs !== undefined && endedAtMs < startedAtMs)
    throw new Hl7Fault("102", "PV1-45", "It is before PV1-44.");
}

function carriesEncounters({ feed, admitted }: Reading): boolean {
  const types = admitted.get(feed.provider)?.recordTypes;
  return types === "all" || types?.has("encounters") === true;
}

/** When it was recorded: EVN-2, or else MSH-7. */
function momentOf(message: Message, evn: Segment | undefined, { feed, clock }: Reading): number {
  const recorded = timeIn(evn, 2);
  if (recorded !== "") return pastMoment(recorded, "EVN-2", feed, clock);
  const sent = timeIn(message.segments[0], 7);
  if (sent === "") throw new Hl7Fault("101", "EVN-2", "Neither it nor MSH-7 says when it was.");
  return pastMoment(sent, "MSH-7", feed, clock);
}

/** When it happened: EVN-6. */
function happened(evn: Segment | undefined, { feed, clock }: Reading): number | undefined {
  const said = timeIn(evn, 6);
  return said === "" ? undefined : pastMoment(said, "EVN-6", feed, clock);
}

function timeIn(segment: Segment | undefined, field: number): string {
  return textOf(segment?.field(field)[0], 1);
}

function pastMoment(text: string, where: string, { timeZone }: Hl7Feed, clock: Clock): number {
  const atMs = readMoment(text, timeZone);
  if (atMs === undefined) throw new Hl7Fault("102", where, "It is not a time written YYYYMMDD[HHMM[SS]][+ZZZZ].");
  checkPast(atMs, where, clock);
  return atMs;
}

/** What is far ahead of its time would make every later word look older. */
function checkPast(atMs: number, where: string, clock: Clock): void {
  if (atMs > clock.wallMs() + AHEAD_MAX_MS)
    throw new Hl7Fault("102", where, "It is in the future: check the sender's clock, and the feed's time zone.");
}
