import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import { LIVING, makeNumberStandingStore, type NumberStanding } from "../mpi/number-standing.ts";
import type { CommandHandlers, StoreExecutor } from "../storage/executor.ts";
import { enqueue, finishJob } from "../storage/outbox.ts";
import { feedStores, type FeedStores, putIdentity } from "./load-batch.ts";

/** The events of the national demographics service (PDS) that say that a person's record changed. */
export const PDS_EVENT_KINDS = [
  "pds-record-change-1",
  "pds-change-of-address-1",
  "pds-birth-notification-1",
  "pds-death-notification-1",
] as const;
export type PdsEventKind = (typeof PDS_EVENT_KINDS)[number];

/** That something changed, and no more: what, is to be read of the service. */
export interface PdsEvent {
  /** The number under which it was sent: of a superseded one the old. */
  readonly nhsNumber: NhsNumber;
  readonly kind: PdsEventKind;
  /** Milliseconds since 1970, as the service dates it. */
  readonly changedMs: number;
}

/** `not-held`: nobody here has the number, and nothing of the event is kept. */
export type PdsEventTaken = "queued" | "already" | "older" | "not-held";

/** What the service says of a number: as its client reads it, of which this is what counts here. */
export type PdsAnswer =
  | { readonly kind: "found" | "superseded"; readonly patient: PdsPerson }
  /** Withdrawn: it is nobody's any more. */
  | { readonly kind: "invalidated" }
  | { readonly kind: "not-found" };

interface PdsPerson {
  /** Another one than asked for where that was superseded. */
  readonly nhsNumber: NhsNumber;
  /** True where the service marks the person: location protected. */
  readonly restricted: boolean;
  readonly details: Concealed<{
    readonly names: readonly { readonly family: string; readonly given: readonly string[] }[];
    readonly birthDate: string;
    readonly gender: string;
    readonly died: string;
    readonly deathRegistered: boolean;
  }>;
}

/** Asks the service. `read` throws a Failure where it cannot be asked now: the job is tried again. */
export interface PdsReader {
  read(nhsNumber: NhsNumber): Promise<PdsAnswer>;
}

/** As whom the service speaks in the index: a source of identity records like any provider, which feeds no pointers. */
const PDS = "X-NO-ODS-PDS";

/** The kind of the outbox row that an event leaves behind. */
export const READ_PDS = "read-pds";

/**
 * Takes one event: the latest of each number is kept, whatever the order in which they come, and a job will read what
 * changed. Durable when it resolves.
 *
 * @throws {Failure} `invalid-input`: dated ahead of this node's clock. `store-unavailable`: it is to be sent again.
 */
export async function takePdsEvent(
  { nhsNumber, kind, changedMs }: PdsEvent,
  { clock, store }: { readonly clock: Clock; readonly store: StoreExecutor },
): Promise<PdsEventTaken> {
  if (changedMs > clock.wallMs() + AHEAD_MS_MAX) {
    throw new Failure("invalid-input", "The event is dated ahead of this node's clock.", {
      where: "MessageHeader.meta.lastUpdated",
    });
  }
  return store.run("pds-event", { nhsNumber: Number(nhsNumber.expose()), kind, changedMs });
}

/** One that is dated far ahead would hide all that come after it. */
const AHEAD_MS_MAX = 5 * 60_000;

/**
 * Reads of the service what an event was about, and keeps it: a superseded number leads to the new one, the service's own
 * mark of a protected person counts, or no longer counts, and so do a death and a number that was withdrawn. Done twice it does
 * no harm.
 *
 * @param job knows the number of the event's row, and nothing else.
 * @throws {Failure} the service's, or `store-unavailable`: it is to be tried again.
 */
export async function readPdsFor(
  { eventNo, key }: { readonly eventNo: number; readonly key: string },
  { clock, store, pds }: { readonly clock: Clock; readonly store: StoreExecutor; readonly pds: PdsReader },
): Promise<void> {
  const event = await store.run("pds-event-of", { eventNo });
  const asked = event === null || keyOf(event) !== key ? undefined : toNumber(event.nhsNumber);
  if (asked === undefined) return; // a later event of the number has a job of its own
  const answer = await pds.read(asked);
  await store.run("pds-answer", { eventNo, key, nowMs: clock.wallMs(), ...toSaid(eventNo, answer) });
}

/** What of an answer is kept. */
function toSaid(eventNo: number, answer: PdsAnswer): { said: IdentityRecord | null; standing: NumberStanding | null } {
  switch (answer.kind) {
    case "found":
    case "superseded": {
      const { died, deathRegistered } = answer.patient.details.expose();
      return { said: recordOf(eventNo, answer.patient), standing: { died, deathRegistered, withdrawn: false } };
    }
    case "invalidated":
      return { said: null, standing: { ...LIVING, withdrawn: true } };
    case "not-found":
      return { said: null, standing: null };
  }
}

/** The least that tells who is marked: where they live is nothing to copy. */
function recordOf(eventNo: number, { nhsNumber, restricted, details }: PdsPerson): IdentityRecord {
  const { names, birthDate, gender } = details.expose();
  const [givenName = "", ...others] = names[0]?.given ?? [];
  return {
    ...{ provider: PDS, localId: String(eventNo), nhsNumber: nhsNumber.expose(), nhsNumberStatus: "01", restricted },
    ...{ givenName, middleName: others.join(" "), familyName: names[0]?.family ?? "", birthDate, gender },
    ...{ addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "", recordedOn: "" },
  };
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "pds-event": { payload: EventValues; result: PdsEventTaken };
    "pds-event-of": { payload: { readonly eventNo: number }; result: EventRow | null };
    "pds-answer": {
      payload: {
        readonly eventNo: number;
        readonly key: string;
        /** Null where the service has nobody of the number. */
        readonly said: IdentityRecord | null;
        /** Of the number that it has now. Null where nothing is known of it. */
        readonly standing: NumberStanding | null;
        readonly nowMs: number;
      };
      result: null;
    };
  }
}

interface EventValues {
  readonly nhsNumber: number;
  readonly kind: PdsEventKind;
  readonly changedMs: number;
}

interface EventRow extends EventValues {
  readonly eventNo: number;
}

/** Names the job of one state of a row. */
function keyOf({ eventNo, changedMs }: EventRow): string {
  return `${eventNo}.${changedMs}`;
}

function toNumber(nhsNumber: number): NhsNumber | undefined {
  return NhsNumber.parse(String(nhsNumber).padStart(10, "0"));
}

const COLUMNS = "event_no, nhs_number, kind, changed_ms, read_ms, checksum";

/** The handlers decide and write inside one transaction of the index's writer. */
export function makeHandlers(db: Database, random: Random): CommandHandlers {
  const stores = feedStores(db, random);
  const events = makeEventRows(db);
  const setStanding = makeNumberStandingStore(db);
  const isHeld = db
    .prepare<[number], number>("SELECT EXISTS (SELECT 1 FROM identity_record WHERE current = 1 AND nhs_number = ?)")
    .pluck();
  const markedWith = db
    .prepare<[string, number, number], string>(
      "SELECT local_id FROM identity_record WHERE current = 1 AND provider = ? AND nhs_number IN (?, ?)",
    )
    .pluck();

  function take(values: EventValues): PdsEventTaken {
    const held = events.ofNumber(values.nhsNumber);
    if (held === undefined && isHeld.get(values.nhsNumber) !== 1) return "not-held";
    if (held !== undefined && values.changedMs <= held.changedMs) {
      return values.changedMs === held.changedMs ? "already" : "older";
    }
    const row = { ...values, eventNo: held?.eventNo ?? events.nextNo() };
    events.put(row, 0);
    enqueue(db, { kind: READ_PDS, key: keyOf(row), payload: { event: String(row.eventNo) } });
    return "queued";
  }

  return {
    "pds-event": take,
    "pds-event-of": ({ eventNo }) => events.byNo(eventNo) ?? null,
    "pds-answer"({ eventNo, key, said, standing, nowMs }) {
      const event = events.byNo(eventNo);
      if (!finishJob(db, { kind: READ_PDS, key }, nowMs) || event === undefined) return null;
      if (keyOf(event) === key) events.put(event, nowMs);
      const now = said === null ? event.nhsNumber : Number(said.nhsNumber);
      if (now !== event.nhsNumber) setStanding(event.nhsNumber, LIVING); // the new number has it all from now on
      if (standing !== null) setStanding(now, standing);
      if (said === null) return null;
      supersede(stores, event.nhsNumber, said.nhsNumber, nowMs);
      // Of whom the service never marked nothing is copied. Whoever it marked may have had the mark under the old number.
      const marked = markedWith.all(PDS, event.nhsNumber, Number(said.nhsNumber));
      const localIds = marked.length === 0 && said.restricted ? [said.localId] : marked;
      for (const localId of localIds) putIdentity(stores, { ...said, localId }, nowMs);
      return null;
    },
  };
}

/** A change that is protected is not told as a supersession by the service: its old number is withdrawn. */
function supersede({ identities }: FeedStores, old: number, now: string, atMs: number): void {
  const actor = { kind: "feed", name: "pds" } as const;
  identities.supersede({ old: String(old).padStart(10, "0"), new: now, protected: false, actor, atMs });
}

interface EventRows {
  ofNumber(nhsNumber: number): EventRow | undefined;
  byNo(eventNo: number): EventRow | undefined;
  nextNo(): number;
  put(row: EventRow, readMs: number): void;
}

function makeEventRows(db: Database): EventRows {
  const select = (where: string) => `SELECT ${COLUMNS} FROM pds_event WHERE ${where} = ?`;
  const ofNumber = db.prepare<[number], RawRow>(select("nhs_number")).raw();
  const byNo = db.prepare<[number], RawRow>(select("event_no")).raw();
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(event_no), 0) + 1 FROM pds_event").pluck();
  const put = db.prepare<(string | number | null)[]>(
    `INSERT OR REPLACE INTO pds_event (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  return {
    ofNumber: (nhsNumber) => fromRow(ofNumber.get(nhsNumber)),
    byNo: (eventNo) => fromRow(byNo.get(eventNo)),
    nextNo: () => nextNo.get() ?? 1,
    put({ eventNo, nhsNumber, kind, changedMs }, readMs) {
      const row = [eventNo, nhsNumber, kind, changedMs, readMs];
      put.run(...row, rowChecksum(row));
    },
  };
}

/** @throws {Failure} `store-unavailable`: the row is damaged. */
function fromRow(row: RawRow | undefined): EventRow | undefined {
  if (row === undefined) return undefined;
  verifyRow("pds_event", row);
  // As this store wrote it.
  return {
    eventNo: Number(row[0]),
    nhsNumber: Number(row[1]),
    kind: row[2] as PdsEventKind,
    changedMs: Number(row[3]),
  };
}
