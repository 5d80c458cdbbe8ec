import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { makeObjections, type ObjectionRecord, type Objections } from "../access/objection-store.ts";
import { mayHearOfPossibleMatch } from "../access/possible-match.ts";
import type { AccessLevel } from "../base/answer.ts";
import { BirthDate } from "../base/birth-date.ts";
import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import { makeTurns } from "../base/turns.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import { parseOrganisationCode, type OrganisationCode, type Purpose, type Sensitivity } from "../base/words.ts";
import { makeLocator, type Locator, type LocatorProvider } from "../locator/locator.ts";
import type { PointerRecord } from "../locator/pointer-store.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import type { Linking } from "../mpi/identity-store.ts";
import { makeMpi, type Mpi } from "../mpi/mpi.ts";
import type { Found } from "../requests/answer-locate.ts";
import { findRecords, knowPerson } from "../requests/find-records.ts";
import {
  dropOldWaiting,
  finishLoad,
  type LoadAck,
  loadBatch,
  makeHandlers,
  type ParsedItem,
} from "../requests/load-batch.ts";
import type { OwnKnowledge } from "../requests/locate.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { makeFakeClock } from "./fake-clock.ts";

/** A real index in a folder of its own, linked by number alone unless asked otherwise: loaded through its story, read through a read-only connection. */
export interface TestIndex {
  /** The writer's connection, for looking and for doing damage. */
  readonly db: Database;
  readonly mpi: Mpi;
  readonly locator: Locator;
  readonly objections: Objections;
  /** One batch, and the finish unless it is to break off. */
  load(items: readonly ParsedItem[], asOfMs?: number, brokenOff?: "broken-off"): Promise<LoadAck>;
  /** The work that a load's end leaves behind. */
  tidy(): Promise<void>;
  find(patient: PatientQuery, permit?: Permit): Found;
  know(patient: PatientQuery): OwnKnowledge;
  /** Every row of the tables of people and pointers, for comparing two states. */
  dump(): string;
  close(): Promise<void>;
}

export function openTestIndex(
  providers: readonly LocatorProvider[] = [aProvider("RRK"), aProvider("RJE")],
  clock: Clock = makeFakeClock(),
  linking: Linking = "by-number",
): TestIndex {
  const folder = mkdtempSync(join(tmpdir(), "corridor-index-"));
  const file = join(folder, "index.db");
  const db = openStore(file, "index");
  const store = makeInlineExecutor(db, makeHandlers(db, seededRandom(7), clock, linking));
  const readDb = openDatabase(file, { readonly: true });
  const mpi = makeMpi(readDb);
  const locator = makeLocator({ db: readDb, clock, providers });
  const objections = makeObjections(readDb);
  const needs = {
    ...mpi,
    withheldOf: objections.withheld,
    pointersOf: locator.pointersOf,
    mayHearOfPossibleMatch: (permit: Permit) => mayHearOfPossibleMatch(permit.claim),
  };
  const ask = (patient: PatientQuery): Question => aQuestion(patient, clock);

  return {
    db,
    mpi,
    locator,
    objections,
    async load(items, asOfMs = 0, brokenOff) {
      const header = { name: "test", asOfMs };
      const loadNeeds = { clock, store, inTurn: makeTurns(1), feedsChanged: locator.feedsChanged };
      const result = await loadBatch(header, items, loadNeeds);
      if (brokenOff === undefined) await finishLoad(header, result.providers, loadNeeds);
      return { accepted: result.accepted, rejected: result.rejected };
    },
    tidy: () => dropOldWaiting({ clock, store }, new AbortController().signal),
    find: (patient, permit = aPermit()) => findRecords(ask(patient), permit, needs),
    know: (patient) => knowPerson(ask(patient), needs),
    dump: () =>
      JSON.stringify(
        [
          "person",
          "identity_record",
          "link_event",
          "event_move",
          "statement",
          "review_item",
          "pointer",
          "objection",
          "feed_state",
        ].map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all()),
      ),
    async close() {
      readDb.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function aProvider(code: string, more: Partial<LocatorProvider> = {}): LocatorProvider {
  return {
    code: anOrganisation(code),
    name: `Trust ${code}`,
    phone: "0121 496 0100",
    state: "feeding",
    sensitivity: "N",
    staleAfterMinutes: 60,
    ...more,
  };
}

function anOrganisation(code: string): OrganisationCode {
  const parsed = parseOrganisationCode(code);
  if (parsed === undefined) throw new Error("not an organisation code");
  return parsed;
}

/** A woman of 46 with a verified number, unless said otherwise. */
export function anIdentityRecord(more: Partial<IdentityRecord> = {}): IdentityRecord {
  return {
    provider: "RRK",
    localId: "P1",
    nhsNumber: "9000000009",
    nhsNumberStatus: "01",
    givenName: "Aisha",
    middleName: "",
    familyName: "Khan",
    birthDate: "1980-05-17",
    gender: "female",
    addressLine1: "1 Canal Road",
    addressLine2: "",
    locality: "Birmingham",
    postcode: "B86 8QD",
    phone: "07700 900738",
    recordedOn: "2024-03-01",
    restricted: false,
    ...more,
  };
}

export function anIdentity(more: Partial<IdentityRecord> = {}): ParsedItem {
  return { kind: "identity", values: new Concealed(anIdentityRecord(more)) };
}

export function aPointer(more: Partial<PointerRecord> = {}): ParsedItem {
  const values: PointerRecord = {
    provider: "RRK",
    localId: "P1",
    recordId: "D1",
    recordType: "discharge-letter",
    recordedOn: "2025-01-02",
    format: "application/pdf",
    fetch: "https://records.rrk.example/d/1",
    sensitivity: "N",
    ...more,
  };
  return { kind: "pointer", values: new Concealed(values) };
}

export function anObjection(more: Partial<ObjectionRecord> = {}): ParsedItem {
  const values: ObjectionRecord = {
    provider: "RRK",
    localId: "P1",
    objectionId: "O1",
    state: "received",
    receivedOn: "2025-06-01",
    overrideInEmergency: false,
    scope: "",
    reason: "",
    ...more,
  };
  return { kind: "objection", values: new Concealed(values) };
}

export interface PermitTerms {
  readonly levels?: Partial<Record<RecordTypeKey, AccessLevel>>;
  readonly sensitivities?: readonly Sensitivity[];
  readonly purpose?: Purpose;
}

/** A permit that shows everything in full unless said otherwise. For tests of those who read permits: made by nobody. */
export function aPermit({ levels = {}, sensitivities = ["N", "R", "V"], purpose = "TREAT" }: PermitTerms = {}): Permit {
  return {
    permitId: "permit-1",
    requestId: "request-1",
    kind: "answer",
    asker: "wm-cw",
    claim: { ...CLAIM, purpose },
    levelOf: (type: RecordTypeKey) => levels[type] ?? "full",
    sealed: [],
    notOffered: [],
    mayKnowCustodian: (sensitivity: Sensitivity) => sensitivities.includes(sensitivity),
  } as unknown as Permit;
}

const CLAIM = {
  userId: "test",
  role: "R8000",
  setting: "emergency",
  organisation: anOrganisation("RKB"),
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance" },
  trigger: "person",
} as const;

export function aQuestion(patient: PatientQuery, clock: Clock): Question {
  const later = Deadline.in(clock, 2_000);
  return { requestId: "request-1", patient, claim: CLAIM, answerBy: later, lateUntil: later };
}

export function byNumber(digits: string, born: string, names: { family?: string; given?: string } = {}): PatientQuery {
  const nhsNumber = NhsNumber.parse(digits);
  if (nhsNumber === undefined) throw new Error("not an NHS number");
  return {
    by: "number",
    nhsNumber,
    birthDate: aBirthDate(born),
    ...(names.family === undefined ? {} : { familyName: new Concealed(names.family) }),
    ...(names.given === undefined ? {} : { givenName: new Concealed(names.given) }),
  };
}

export function byDemographics(family: string, given: string, born: string, postcode?: string): PatientQuery {
  return {
    by: "demographics",
    familyName: new Concealed(family),
    givenName: new Concealed(given),
    birthDate: aBirthDate(born),
    ...(postcode === undefined ? {} : { postcode: new Concealed(postcode) }),
  };
}

function aBirthDate(text: string): BirthDate {
  const date = BirthDate.parse(text, "2026-11-22");
  if (date === undefined) throw new Error("not a birth date");
  return date;
}
