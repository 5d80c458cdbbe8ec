import type { RoleGroup } from "../base/role-groups.ts";
import type { Purpose } from "../base/words.ts";
import type { Agreement } from "../../topology/manifest.ts";
import { isFor } from "./shared-datasets.ts";

/** From this age on, in whole years, a person is an adult for an adults-only agreement. */
const ADULT_AGE = 18;

/** What an agreement can depend on: the parties, the purpose, the role, and how the question is put. Never records. */
export interface AgreementQuestion {
  /** Node ids. */
  readonly asker: string;
  readonly holder: string;
  readonly purpose: Purpose;
  readonly roleGroup: RoleGroup;
  /** False where the question names a person without an NHS number. */
  readonly byNumber: boolean;
  /** By the birth date asked with. */
  readonly isAdult: boolean;
  /** The day of the question, `YYYY-MM-DD`. */
  readonly day: string;
}

export type AgreementFinding =
  /** Every agreement under which the question may be answered; each is a lawful basis on its own. */
  | { readonly kind: "allowed"; readonly agreements: readonly Agreement[] }
  | {
      readonly kind: "not-allowed";
      readonly code: "no-agreement" | "purpose-refused" | "role-refused" | "not-covered";
      /** Coded: the step at which the last agreement fell away. */
      readonly reason: string;
      /** The agreements that fell away at that step; none where there was none between the two. */
      readonly fell: readonly Agreement[];
    };

interface Step {
  readonly code: Extract<AgreementFinding, { kind: "not-allowed" }>["code"];
  readonly reason: string;
  readonly keeps: (agreement: Agreement, asked: AgreementQuestion) => boolean;
}

/** In order: what depends on the parties, then on purpose and role, then on how the question is put. */
const STEPS: readonly Step[] = [
  {
    code: "no-agreement",
    reason: "none-between",
    keeps: ({ members }, { asker, holder }) => members.includes(asker) && members.includes(holder),
  },
  { code: "no-agreement", reason: "ended", keeps: ({ endDate }, { day }) => endDate === undefined || day <= endDate },
  { code: "no-agreement", reason: "suspended", keeps: ({ suspendedBy }) => suspendedBy === undefined },
  {
    code: "no-agreement",
    reason: "no-controller",
    keeps: ({ controllers }, { day }) =>
      controllers.some(({ joined, left }) => joined <= day && (left === undefined || day < left)),
  },
  // No question carries a patient's explicit consent yet, so none may flow where the agreement demands it.
  { code: "no-agreement", reason: "explicit-consent", keeps: ({ consentModel }) => consentModel === "implied" },
  {
    code: "purpose-refused",
    reason: "agreement-purpose",
    keeps: ({ purposes }, { purpose }) => purposes.some((agreed) => agreed === purpose),
  },
  {
    code: "role-refused",
    reason: "agreement-role",
    keeps: (agreement, { roleGroup }) => isFor(agreement, roleGroup),
  },
  {
    code: "no-agreement",
    reason: "number-required",
    keeps: ({ demographicQuestions }, { byNumber }) => byNumber || demographicQuestions,
  },
  { code: "not-covered", reason: "under-18s", keeps: ({ adultsOnly }, asked) => !adultsOnly || asked.isAdult },
];

/**
 * Finds the agreements under which one node may ask another this question today.
 *
 * In force means: not past its end date (the last day on which it holds), not suspended (two people), and at least one
 * of its controllers joined and not left. A passed review date stops nothing. Where several agreements hold, what each
 * allows is allowed; a question must satisfy one of them wholly, never one half of each.
 */
export function agreementFor(agreements: readonly Agreement[], asked: AgreementQuestion): AgreementFinding {
  let left = agreements;
  for (const { code, reason, keeps } of STEPS) {
    const kept = left.filter((agreement) => keeps(agreement, asked));
    if (kept.length === 0) return { kind: "not-allowed", code, reason, fell: reason === "none-between" ? [] : left };
    left = kept;
  }
  return { kind: "allowed", agreements: left };
}

/** @param age in whole years. */
export function isAdult(age: number): boolean {
  return age >= ADULT_AGE;
}
