import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import type { Setting } from "../base/words.ts";
import { jobRoleOf } from "./roles.ts";

/** What a caller's certificate lets it assert about its users. */
export interface ClaimRights {
  /** `R8000` allows that job role in either form; `S8000:G8000:R8000` allows exactly that. */
  readonly roles: readonly string[];
  readonly settings: readonly Setting[];
  readonly organisations: readonly string[];
  /** True only for callers of a sandbox node: every claim is free. */
  readonly sandbox: boolean;
}

/**
 * Judges whether a caller may make this claim at all, before anything else is decided about it.
 *
 * @returns the failure to give (`not-permitted`, naming the field), or `undefined` where the claim is within the rights.
 */
export function checkCallerRights(claim: Claim, rights: ClaimRights): Failure | undefined {
  if (rights.sandbox) return undefined;
  if (!mayClaimRole(claim.role, rights.roles)) return outside("role", "a role");
  if (!rights.settings.includes(claim.setting)) return outside("setting", "a setting");
  if (!rights.organisations.includes(claim.organisation)) return outside("organisation", "an organisation");
  return undefined;
}

/** True where the rights list the job role, or the very role. */
export function mayClaimRole(role: string, rights: readonly string[]): boolean {
  const jobRole = jobRoleOf(role);
  return jobRole !== undefined && rights.some((right) => right === role || right === jobRole);
}

function outside(field: string, what: string): Failure {
  const message =
    `This caller's certificate does not allow it to claim ${what} that it claimed. ` +
    "Use one that the certificate lists, or have a certificate issued that lists it.";
  return new Failure("not-permitted", message, { where: `claim.${field}` });
}
