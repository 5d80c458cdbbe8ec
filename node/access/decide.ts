import { today, type Clock } from "../base/clock.ts";
import { makePermit } from "../base/permit-maker.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { NodeId, Purpose, Setting } from "../base/words.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { isAdult, type AgreementQuestion } from "./agreements.ts";
import { type ClaimFault, judgeAge, judgeBetween, judgeClaim, refuse, type Refusal, type Refused } from "./judge.ts";
import { type Narrowing, NO_NARROWING } from "./narrowing.ts";
import { type OrdinaryPermits, ordinaryPermits } from "./ordinary-permits.ts";
import type { AccessTable } from "./table.ts";
import { workOutTerms, type Terms } from "./terms.ts";

/** Longest reason a person may give, in characters. */
const REASON_CHARACTERS_MAX = 500;

export interface AccessNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly table: AccessTable;
  /** What this node and its custodians show less of, to its peers and to its own users; absent where nothing. */
  readonly narrowing?: Narrowing;
  readonly ownId: NodeId;
  /**
   * Agreements and members of the directory in force. The same array until the directory changes: what was worked out
   * for one is kept until another is handed over.
   */
  readonly agreements: () => readonly Agreement[];
  readonly members: () => readonly Member[];
  /** Whether this user has emergency access to this patient now. Absent: nobody ever has. */
  readonly hasEmergencyAccess?: (claim: Claim, patient: PatientQuery) => boolean;
}

/** What of a question decides at the asker: who asks, and why. */
export type Asked = Pick<Question, "requestId" | "claim"> & {
  /** Absent where somebody is still looked for: emergency access is to one patient. */
  readonly patient?: PatientQuery;
};

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
  /** All that another node's users may see here today by ordinary direct care; `undefined` where that is nothing. */
  readonly ordinaryPermits: (asker: NodeId, adult: boolean) => OrdinaryPermits | undefined;
  /** True where this node answers for people of this age, in whole years. */
  readonly coversAge: (age: number) => boolean;
}

export type MayAskAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly outcome: "no-agreement" | "not-covered" | "refused"; readonly reason: string };

export function makeAccess(needs: AccessNeeds): Access {
  const ownTerms = makeOwnTermsCache(needs);
  const peerTerms = makePeerTermsCache(needs);
  const ordinary = makeOrdinaryCache(needs);
  const ownMember = (): Member | undefined => needs.members().find(({ id }) => id === needs.ownId);

  function permitFor(kind: Permit["kind"], question: Asked, asker: NodeId, terms: Terms): Decision {
    const permit = makePermit({
      permitId: needs.random.uuid(),
      requestId: question.requestId,
      kind,
      asker,
      claim: question.claim,
      levelOf: terms.levelOf,
      fieldsOf: terms.fieldsOf,
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
    const tooYoungOrOld = judgeAge(holder, age);
    if (tooYoungOrOld !== undefined) return tooYoungOrOld;
    if (asker === holder.id) return ownTerms(question.claim, group);

    const { setting, purpose } = question.claim;
    const byNumber = question.patient.by === "number";
    const asked = { asker, holder: holder.id, purpose, roleGroup: group, byNumber, isAdult: isAdult(age), day };
    return peerTerms(needs.agreements(), setting, asked);
  }

  return {
    decideAccess(question) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refused !== undefined) return refuse(claim.refused.refusal.code, IN_WORDS[claim.fault]);
      const standing = judgeStanding(question.claim) ?? judgeEmergency(question, needs.hasEmergencyAccess);
      if (standing !== undefined) return standing;
      const terms = ownTerms(question.claim, claim.group);
      if (terms.nothing) return refuse("role-refused", IN_WORDS["role-has-nothing-here"]);
      return permitFor("ask", question, needs.ownId, terms);
    },

    decideAnswer(question) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refused !== undefined) return claim.refused.refusal;
      if (isAutomaticEmergency(question.claim)) return refuse("purpose-refused", "emergency-automatic");
      const own = ownMember();
      if (own === undefined) return refuse("no-agreement", "not-a-member");
      // An assertion in one's own name from outside is nobody's: no agreement can cover it.
      if (question.asker === needs.ownId) return refuse("no-agreement", "none-between");
      const terms = findTerms(question.asker, own, question, claim.group);
      return "refusal" in terms ? terms.refusal : permitFor("answer", question, question.asker, terms);
    },

    mayAsk(member, question, permit) {
      const claim = judgeClaim(question.claim, needs.table);
      if (claim.refused !== undefined) {
        return { ok: false, outcome: "refused", reason: claim.refused.refusal.reason };
      }
      const terms = findTerms(permit.asker, member, question, claim.group);
      return "refusal" in terms ? foretell(terms.refusal) : { ok: true };
    },

    ordinaryPermits: ordinary,

    coversAge(age) {
      const own = ownMember();
      return own !== undefined && judgeAge(own, age) === undefined;
    },
  };
}

/** For the user's own screen: what is wrong, and what to do. */
const IN_WORDS: Readonly<Record<ClaimFault, string>> = {
  "purpose-other":
    "This network serves the care of one person at a time. This purpose is not offered: ask with TREAT, ETREAT or CAREMGT.",
  "role-unknown":
    "This role has no place in the access table. Ask with a national job role such as R8000, in a role that gives care.",
  "role-has-nothing-here":
    "The access table shows this role no records in this setting. Check the setting that you ask from.",
};

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

/** Emergency access is one person's, to one patient, for an hour: nobody has it who was not given it. */
function judgeEmergency(
  { claim, patient }: Asked,
  hasEmergencyAccess: AccessNeeds["hasEmergencyAccess"],
): Refusal | undefined {
  if (claim.purpose !== "BTG") return undefined;
  if (patient === undefined) {
    return refuse(
      "purpose-refused",
      "Emergency access is to one patient: find out who it is with TREAT or ETREAT first.",
    );
  }
  if (isAutomaticEmergency(claim)) return refuse("not-permitted", "Emergency access is for a person who asks.");
  if (hasEmergencyAccess?.(claim, patient) === true) return undefined;
  return refuse(
    "not-permitted",
    "You have no emergency access to this patient, or its 60 minutes are over: ask for it, with its reason, and then again.",
  );
}

function isAutomaticEmergency({ purpose, trigger }: Claim): boolean {
  return purpose === "BTG" && trigger !== "person";
}

function foretell({ code, reason }: Refusal): Extract<MayAskAnswer, { ok: false }> {
  const outcome = code === "no-agreement" || code === "not-covered" ? code : "refused";
  return { ok: false, outcome, reason };
}

/** The terms of the node's own users by setting and role group, each worked out on first use. */
function makeOwnTermsCache({
  table,
  narrowing = NO_NARROWING,
}: AccessNeeds): (asked: { readonly setting: Setting; readonly purpose: Purpose }, group: RoleGroup) => Terms {
  const known = new Map<string, Terms>();
  return ({ setting, purpose }, group) => {
    const isEmergency = purpose === "BTG";
    const key = `${setting} ${group} ${isEmergency}`;
    let terms = known.get(key);
    if (terms === undefined) known.set(key, (terms = workOutTerms({ table, narrowing, setting, group, isEmergency })));
    return terms;
  };
}

/**
 * Terms, or the refusal, by all that agreements can depend on: worked out on first use, and anew with every directory and
 * every day.
 */
function makePeerTermsCache({
  table,
  narrowing = NO_NARROWING,
  ownId,
}: AccessNeeds): (agreements: readonly Agreement[], setting: Setting, asked: AgreementQuestion) => Terms | Refused {
  const known = new Map<string, Terms | Refused>();
  let knownFor: readonly Agreement[] | undefined;
  let knownOn = "";

  function judge(agreements: readonly Agreement[], setting: Setting, asked: AgreementQuestion): Terms | Refused {
    // What another node narrows is known to that node alone.
    const itsNarrowing = asked.holder === ownId ? narrowing : NO_NARROWING;
    const judged = judgeBetween(agreements, setting, asked, table, itsNarrowing);
    return "refusal" in judged ? judged : judged.terms;
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

/** Worked out on first use, and anew with every directory and every day. */
function makeOrdinaryCache(of: AccessNeeds): Access["ordinaryPermits"] {
  const known = new Map<string, OrdinaryPermits | undefined>();
  let knownFor: readonly Agreement[] | undefined;
  let knownOn = "";
  return (asker, adult) => {
    const [agreements, day] = [of.agreements(), today(of.clock)];
    if (agreements !== knownFor || day !== knownOn) {
      known.clear();
      [knownFor, knownOn] = [agreements, day];
    }
    const key = `${asker} ${adult}`;
    if (!known.has(key)) {
      const { table, narrowing = NO_NARROWING, ownId: holder } = of;
      known.set(key, ordinaryPermits({ table, narrowing, agreements, asker, holder, isAdult: adult, day }));
    }
    return known.get(key);
  };
}
