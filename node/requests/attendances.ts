import type { Database } from "better-sqlite3";

import { makeEncounterReader, visitOf, type Encounter } from "../locator/encounter-store.ts";
import { PLACES_PER_IDENTITY } from "../locator/pointer-store.ts";

/** What a hospital's own words say of an attendance that one of its users claimed. */
export type AttendanceFound =
  | "borne-out"
  /** It tells this node of attendances, and of none such. */
  | "no-attendance"
  /** There is one of that number, and it is somebody else's. */
  | "attendance-of-another"
  /** It tells this node of no attendance at all. */
  | "not-checkable";

export interface ClaimedAttendance {
  readonly organisation: string;
  /** The visit's number, where one was given. */
  readonly reference: string | null;
  /** Ten digits, or a token where the question gave no number: then the visit's number and the time decide. */
  readonly patient: string;
  readonly atMs: number;
}

/** An arrival may be told of late, and a letter is written after the patient has gone. */
const AROUND_MS = 24 * 3_600_000;

/**
 * Holds a claimed attendance against what the hospital's ADT feed has said: by the visit's number, or by patient and time. A
 * visit follows its patient through merges. What was cancelled never was.
 *
 * @param db a read-only connection to the index.
 * @throws {Failure} `store-unavailable` (what it returns): a row is damaged.
 */
export function makeAttendances(db: Database): (claim: ClaimedAttendance) => AttendanceFound {
  const encounterOf = makeEncounterReader(db);
  const isFed = db.prepare<[string], number>("SELECT 1 FROM encounter WHERE provider = ? LIMIT 1").pluck();
  const visitsOf = db
    .prepare<[string, number], string>(
      `SELECT p.record_id FROM identity_record i JOIN pointer p
         ON p.pointer_no >= i.identity_no * ${PLACES_PER_IDENTITY} AND p.pointer_no < (i.identity_no + 1) * ${PLACES_PER_IDENTITY}
       WHERE i.current = 1 AND i.provider = ? AND p.record_id LIKE ' visit %' AND i.person_id IN
         (SELECT person_id FROM identity_record WHERE current = 1 AND nhs_number = ?)`,
    )
    .pluck();

  return ({ organisation, reference, patient, atMs }) => {
    if (isFed.get(organisation) === undefined) return "not-checkable";
    const named = reference === null ? undefined : encounterOf(organisation, reference);
    const isThen = named !== undefined && isAround(named, atMs);
    if (!/^\d{10}$/.test(patient)) return isThen ? "borne-out" : "no-attendance";
    const visits = visitsOf.all(organisation, Number(patient)).map((recordId) => visitOf(recordId) ?? "");
    const held = visits.map((visit) => encounterOf(organisation, visit));
    if (held.some((each) => each !== undefined && isAround(each, atMs))) return "borne-out";
    return isThen && !visits.includes(reference ?? "") ? "attendance-of-another" : "no-attendance";
  };
}

function isAround({ state, startedMs, endedMs }: Encounter, atMs: number): boolean {
  if (state === "cancelled" || atMs < startedMs - AROUND_MS) return false;
  return state !== "closed" || atMs <= endedMs + AROUND_MS;
}
