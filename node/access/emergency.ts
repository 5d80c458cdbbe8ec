import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import type { Claim, PatientQuery } from "../base/question.ts";

/** Why emergency access is asked for. A closed set, so that it can be counted; the user's own words stand beside it. */
export const EMERGENCY_REASONS = [
  "life-threatening",
  "unconscious",
  "cannot-communicate",
  "lacks-capacity",
  "mental-health-crisis",
  "safeguarding",
  "other",
] as const;
export type EmergencyReason = (typeof EMERGENCY_REASONS)[number];

/** What a privacy officer makes of it. */
export const EMERGENCY_OUTCOMES = ["justified", "not-justified", "training-needed"] as const;
export type EmergencyOutcome = (typeof EMERGENCY_OUTCOMES)[number];

/** How long it lasts. */
export const EMERGENCY_ACCESS_MS = 60 * 60_000;

/** Within how many working days it is reviewed. */
export const REVIEW_WORKING_DAYS = 5;

/** Access given to one user of one organisation, to one patient, by this node's token of them. */
export interface EmergencyAccess {
  readonly caseId: string;
  readonly userId: string;
  readonly organisation: string;
  readonly patient: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** The emergency access that is in force at this node; small, so that each question is judged at once. */
export interface EmergencyGrants {
  /** The case under which this user may ask about this patient now. */
  readonly caseOf: (claim: Pick<Claim, "userId" | "organisation">, patient: PatientQuery) => string | undefined;
  /** As given, or as read again at a start. It lasts an hour at most, whatever the wall clock does. */
  readonly add: (access: EmergencyAccess) => void;
  readonly end: (caseId: string) => void;
}

/** @param tokenOf this node's keyed token of a patient. */
export function makeEmergencyGrants(clock: Clock, tokenOf: (patient: PatientQuery) => string): EmergencyGrants {
  const inForce = new Map<string, { readonly caseId: string; readonly until: Deadline }>();
  const keyOf = (userId: string, organisation: string, patient: string): string =>
    JSON.stringify([userId, organisation, patient]);
  const forgetOver = (): void => {
    for (const [key, { until }] of inForce) if (until.passed()) inForce.delete(key);
  };
  return {
    caseOf({ userId, organisation }, patient) {
      if (inForce.size === 0) return undefined;
      const found = inForce.get(keyOf(userId, organisation, tokenOf(patient)));
      return found === undefined || found.until.passed() ? undefined : found.caseId;
    },
    add({ caseId, userId, organisation, patient, expiresAtMs }) {
      forgetOver();
      const leftMs = Math.min(EMERGENCY_ACCESS_MS, expiresAtMs - clock.wallMs());
      if (leftMs > 0) inForce.set(keyOf(userId, organisation, patient), { caseId, until: Deadline.in(clock, leftMs) });
    },
    end(caseId) {
      for (const [key, each] of inForce) if (each.caseId === caseId) inForce.delete(key);
    },
  };
}
