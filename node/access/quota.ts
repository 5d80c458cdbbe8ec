import { hash } from "node:crypto";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import { Bucket } from "./bucket.ts";
import type { KeptQuota, QuotaMemory } from "./quota-memory.ts";

/**
 * Patients an hour, for each million people that the asker serves, for attendances and emergency access beyond its allowance:
 * some twenty times the busiest hour of emergency departments (`DESIGN.md`).
 */
const URGENT_PER_MILLION = 2_000;
/** However few people an asker serves. */
const PATIENTS_MIN = 1_000;

/** An asker may ask about so many times its usual hour's patients; never fewer than a third of what its population allows. */
const TIMES_USUAL = 15;
const HABIT_SHARE_MIN = 1 / 3;
/** The usual hour is the mean of about a week. */
const HABIT_HOURS = 168;

/** What is owed for a number that belongs to somebody else than the birth date says: guessing is what that looks like. */
const MISMATCH_COST = 20;
/** Patients remembered for each asker, so that asking again within the hour costs nothing; beyond, everybody counts. */
const REMEMBERED_MAX = 10_000;

const HOUR_MS = 3_600_000;
const KEEP_EVERY_MS = 60_000;

/** Something about an asker that a person should look at. Counts and ids alone. */
export interface QuotaAlarm {
  /**
   * `peer-asks-a-lot`: half of what it may. `peer-over-quota`: from now on refused. `peer-over-quota-urgent`: attendances and
   * emergency access pass all the same.
   */
  readonly event: "peer-asks-a-lot" | "peer-over-quota" | "peer-over-quota-urgent";
  readonly peer: string;
  /** Patients that it may ask about in an hour. */
  readonly limit: number;
  /** Patients that it has asked about since the hour began, those refused left out. */
  readonly patients: number;
  /** Of them, how many were not the person of the number. */
  readonly mismatches: number;
}

export interface QuotaNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Patients an hour for each million people that an asker serves, whatever its habit. */
  readonly patientsPerMillion: number;
  /** People whom the asker serves, by the directory in force. */
  readonly populationOf: (asker: string) => number;
  readonly memory: QuotaMemory;
  /** Told once for each cause, again only after a quiet hour. */
  readonly alarm: (alarm: QuotaAlarm) => void;
}

type Asked = Pick<Question, "patient" | "claim"> & { readonly asker: NodeId };

/** How many patients each other node may ask about here. */
export interface Quota {
  /**
   * Counts a question's patient, before anything is looked up: neither the refusal nor its moment can tell who is known here.
   *
   * @throws {Failure} `over-quota`, with the time after which asking again makes sense.
   */
  readonly admit: (question: Asked) => void;
  /** That the asker was told that the number is somebody else's: counted once an hour for each patient. */
  readonly noteMismatch: (question: Pick<Asked, "asker" | "patient">) => void;
  /** Keeps what is known of everybody. */
  readonly close: () => Promise<void>;
}

interface Asker {
  /** Mean of an hour's patients. */
  usual: number;
  readonly ordinary: Bucket;
  readonly urgent: Bucket;
  /** Patients of this hour, as salted hashes. */
  readonly remembered: Set<number>;
  /** Of them, those who were somebody else. */
  readonly mismatched: Set<number>;
  patients: number;
  readonly alarmed: Set<QuotaAlarm["event"]>;
}

/** Makes the quotas of one node, from what was kept of them. */
export function makeQuota(needs: QuotaNeeds): Quota {
  const { clock, memory } = needs;
  const salt = Buffer.from(needs.random.bytes(16)).toString("hex");
  const startedMs = clock.monotonicMs();
  const keptMs = startedMs - Math.min(HOUR_MS, Math.max(0, clock.wallMs() - memory.before.atMs));
  const askers = new Map(Object.entries(memory.before.askers).map(([id, kept]) => [id, newAsker(kept, keptMs)]));
  let hourBeganMs = startedMs;
  let hasChanged = false;

  function allowed(asker: string, perMillion: number): number {
    return Math.max(PATIENTS_MIN, (needs.populationOf(asker) / 1_000_000) * perMillion);
  }

  function find(id: string): Asker {
    const known = askers.get(id);
    if (known !== undefined) return known;
    // Somebody new is given what its population allows, until its habit is known.
    const usual = allowed(id, needs.patientsPerMillion) / TIMES_USUAL;
    const asker = newAsker({ usual, spent: 0, urgentSpent: 0 }, clock.monotonicMs());
    askers.set(id, asker);
    return asker;
  }

  function limitOf(id: string, { usual }: Asker): number {
    const most = allowed(id, needs.patientsPerMillion);
    return Math.max(PATIENTS_MIN, most * HABIT_SHARE_MIN, Math.min(most, usual * TIMES_USUAL));
  }

  function alarmOnce(id: string, asker: Asker, event: QuotaAlarm["event"], limit: number): void {
    if (asker.alarmed.has(event)) return;
    asker.alarmed.add(event);
    const { patients, mismatched } = asker;
    needs.alarm({ event, peer: id, limit: Math.round(limit), patients, mismatches: mismatched.size });
  }

  function count(asker: Asker, patient: number): void {
    hasChanged = true;
    asker.patients++;
    if (asker.remembered.size < REMEMBERED_MAX) asker.remembered.add(patient);
  }

  /** The hour's patients become part of the habit; who has been quiet may be told of anew. */
  function endHour(): void {
    const now = clock.monotonicMs();
    for (const [id, asker] of askers) {
      asker.usual += (asker.patients - asker.usual) / HABIT_HOURS;
      if (asker.ordinary.spentAt(now, limitOf(id, asker)) < limitOf(id, asker) / 2) asker.alarmed.clear();
      asker.remembered.clear();
      asker.mismatched.clear();
      asker.patients = 0;
    }
  }

  function keep(): Promise<void> {
    hasChanged = false;
    const now = clock.monotonicMs();
    const kept = [...askers].map(([id, asker]) => {
      const spent = asker.ordinary.spentAt(now, limitOf(id, asker));
      const urgentSpent = asker.urgent.spentAt(now, allowed(id, URGENT_PER_MILLION));
      return [id, { usual: asker.usual, spent, urgentSpent }] as const;
    });
    return memory.keep(clock.wallMs(), Object.fromEntries(kept));
  }

  const minute = clock.every(KEEP_EVERY_MS, () => {
    const now = clock.monotonicMs();
    if (now - hourBeganMs >= HOUR_MS) {
      hourBeganMs = now;
      endHour();
    }
    if (hasChanged) void keep();
  });

  return {
    admit({ asker: id, patient, claim }) {
      const asker = find(id);
      const hashed = hashOf(patient, salt);
      if (asker.remembered.has(hashed)) return;
      const now = clock.monotonicMs();
      const limit = limitOf(id, asker);
      const waitMs = asker.ordinary.take(1, limit, now);
      if (waitMs === 0) {
        count(asker, hashed);
        if (asker.ordinary.spentAt(now, limit) >= limit / 2) alarmOnce(id, asker, "peer-asks-a-lot", limit);
        return;
      }
      if (isUrgent(claim) && asker.urgent.take(1, allowed(id, URGENT_PER_MILLION), now) === 0) {
        count(asker, hashed);
        return alarmOnce(id, asker, "peer-over-quota-urgent", limit);
      }
      alarmOnce(id, asker, "peer-over-quota", limit);
      throw new Failure(
        "over-quota",
        `This node has been asked about as many patients as ${id} may ask about for now: ask again in ${Math.ceil(waitMs / 1_000)} s.`,
        { retryAfterMs: waitMs },
      );
    },
    noteMismatch({ asker: id, patient }) {
      const asker = find(id);
      const hashed = hashOf(patient, salt);
      if (asker.mismatched.has(hashed)) return;
      if (asker.mismatched.size < REMEMBERED_MAX) asker.mismatched.add(hashed);
      asker.ordinary.charge(MISMATCH_COST, limitOf(id, asker), clock.monotonicMs());
    },
    async close() {
      minute.cancel();
      await keep();
    },
  };
}

function newAsker({ usual, spent, urgentSpent }: KeptQuota, atMs: number): Asker {
  const spentThen = { ordinary: new Bucket(spent, atMs), urgent: new Bucket(urgentSpent, atMs) };
  return { usual, ...spentThen, remembered: new Set(), mismatched: new Set(), patients: 0, alarmed: new Set() };
}

/** Somebody who is being treated now, by the asker's own signed word. */
function isUrgent({ purpose, relationship }: Asked["claim"]): boolean {
  return purpose === "BTG" || (relationship.kind === "attendance" && (relationship.reference ?? "") !== "");
}

/** Thirty bits of everything that the patient is asked for by: to guess birth dates for one number costs as much as numbers. */
function hashOf(patient: PatientQuery, salt: string): number {
  const names = [patient.familyName?.expose() ?? "", patient.givenName?.expose() ?? ""];
  const which = patient.by === "number" ? patient.nhsNumber.expose() : (patient.postcode?.expose() ?? "");
  const text = [salt, patient.by, which, patient.birthDate.expose(), ...names].join("\0");
  return hash("sha256", text, "buffer").readUInt32LE(0) >>> 2;
}
