import type { Claim } from "../base/question.ts";
import { roleGroupOf } from "./roles.ts";

/**
 * True where a user may hear that a record whose owner is not confirmed may be this patient's: those who must act at once
 * and can check who it is, in emergency departments, general practice and mental health. The same for every patient.
 */
export function mayHearOfPossibleMatch({ role, setting }: Pick<Claim, "role" | "setting">): boolean {
  switch (roleGroupOf(role)) {
    case "gp":
    case "mental-health-professional":
    case "approved-mental-health-professional":
      return true;
    case "doctor":
    case "nurse":
      return setting === "emergency" || setting === "mental-health";
    default:
      return false;
  }
}
