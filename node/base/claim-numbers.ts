import { Failure } from "./failure.ts";
import { containsNhsNumber, type NhsNumber } from "./nhs-number.ts";
import type { Claim, PatientQuery } from "./question.ts";

/**
 * What a claim says is kept in the audit of every holder, in clear. An NHS number in it, the patient's or another's, would be
 * kept there too, also by those who hold nothing.
 *
 * @throws {Failure} `invalid-input`.
 */
export function checkHoldsNoNumber(claim: Claim, patient: PatientQuery): void {
  checkClaimHoldsNoNumber(claim, patient.by === "number" ? patient.nhsNumber : undefined);
}

/** As {@link checkHoldsNoNumber}, where no patient is named by number. */
export function checkClaimHoldsNoNumber({ userId, role, relationship }: Claim, asked?: NhsNumber): void {
  const kept = [
    ["claim.user_id", userId, "give the user's name or id"],
    ["claim.role", role, "give a job role"],
    ["claim.relationship.reference", relationship.reference ?? "", "give that of the attendance, referral or case"],
  ] as const;
  for (const [where, text, remedy] of kept) {
    if (holdsFewDigits(text)) continue;
    if (asked !== undefined && text.replace(/\D/g, "").includes(asked.expose())) {
      throw invalid(where, `is the patient's NHS number, or holds it: ${remedy}`);
    }
    if (containsNhsNumber(text)) throw invalid(where, `holds what looks like an NHS number: ${remedy}`);
  }
}

/** True of plain text with too few digits for any number. What is not ASCII may be read as digits in many ways. */
function holdsFewDigits(text: string): boolean {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return false;
    if (code >= 0x30 && code <= 0x39) digits++;
  }
  return digits < NHS_NUMBER_DIGITS;
}

const NHS_NUMBER_DIGITS = 10;

function invalid(where: string, what: string): Failure {
  return new Failure("invalid-input", `${where} ${what}.`, { where });
}
