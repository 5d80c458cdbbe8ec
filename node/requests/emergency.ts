import { mayClaimRole } from "../access/caller-rights.ts";
import {
  EMERGENCY_ACCESS_MS,
  type EmergencyAccess,
  type EmergencyGrants,
  type EmergencyOutcome,
  type EmergencyReason,
  REVIEW_WORKING_DAYS,
} from "../access/emergency.ts";
import { roleGroupOf } from "../access/roles.ts";
import { workingDaysAfter } from "../access/working-days.ts";
import type { ReviewLook } from "../audit/audit.ts";
import type { EmergencyCase, EmergencyLetter, NewCase, ShownCase } from "../audit/emergency-store.ts";
import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { inTime } from "../base/in-time.ts";
import type { Decision } from "../base/permit.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import type { StoreExecutor } from "../storage/executor.ts";

/** How long signing in again may take: in an emergency nobody waits longer for it. */
export const REAUTHENTICATION_MS = 10_000;

/** Letters that one case may have: far more than two people write. */
const LETTERS_MAX = 50;

/** A wish for emergency access to one patient. */
export interface EmergencyWish {
  readonly requestId: string;
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly reasonCode: EmergencyReason;
}

/** What was given. */
export type EmergencyGiven = Pick<EmergencyCase, "caseId"> & {
  readonly expiresAtMs: number;
  /** False where nobody could check again who the user is. */
  readonly credentialsRechecked: boolean;
};

/** Whether this user is who they say, checked now. Rejects where sign-in is down. */
export type Reauthenticate = (claim: Claim) => Promise<boolean>;

/** Who reviews. */
export interface PrivacyOfficer {
  readonly requestId: string;
  /** The system that asks, by its certificate's name, and the job roles that this lets it claim. */
  readonly caller: string;
  readonly roles: readonly string[];
  readonly userId: string;
  readonly role: string;
  readonly reason: string;
}

/** A letter as it comes from another node. */
export type IncomingLetter = Pick<EmergencyLetter, "letterId" | "requestId" | "kind" | "userId" | "text">;

export interface EmergencyNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: NodeId;
  /** `audit`. */
  readonly store: StoreExecutor;
  readonly grants: EmergencyGrants;
  readonly tokenOf: (patient: PatientQuery) => string;
  /** Absent until there is a sign-in to ask. */
  readonly reauthenticate?: Reauthenticate | undefined;
  /** Durable when they resolve. */
  readonly recordQuestion: (wish: EmergencyWish, decision: Decision) => Promise<void>;
  readonly recordGrant: (wish: EmergencyWish, opens: NewCase) => Promise<void>;
  readonly recordReview: (look: ReviewLook) => Promise<void>;
  /** Something waits to be delivered. */
  readonly wake: () => void;
}

/** Takes up again, at a start, what was given before. */
export async function resumeEmergencyAccess({ clock, store, grants }: EmergencyNeeds): Promise<void> {
  for (const each of await store.run("emergency.in-force", { nowMs: clock.wallMs() })) grants.add(asAccess(each));
}

/**
 * Gives a user emergency access to one patient, for 60 minutes: in the audit, and the case for its review open, before it can
 * be used. Whoever cannot be checked again gets it too, and the case says so: a patient cannot wait for a sign-in.
 *
 * @param decide what the caller and the user's role allow, the access itself left out.
 * @throws {Failure} `purpose-refused`, `role-refused`, `not-permitted`: not given; audited.
 * @throws {Failure} `not-authenticated`: the sign-in says that this is somebody else; audited.
 * @throws {Failure} `store-unavailable`: the audit could not be written; not given.
 */
export async function giveEmergencyAccess(
  wish: EmergencyWish,
  decide: (wish: EmergencyWish) => Decision,
  needs: EmergencyNeeds,
): Promise<EmergencyGiven> {
  const decision = decide(wish);
  if (decision.kind === "refused") {
    await needs.recordQuestion(wish, decision);
    const isOwn = decision.code === "purpose-refused" || decision.code === "role-refused";
    throw new Failure(isOwn ? decision.code : "not-permitted", decision.reason);
  }
  const credentials = await recheck(wish.claim, needs);
  if (credentials === "denied") {
    await needs.recordQuestion(wish, { kind: "refused", code: "not-permitted", reason: "credentials-denied" });
    throw new Failure("not-authenticated", "Your sign-in could not be confirmed: sign in again, and ask again.");
  }
  const nowMs = needs.clock.wallMs();
  const opens: NewCase = {
    ...caseOf("asker", needs.ownId, wish, needs),
    ...{ reasonCode: wish.reasonCode, credentials, expiresAtMs: nowMs + EMERGENCY_ACCESS_MS },
  };
  await needs.recordGrant(wish, opens);
  needs.grants.add(asAccess(opens));
  needs.wake();
  const expiresAtMs = nowMs + EMERGENCY_ACCESS_MS;
  return { caseId: opens.caseId, expiresAtMs, credentialsRechecked: credentials === "re-checked" };
}

async function recheck(
  claim: Claim,
  { reauthenticate, clock }: EmergencyNeeds,
): Promise<"re-checked" | "not-re-checked" | "denied"> {
  if (reauthenticate === undefined) return "not-re-checked";
  const asked = reauthenticate(claim).then(
    (isUser) => (isUser ? "re-checked" : "denied"),
    () => "not-re-checked" as const,
  );
  const said = await inTime(asked, Deadline.in(clock, REAUTHENTICATION_MS), clock);
  return said === "too-late" ? "not-re-checked" : said;
}

/**
 * Ends a user's own emergency access before its time.
 *
 * @throws {Failure} `not-permitted`: it is not this user's, or over.
 */
export async function endEmergencyAccess(
  by: Pick<PrivacyOfficer, "requestId" | "caller"> & Pick<Claim, "userId" | "organisation">,
  caseId: string,
  { store, clock, grants, recordReview }: EmergencyNeeds,
): Promise<void> {
  const { requestId, caller } = by;
  const shown = await store.run("emergency.show", { caseId });
  const isTheirs = shown?.of.userId === by.userId && shown.of.organisation === by.organisation;
  const over = new Failure("not-permitted", "This emergency access is not yours, or is over.");
  if (!isTheirs || shown.of.side !== "asker") throw over;
  const look = { requestId, action: "emergency-end", caller, userId: by.userId, role: shown.of.role, reason: "" };
  await recordReview({ ...look, values: false, about: { case: caseId }, personIds: [] });
  grants.end(caseId);
  if (!(await store.run("emergency.end", { caseId, atMs: clock.wallMs() }))) throw over;
}

/** A holder's question, answered with records under emergency access. */
export interface EmergencyDisclosure {
  readonly requestId: string;
  readonly asker: NodeId;
  readonly patient: PatientQuery;
  readonly claim: Claim;
}

/**
 * Opens the holder's own case before records leave: its privacy officer hears of it, whatever the asker does.
 *
 * @throws {Failure} `store-unavailable`: nothing may leave.
 */
export async function noteDisclosure(disclosed: EmergencyDisclosure, needs: EmergencyNeeds): Promise<void> {
  const opens: NewCase = {
    ...caseOf("holder", disclosed.asker, disclosed, needs),
    ...{ reasonCode: null, credentials: null, expiresAtMs: null },
  };
  const isNew = await needs.store.run("emergency.disclose", { opens, requestId: disclosed.requestId });
  if (isNew) needs.wake();
}

/** That a question is asked under access given here: durable before it leaves, so that both ends can speak of it. */
export async function noteAsking(
  { requestId, claim, patient }: Pick<EmergencyDisclosure, "requestId" | "claim" | "patient">,
  { store, grants }: EmergencyNeeds,
): Promise<void> {
  const caseId = grants.caseOf(claim, patient);
  if (caseId !== undefined) await store.run("emergency.ask", { caseId, requestId });
}

/** A case, and whether its review is overdue. */
export type QueuedCase = EmergencyCase & { readonly overdue: boolean };

/**
 * Cases for review, the oldest first. Privacy officers alone, like all that follows; audited first.
 *
 * @throws {Failure} `not-permitted`: not a privacy officer's role, or not one that this caller may claim.
 */
export async function listCases(
  by: PrivacyOfficer,
  which: "open" | "all",
  needs: EmergencyNeeds,
): Promise<readonly QueuedCase[]> {
  await record(by, "emergency-list", {}, needs);
  const cases = await needs.store.run("emergency.list", { open: which === "open" });
  return cases.map((each) => ({ ...each, overdue: isOverdue(each, needs.clock) }));
}

/** @throws {Failure} as {@link listCases}; `invalid-input`: no such case. */
export async function showCase(
  by: PrivacyOfficer,
  caseId: string,
  needs: EmergencyNeeds,
): Promise<ShownCase & { readonly of: QueuedCase }> {
  await record(by, "emergency-show", { case: caseId }, needs);
  const shown = await caseNamed(caseId, needs);
  return { ...shown, of: { ...shown.of, overdue: isOverdue(shown.of, needs.clock) } };
}

/**
 * Closes a case, once.
 *
 * @throws {Failure} as {@link showCase}; `invalid-input` also where it was reviewed before.
 */
export async function reviewCase(
  by: PrivacyOfficer,
  caseId: string,
  { outcome, note }: { readonly outcome: EmergencyOutcome; readonly note: string },
  needs: EmergencyNeeds,
): Promise<void> {
  await record(by, "emergency-review", { case: caseId, outcome }, needs);
  await caseNamed(caseId, needs);
  const review = { caseId, outcome, note, reviewedBy: by.userId, reviewedAtMs: needs.clock.wallMs() };
  if (await needs.store.run("emergency.review", review)) return;
  throw new Failure("invalid-input", "This case was reviewed before: 'emergency show' says by whom.");
}

/**
 * Asks the other side's privacy officer to explain, as a holder; or explains, as the asker. Durable; sent until it is taken.
 *
 * @throws {Failure} as {@link showCase}; `invalid-input` also where the asker was not asked.
 */
export async function writeLetter(
  by: PrivacyOfficer,
  caseId: string,
  text: string,
  needs: EmergencyNeeds,
): Promise<void> {
  checkOfficer(by);
  const { of, requestIds, letters } = await caseNamed(caseId, needs);
  const kind = of.side === "holder" ? "challenge" : "explanation";
  await record(by, `emergency-${kind}`, { case: caseId }, needs);
  const challenge = letters.findLast(({ direction }) => direction === "received");
  const otherNode = of.side === "holder" ? of.asker : challenge?.otherNode;
  const requestId = of.side === "holder" ? requestIds[0] : challenge?.requestId;
  if (otherNode === undefined || requestId === undefined) {
    throw new Failure("invalid-input", "Nobody has asked about this case: there is nothing to explain.");
  }
  if (letters.length >= LETTERS_MAX) throw new Failure("overloaded", "This case has too many letters: telephone.");
  const letter = {
    letterId: needs.random.uuid(),
    caseId,
    requestId,
    kind,
    otherNode,
    text,
    userId: by.userId,
  } as const;
  const sending = { direction: "sent", atMs: needs.clock.wallMs(), sentAtMs: null } as const;
  await needs.store.run("emergency.keep-letter", { ...letter, ...sending });
  needs.wake();
}

/**
 * Keeps what another node's privacy officer asks about a case here, or explains.
 *
 * @throws {Failure} `not-permitted`: that node has no part in such a case.
 */
export async function takeLetter(from: NodeId, letter: IncomingLetter, needs: EmergencyNeeds): Promise<void> {
  const side = letter.kind === "challenge" ? "asker" : "holder";
  const found = await needs.store.run("emergency.of-request", { requestId: letter.requestId, side });
  const shown = found === null ? null : await needs.store.run("emergency.show", { caseId: found.caseId });
  if (shown === null || (side === "holder" && shown.of.asker !== from)) {
    throw new Failure("not-permitted", "There is no emergency access of yours under this request.");
  }
  if (shown.letters.some(({ letterId }) => letterId === letter.letterId)) return;
  if (shown.letters.length >= LETTERS_MAX) throw new Failure("overloaded", "This case has too many letters.");
  const { caseId } = shown.of;
  await needs.recordReview({
    ...{ requestId: letter.requestId, action: `emergency-${letter.kind}-received`, caller: from },
    ...{ userId: letter.userId, role: "", reason: "", values: false, about: { case: caseId }, personIds: [] },
  });
  const atMs = needs.clock.wallMs();
  const kept = { ...letter, caseId, otherNode: from, direction: "received", atMs, sentAtMs: atMs } as const;
  await needs.store.run("emergency.keep-letter", kept);
}

function caseOf(
  side: NewCase["side"],
  asker: NodeId,
  { claim, patient }: Pick<EmergencyDisclosure, "claim" | "patient">,
  { clock, random, tokenOf }: EmergencyNeeds,
): Omit<NewCase, "reasonCode" | "credentials" | "expiresAtMs"> {
  const { userId, role, organisation } = claim;
  return {
    ...{ caseId: random.uuid(), side, asker, userId, role, organisation, patient: tokenOf(patient) },
    openedAtMs: clock.wallMs(),
    dueOn: workingDaysAfter(today(clock), REVIEW_WORKING_DAYS),
  };
}

function asAccess({ caseId, userId, organisation, patient, expiresAtMs }: NewCase): EmergencyAccess {
  return { caseId, userId, organisation, patient, expiresAtMs: expiresAtMs ?? 0 };
}

function isOverdue({ outcome, dueOn }: EmergencyCase, clock: Clock): boolean {
  return outcome === null && dueOn < today(clock);
}

async function caseNamed(caseId: string, { store }: EmergencyNeeds): Promise<ShownCase> {
  const shown = await store.run("emergency.show", { caseId });
  if (shown === null) throw new Failure("invalid-input", "There is no such case here: 'emergency list' names them.");
  return shown;
}

/** Before anything is shown or done. */
async function record(
  by: PrivacyOfficer,
  action: string,
  about: ReviewLook["about"],
  { recordReview }: EmergencyNeeds,
): Promise<void> {
  checkOfficer(by);
  const { requestId, caller, userId, role, reason } = by;
  await recordReview({ requestId, action, caller, userId, role, reason, values: false, about, personIds: [] });
}

function checkOfficer({ role, roles }: PrivacyOfficer): void {
  if (roleGroupOf(role) === "privacy-officer" && mayClaimRole(role, roles)) return;
  throw new Failure(
    "not-permitted",
    "Emergency access is reviewed by privacy officers alone: use such a role (R0001, R5105), and a certificate that lists it.",
  );
}
