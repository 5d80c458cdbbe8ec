import type { HolderAnswer, Outcome } from "../base/answer.ts";
import type { FailureCode } from "../base/failure.ts";
import { isPlainAnswer } from "./plain-answer.ts";

/** Why an area has no answer: the outcome, and a code for the log, the audit and `--json`. */
export interface Unanswered {
  readonly outcome: Outcome;
  readonly reason: string;
}

/**
 * What a failed question is to the asker. Nothing here may tell anything about the patient, so a code that could is
 * "failed", like every fault inside the member asked.
 */
const BY_FAILURE = {
  "no-agreement": { outcome: "no-agreement", reason: "" },
  "not-covered": { outcome: "not-covered", reason: "" },
  "purpose-refused": { outcome: "refused", reason: "purpose" },
  "role-refused": { outcome: "refused", reason: "role" },
  "timed-out": { outcome: "timed-out", reason: "" },
  "deadline-too-short": { outcome: "timed-out", reason: "too-little-time" },
  unreachable: { outcome: "unreachable", reason: "" },
  overloaded: { outcome: "unreachable", reason: "busy" },
  "over-quota": { outcome: "unreachable", reason: "over-quota" },
  "clocks-differ": { outcome: "unreachable", reason: "clocks-differ" },
  "not-authenticated": { outcome: "unreachable", reason: "not-recognised" },
  "not-permitted": { outcome: "unreachable", reason: "not-admitted" },
  replayed: { outcome: "unreachable", reason: "failed" },
  "store-unavailable": { outcome: "unreachable", reason: "failed" },
  configuration: { outcome: "unreachable", reason: "failed" },
  internal: { outcome: "unreachable", reason: "failed" },
  "restricted-record": { outcome: "unreachable", reason: "failed" },
  "identity-not-known": { outcome: "unreachable", reason: "failed" },
  incompatible: { outcome: "incompatible", reason: "version" },
  "invalid-input": { outcome: "incompatible", reason: "not-understood" },
  "not-served": { outcome: "incompatible", reason: "not-served" },
  "directory-stale": { outcome: "directory-stale", reason: "theirs" },
} as const satisfies Record<FailureCode, Unanswered>;

/** What a member that was not asked because it rests is to the asker. */
export const RESTING: Unanswered = { outcome: "resting", reason: "" };

export function outcomeOfFailure(code: FailureCode): Unanswered {
  return BY_FAILURE[code];
}

/** What a member may say of one question; the other outcomes are the asker's to find. */
const HOLDER_OUTCOMES: ReadonlySet<string> = new Set<HolderAnswer["outcome"]>([
  "records",
  "nothing-to-show",
  "identity-check",
  "possible-match",
  "no-agreement",
  "refused",
  "not-covered",
]);

/**
 * Reads a member's answer again, because a member is a stranger: an outcome that it may give, records exactly where it
 * says that there are some, texts that can be shown as they are, a reason that is a code and not a text.
 *
 * @returns the answer, or `undefined` where it contradicts itself or its texts are not plain: nothing of it may be shown.
 */
export function acceptAnswer(answer: HolderAnswer): HolderAnswer | undefined {
  if (!HOLDER_OUTCOMES.has(answer.outcome)) return undefined;
  if (!Array.isArray(answer.pointers) || !Array.isArray(answer.sealed)) return undefined;
  if (!Array.isArray(answer.notOffered) || !Number.isSafeInteger(answer.morePointers)) return undefined;
  if ((answer.outcome === "records") !== answer.pointers.length > 0) return undefined;
  if (answer.morePointers < 0 || (answer.morePointers > 0 && answer.pointers.length === 0)) return undefined;
  if (!isPlainAnswer(answer)) return undefined;
  return { ...answer, reason: /^[a-z0-9-]{0,64}$/.test(answer.reason) ? answer.reason : "" };
}
