import type { Decision } from "../base/permit.ts";
import type { Claim } from "../base/question.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { Setting } from "../base/words.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { agreementFor, type AgreementQuestion } from "./agreements.ts";
import { type Narrowing, NO_NARROWING } from "./narrowing.ts";
import { roleGroupOf } from "./roles.ts";
import type { AccessTable } from "./table.ts";
import { whereListed, workOutTerms, type Terms } from "./terms.ts";

/** The decision itself, without clock, cache or permit: what questions and explanations have in common. */

export type Refusal = Extract<Decision, { kind: "refused" }>;

/** A refusal, and what it rests on: a file's column, a member's entry, agreements and their field. */
export interface Refused {
  readonly refusal: Refusal;
  readonly where: string;
}

export type ClaimFault = "purpose-other" | "role-unknown" | "role-has-nothing-here";

/** Purpose and role: the part of a decision that asker and holder make alike. */
export function judgeClaim(
  { purpose, role, setting }: Pick<Claim, "purpose" | "role" | "setting">,
  table: AccessTable,
): { readonly group: RoleGroup; readonly refused?: never } | { readonly refused: Refused; readonly fault: ClaimFault } {
  if (purpose === "OTHER") return fault("purpose-refused", "purpose-other", "the purposes of this network");
  const group = roleGroupOf(role);
  if (group === undefined) return fault("role-refused", "role-unknown", "the list of job roles, node/access/roles.ts");
  if (table.admits(setting, group)) return { group };
  return fault("role-refused", "role-has-nothing-here", `${setting}.csv, column ${group}: all none`);
}

function fault(code: Refusal["code"], reason: ClaimFault, where: string) {
  return { refused: { refusal: refuse(code, reason), where }, fault: reason };
}

/** True where a member holds people of this age, in whole years; else why not. */
export function judgeAge({ id, ages }: Pick<Member, "id" | "ages">, age: number): Refused | undefined {
  if (age >= ages.from && (ages.to === undefined || age <= ages.to)) return undefined;
  const reason = ages.from === 18 && age < 18 ? "under-18s" : "age";
  return { refusal: refuse("not-covered", reason), where: `member ${id} of the manifest: ages` };
}

/** What the agreements between two nodes let a role group see in a setting; the holder's narrowing included, if it is known. */
export function judgeBetween(
  agreements: readonly Agreement[],
  setting: Setting,
  asked: AgreementQuestion,
  table: AccessTable,
  narrowing: Narrowing,
): { readonly terms: Terms; readonly agreements: readonly Agreement[] } | Refused {
  const finding = agreementFor(agreements, asked);
  if (finding.kind === "not-allowed") {
    const { code, reason, fell } = finding;
    const where = fell.map(({ id }) => `agreement ${id}: ${FIELD_OF[reason] ?? reason}`).join("; ");
    return { refusal: refuse(code, reason), where: where === "" ? "the agreements of the manifest" : where };
  }
  const isEmergency = asked.purpose === "BTG";
  const of = { table, setting, group: asked.roleGroup, isEmergency, agreements: finding.agreements };
  const terms = workOutTerms({ ...of, narrowing });
  if (!terms.nothing) return { terms, agreements: finding.agreements };
  return workOutTerms({ ...of, narrowing: NO_NARROWING }).nothing
    ? nothingOf("agreement-record-types", finding.agreements.map(whereListed).join("; "))
    : nothingOf("narrowed", narrowing.file);
}

function nothingOf(reason: string, where: string): Refused {
  return { refusal: refuse("role-refused", reason), where };
}

/** Which field of an agreement each step looks at. */
const FIELD_OF: Readonly<Record<string, string>> = {
  ended: "endDate",
  suspended: "suspendedBy",
  "no-controller": "controllers",
  "explicit-consent": "consentModel",
  "agreement-purpose": "purposes",
  "agreement-role": "roleGroups",
  "number-required": "demographicQuestions",
  "under-18s": "adultsOnly",
};

export function refuse(code: Refusal["code"], reason: string): Refusal {
  return { kind: "refused", code, reason };
}
