import { checkCallerRights, type ClaimRights } from "../access/caller-rights.ts";
import { roleGroupOf } from "../access/roles.ts";
import type { EventPage, EventSearch, EventTerms } from "../audit/event-search.ts";
import type { ReviewLook } from "../audit/audit.ts";
import type { PatientToken } from "../audit/patient-token.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Claim } from "../base/question.ts";

/** Who looks into the audit, and for what. */
export interface AuditQuestion {
  readonly requestId: string;
  /** The system that asks, by its certificate's name. */
  readonly caller: string;
  readonly claim: Claim;
  /** About whom; at least one of the two. */
  readonly nhsNumber?: NhsNumber;
  readonly userId?: string;
  /** Milliseconds since the epoch, both included. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** One page of what is wanted, or how much that is. */
export type AuditPart =
  { readonly kind: "page"; readonly before: number | undefined; readonly count: number } | { readonly kind: "count" };

export type AuditFound =
  ({ readonly kind: "page" } & EventPage) | { readonly kind: "count"; readonly total: number | undefined };

export interface SearchAuditNeeds {
  readonly events: EventSearch;
  readonly tokenOf: PatientToken;
  /** Durable in the audit when it resolves. */
  readonly recordReview: (look: ReviewLook) => Promise<void>;
}

/**
 * Shows a privacy officer who looked at a patient's records, or at whose a user looked. That they look is durable in the audit
 * before the log is read; so is that somebody else tried.
 *
 * @throws {Failure} `not-permitted`: not a privacy officer, by themselves, giving a reason; or not one for whom this caller
 * may speak.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing was read.
 */
export async function searchAudit(
  question: AuditQuestion,
  part: AuditPart,
  rights: ClaimRights,
  needs: SearchAuditNeeds,
): Promise<AuditFound> {
  const refusal = refusalOf(question, rights);
  await needs.recordReview(lookOf(question, refusal === undefined ? "audit-search" : "audit-search-refused", needs));
  if (refusal !== undefined) throw refusal;
  const terms = termsOf(question, needs);
  if (part.kind === "count") return { kind: "count", total: await needs.events.count(terms) };
  return { kind: "page", ...(await needs.events.page(terms, part.before, part.count)) };
}

function refusalOf({ claim }: AuditQuestion, rights: ClaimRights): Failure | undefined {
  const outside = checkCallerRights(claim, rights);
  if (outside !== undefined) return outside;
  const isOfficer = roleGroupOf(claim.role) === "privacy-officer" && claim.trigger === "person";
  if (isOfficer && (claim.reason ?? "").trim() !== "") return undefined;
  return new Failure("not-permitted", "The audit is read by privacy officers alone, by themselves, with a reason.");
}

function lookOf(
  { requestId, caller, claim, ...about }: AuditQuestion,
  action: string,
  { tokenOf }: SearchAuditNeeds,
): ReviewLook {
  const { userId, role, reason = "" } = claim;
  const { nhsNumber, fromMs, toMs } = about;
  const sought = {
    // As the audit names whom a node does not know: the one who looks is named, and nobody else.
    ...(nhsNumber !== undefined && { patient: tokenOf({ by: "number", nhsNumber }) }),
    ...(about.userId !== undefined && { user: about.userId }),
    ...{ fromMs, toMs },
  };
  return { requestId, action, caller, userId, role, reason, values: true, about: sought, personIds: [] };
}

function termsOf({ nhsNumber, userId, fromMs, toMs }: AuditQuestion, { tokenOf }: SearchAuditNeeds): EventTerms {
  return {
    ...{ fromMs, toMs },
    ...(userId !== undefined && { userId }),
    ...(nhsNumber !== undefined && {
      patients: new Concealed([nhsNumber.expose(), tokenOf({ by: "number", nhsNumber })]),
    }),
  };
}
