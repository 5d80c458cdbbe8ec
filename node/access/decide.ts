import type { AccessLevel } from "../base/answer.ts";
import { today, type Clock } from "../base/clock.ts";
import { makePermit } from "../base/permit-maker.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { NodeId, Sensitivity, Setting } from "../base/words.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { agreementFor, isAdult, names, type AgreementQuestion } from "./agreements.ts";
import { mayKnowCustodian, roleGroupOf } from "./roles.ts";
import type { AccessTable } from "./table.ts";

/** Longest reason a person may give, in characters. */
const REASON_CHARACTERS_MAX = 500;

export interface AccessNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly table: AccessTable;
  readonly ownId: NodeId;
  /**
   * Agreements and members of the directory in force. The same array until the directory changes: what was worked out
   * for one is kept until another is handed over.
   */
  readonly agreements: () => readonly Agreement[];
  readonly members: () => readonly Member[];
}

/** What of a question decides at the asker: who asks, and why. */
export type Asked = Pick<Question, "requestId" | "claim">;

export interface Access {
  /**
   * Decides at the asker whether this user may ask, or search, here. Nothing about the patient decides. A refusal's reason
   * is a sentence for the user.
   */
  readonly decideAccess: (question: Asked) => Decision;
  /**
   * Decides at the holder whether a peer's question may be looked up, and what it may show: before any look-up, from
   * the parties, the purpose, the role and the age asked with. A refusal's reason is coded.
   */
  readonly decideAnswer: (question: Question & { readonly asker: NodeId }) => Decision;
  /**
   * Foretells at the asker what a member would decide, so that it need not be asked. Of the own node it tells whether
   * the age asked with is covered: one needs no agreement with oneself.
   */
  readonly mayAsk: (member: Member, question: Question, permit: Permit) => MayAskAnswer;
}

export type MayAskAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly outcome: "no-agreement" | "not-covered" | "refused"; readonly reason: string };

type Refusal = Extract<Decision, { kind: "refused" }>;

/** What a role group may see: the same for every patient, so worked out once. */
interface Terms {
  readonly levelOf: (recordType: RecordTypeKey) => AccessLevel;
  readonly sealed: readonly RecordTypeKey[];
  readonly notOffered: readonly RecordTypeKey[];
  readonly mayKnowCustodian: (sensitivity: Sensitivity) => boolean;
  /** True where everything is none. */
  readonly nothing: boolean;
}

interface Refused {
  readonly refusal: Refusal;
}

export function makeAccess(needs: AccessNeeds): Access {
  const ownTerms = makeOwnTermsCache(needs.table);
  const peerTerms = makePeerTermsCache(needs.table);

  function permitFor(kind: Permit["kind"], question: Asked, asker: NodeId, terms: Terms): Decision {
    const permit = makePermit({
      permitId: needs.random.uuid(),
      requestId: question.requestId,
      kind,
      asker,
      claim: question.claim,
      levelOf: terms.levelOf,
      sealed: terms.sealed,
      notOffered: terms.notOffered,
      mayKnowCustodian: terms.mayKnowCustodian,
    });
    return { kind: "permitted", permit };
  }

  /** What the holder's member entry and the agreements between the two say today. */
  function findTerms(asker: NodeId, holder: Member, question: Question, group: RoleGroup): Terms | Refused {
    const day = today(needs.clock);
    const age = question.patient.birthDate.ageOn(day);
    if (!coversAge(holder.ages, age)) return { refusal: refuse("not-covered", ageReason(holder.ages, age)) };
    if (asker === holder.id) return ownTerms(question.claim.setting, group);

    const { setting, purpose } = question.claim;
    const byNumber = question.patient.by === "number";
    const asked = { asker, holder: holder.id, purpose, roleGroup: group, byNumber, isAdult: isAdult(age), day };
    return peerTerms(needs.agreements(), setting, asked);
  }

  return {
    decideAccess(question) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refusal !== undefined) return refuse(claim.refusal.code, IN_WORDS[claim.refusal.reason]);
      const standing = judgeStanding(question.claim);
      if (standing !== undefined) return standing;
      return permitFor("ask", question, needs.ownId, ownTerms(question.claim.setting, claim.group));
    },

    decideAnswer(question) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refusal !== undefined) return refuse(claim.refusal.code, claim.refusal.reason);
      const own = needs.members().find(({ id }) => id === needs.ownId);
      if (own === undefined) return refuse("no-agreement", "not-a-member");
      // An assertion in one's own name from outside is nobody's: no agreement can cover it.
      if (question.asker === needs.ownId) return refuse("no-agreement", "none-between");
      const terms = findTerms(question.asker, own, question, claim.group);
      return "refusal" in terms ? terms.refusal : permitFor("answer", question, question.asker, terms);
    },

    mayAsk(member, question, permit) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refusal !== undefined) return { ok: false, outcome: "refused", reason: claim.refusal.reason };
      const terms = findTerms(permit.asker, member, question, claim.group);
      return "refusal" in terms ? foretell(terms.refusal) : { ok: true };
    },
  };
}

type ClaimFault = "purpose-other" | "purpose-emergency-access" | "role-unknown" | "role-has-nothing-here";

/** For the user's own screen: what is wrong, and what to do. */
const IN_WORDS: Readonly<Record<ClaimFault, string>> = {
  "purpose-other":
    "This network serves the care of one person at a time. This purpose is not offered: ask with TREAT, ETREAT or CAREMGT.",
  "purpose-emergency-access":
    "Emergency access is not yet offered here. Ask with TREAT or ETREAT, or telephone the organisation that holds the record.",
  "role-unknown":
    "This role has no place in the access table. Ask with a national job role such as R8000, in a role that gives care.",
  "role-has-nothing-here":
    "The access table shows this role no records in this setting. Check the setting that you ask from.",
};

/** Purpose and role: the part of a decision that asker and holder make alike. */
function judgeClaim(
  claim: Claim,
  table: AccessTable,
):
  | { readonly group: RoleGroup; readonly refusal?: never }
  | { readonly refusal: { readonly code: "purpose-refused" | "role-refused"; readonly reason: ClaimFault } } {
  if (claim.purpose === "OTHER") return { refusal: { code: "purpose-refused", reason: "purpose-other" } };
  if (claim.purpose === "BTG") return { refusal: { code: "purpose-refused", reason: "purpose-emergency-access" } };
  const group = roleGroupOf(claim.role);
  if (group === undefined) return { refusal: { code: "role-refused", reason: "role-unknown" } };
  if (!table.admits(claim.setting, group))
    return { refusal: { code: "role-refused", reason: "role-has-nothing-here" } };
  return { group };
}

/** Why and for whom: judged where the user is. The reason itself stays in the asker's audit. */
function judgeStanding({ trigger, reason, relationship }: Claim): Refusal | undefined {
  const given = reason?.trim() ?? "";
  if (trigger === "person" && given === "") {
    return refuse("not-permitted", "Say why you ask: a person's question needs a reason.");
  }
  if (given.length > REASON_CHARACTERS_MAX) {
    return refuse("not-permitted", `Shorten the reason: at most ${REASON_CHARACTERS_MAX} characters.`);
  }
  if (trigger === "automatic" && relationship.kind === "self-claimed") {
    return refuse("not-permitted", "An automatic question needs a recorded relationship: only a person may claim one.");
  }
  return undefined;
}

function refuse(code: Refusal["code"], reason: string): Refusal {
  return { kind: "refused", code, reason };
}

function foretell({ code, reason }: Refusal): Extract<MayAskAnswer, { ok: false }> {
  const outcome = code === "no-agreement" || code === "not-covered" ? code : "refused";
  return { ok: false, outcome, reason };
}

function coversAge(ages: Member["ages"], age: number): boolean {
  return age >= ages.from && (ages.to === undefined || age <= ages.to);
}

function ageReason(ages: Member["ages"], age: number): string {
  return ages.from === 18 && age < 18 ? "under-18s" : "age";
}

/** The table's own terms by setting and role group, each worked out on first use. */
function makeOwnTermsCache(table: AccessTable): (setting: Setting, group: RoleGroup) => Terms {
  const known = new Map<string, Terms>();
  return (setting, group) => {
    const key = `${setting} ${group}`;
    let terms = known.get(key);
    if (terms === undefined) known.set(key, (terms = workOutTerms(table, setting, group)));
    return terms;
  };
}

/**
 * Terms, or the refusal, by all that agreements can depend on: worked out on first use, and anew with every directory and
 * every day.
 */
function makePeerTermsCache(
  table: AccessTable,
): (agreements: readonly Agreement[], setting: Setting, asked: AgreementQuestion) => Terms | Refused {
  const known = new Map<string, Terms | Refused>();
  let knownFor: readonly Agreement[] | undefined;
  let knownOn = "";

  function judge(agreements: readonly Agreement[], setting: Setting, asked: AgreementQuestion): Terms | Refused {
    const finding = agreementFor(agreements, asked);
    if (finding.kind === "not-allowed") return { refusal: refuse(finding.code, finding.reason) };
    const terms = workOutTerms(table, setting, asked.roleGroup, finding.agreements);
    return terms.nothing ? { refusal: refuse("role-refused", "agreement-record-types") } : terms;
  }

  return (agreements, setting, asked) => {
    if (agreements !== knownFor || asked.day !== knownOn) {
      known.clear();
      knownFor = agreements;
      knownOn = asked.day;
    }
    const { asker, holder, purpose, roleGroup, byNumber, isAdult: adult } = asked;
    const key = `${asker} ${holder} ${purpose} ${roleGroup} ${setting} ${byNumber} ${adult}`;
    let terms = known.get(key);
    if (terms === undefined) known.set(key, (terms = judge(agreements, setting, asked)));
    return terms;
  };
}

/** Without agreements: the table as it is. With them: what at least one of them names, at the table's level; nothing else. */
function workOutTerms(
  table: AccessTable,
  setting: Setting,
  group: RoleGroup,
  agreements?: readonly Agreement[],
): Terms {
  const levels = new Map<RecordTypeKey, AccessLevel>();
  for (const recordType of RECORD_TYPE_KEYS) {
    const agreed = agreements === undefined || agreements.some(({ recordTypes }) => names(recordTypes, recordType));
    levels.set(recordType, agreed ? table.levelOf(setting, group, recordType) : "none");
  }
  const withLevel = (...wanted: AccessLevel[]): RecordTypeKey[] =>
    RECORD_TYPE_KEYS.filter((recordType) => wanted.includes(levels.get(recordType) ?? "none"));
  return Object.freeze({
    levelOf: (recordType: RecordTypeKey) => levels.get(recordType) ?? "none",
    sealed: Object.freeze(withLevel("summary", "sealed")),
    notOffered: Object.freeze(withLevel("none").filter((recordType) => !PROTECTED_RECORD_TYPES.has(recordType))),
    mayKnowCustodian: (sensitivity: Sensitivity) => mayKnowCustodian(group, sensitivity),
    nothing: withLevel("full", "summary", "sealed").length === 0,
  });
}
