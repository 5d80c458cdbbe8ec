import type { NhsNumber } from "./nhs-number.ts";

/** How much of a person was compared, and agreed: names and birth date, or the postcode as well. */
export type MatchGrade = "name-and-birth" | "with-place";

/** Whom a member node takes a person without a number for. */
export interface Identified {
  readonly nhsNumber: NhsNumber;
  readonly grade: MatchGrade;
}
