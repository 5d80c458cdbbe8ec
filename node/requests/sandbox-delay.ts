import type { Clock } from "../base/clock.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery } from "../base/question.ts";

/** Longer than an asker waits for a verdict, shorter than late answers may take: who waits for those gets this one. */
const SLOW_MS = 4_000;

/** Lets whoever asks about certain people wait, as a slow node would. @returns when the answer may be begun. */
export type SandboxDelay = (patient: PatientQuery) => Promise<void>;

/**
 * In a sandbox, so that integrators meet an area that answers too late: made of invented people's numbers alone, and so
 * of no effect for anybody who lives.
 */
export function makeSandboxDelay(slowAbout: readonly NhsNumber[], clock: Clock): SandboxDelay {
  const numbers = new Set(slowAbout.map((number) => number.expose()));
  return async (patient) => {
    if (patient.by === "number" && numbers.has(patient.nhsNumber.expose())) await clock.sleep(SLOW_MS);
  };
}
