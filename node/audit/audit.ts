import type { AreaAnswer, HolderAnswer, PointerView, Verdict } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { asFailure, Failure, type FailureCode } from "../base/failure.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { EntryKind, NewEntry } from "./audit-store.ts";
import type { NewCase } from "./emergency-store.ts";
import { makeBackgroundEntries } from "./background-entries.ts";
import type { PatientToken } from "./patient-token.ts";
import { startRetention } from "./retention.ts";

const SALT_BYTES = 16;

/** Twice an assertion's longest life: an older attempt is refused for its age. */
const SEEN_KEPT_MINUTES = 10;
const FORGET_EVERY_MS = 60_000;

/** A peer's question, as the holder's entry keeps it. */
export interface AskedByPeer extends Question {
  readonly asker: NodeId;
  readonly attemptId: string;
  readonly evidence: {
    readonly payload: Uint8Array;
    readonly signature: Uint8Array;
    readonly patientNonce: Uint8Array;
  };
}

/** What the index made of the person. */
export interface FoundPerson {
  readonly personId: string | undefined;
  readonly pointers: readonly PointerView[];
  readonly otherPersonHasRecords: boolean;
  /** What lies behind the answer, as truly decided (`none-held`, `objected`, `restricted`, …). Never leaves this node. */
  readonly why: string;
}

export interface AuditNeeds {
  /** Of the store `audit`. */
  readonly executor: StoreExecutor;
  readonly ownId: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly tokenOf: PatientToken;
  /** Whether nobody has seen this audit for too long: what is answered all the same is marked. Absent: it never is. */
  readonly isUnwitnessed?: () => boolean;
  /** How long entries are kept; absent: for ever. */
  readonly keepMs?: number | undefined;
  /** True where others' clocks agree with this node's: needed to erase anything. Absent: nothing is erased. */
  readonly isClockTrusted?: () => boolean;
  /** An entry that gated nothing was lost, or attempts could not be forgotten: for the log and the operator. */
  readonly onAlarm: (
    event: "audit-outcomes-lost" | "audit-clean-up-failed" | "audit-retention-failed",
    failure: Failure,
  ) => void;
}

/** What an own user's wish is known by. */
export type AskedHere = Pick<Question, "requestId" | "claim" | "patient" | "lateOf">;

/** What the user was told by a locate that ended before its verdict. */
export interface ToldUntilLeft {
  readonly cutShort: readonly AreaAnswer[];
  /** What it ended with; absent where the caller left. */
  readonly failed?: FailureCode;
}

/** A look at who is whom, or a decision about it. Names nobody but the one who looks. */
export interface ReviewLook {
  readonly requestId: string;
  /** What was asked for, for example `review-show`. */
  readonly action: string;
  /** The system that asks, by its certificate's name. */
  readonly caller: string;
  readonly userId: string;
  readonly role: string;
  readonly reason: string;
  /** True where values (names, numbers, addresses) are about to be shown. */
  readonly values: boolean;
  /** Identities, persons, events or verdicts, by their numbers in the index. */
  readonly about: Readonly<Record<string, string | number>>;
  /** Persons whose records are looked at, by their ids. */
  readonly personIds: readonly string[];
}

/** What this node says, or says no more, at the National Record Locator. */
export interface NationalPublishing {
  readonly action: "published" | "taken-back";
  readonly nhsNumber: NhsNumber;
  /** Empty where the number is nobody's here any more. */
  readonly personId: string;
  /** The locator's id of the pointer that goes; empty where one is to come, for it gives the id. */
  readonly pointer: string;
}

/** A search of the own index: who searches, and by which fields; of the values nothing but a token. */
export interface SearchLook {
  readonly requestId: string;
  readonly claim: Claim;
  /** Which fields were given, and how it is to be searched; JSON. */
  readonly how: Readonly<Record<string, unknown>>;
  /** Whom the search names, where it names somebody in full. */
  readonly patient: PatientQuery | undefined;
}

/** What this node decided about a search: as of a question, or that the user has searched too often. */
export type SearchDecision =
  Decision | { readonly kind: "refused"; readonly code: "over-quota"; readonly reason: string };

/** A person whom a search is about to show. */
export interface PersonToShow {
  readonly personId: string;
  readonly score: number;
  /** Ten digits; empty where the person has none, or several. */
  readonly nhsNumber: Concealed<string>;
}

/** One record that somebody wants to open. */
export interface WishToOpen extends Question {
  readonly pointerId: string;
}

/** What came of it. */
export interface Opened {
  readonly pointerId: string;
  /** `delivered`, `cut-short`, or why the record was unavailable. */
  readonly result: string;
  readonly bytes: number;
  /** Of the whole record, hexadecimal; absent unless it was delivered. */
  readonly sha256?: string;
}

/** The audit: what gates a disclosure is durable when its promise resolves. */
export interface Audit {
  /**
   * The question and what this node decided about it, before anything leaves.
   *
   * @throws {Failure} `store-unavailable`, `overloaded`: not recorded; nothing may leave.
   */
  readonly recordQuestion: (question: AskedHere, decision: Decision) => Promise<void>;
  /**
   * That a user was given emergency access, and the case for its review with it.
   *
   * @throws {Failure} as `recordQuestion`: not given.
   */
  readonly recordGrant: (wish: AskedHere, opens: NewCase) => Promise<void>;
  /**
   * That the locate stopped at a protected location.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordRestricted: (question: Question, permit: Permit) => Promise<void>;
  /**
   * What is about to leave for a peer, and its attempt as seen.
   *
   * @throws {Failure} `replayed`: this peer's attempt was answered before; the replay is recorded, nothing may leave.
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordAnswer: (
    question: AskedByPeer,
    decision: Decision,
    found: FoundPerson | undefined,
    answer: HolderAnswer,
  ) => Promise<void>;
  /** That a peer's attempt broke off and nothing left for it: written as {@link recordOutcomes} is; gates nothing. */
  readonly recordFailure: (question: AskedByPeer, failed: FailureCode) => void;
  /**
   * What the own index is about to show to the own user.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordOwnAnswer: (
    question: Question,
    permit: Permit,
    found: FoundPerson,
    answer: HolderAnswer,
  ) => Promise<void>;
  /**
   * What the user was told in the end, or until the locate was cut short: written within a second, in the background; gates
   * nothing.
   *
   * @param otherwise by node id, what an area said where the user was told something else; `not-asked` where it was not asked.
   */
  readonly recordOutcomes: (
    question: Question,
    permit: Permit,
    told: Verdict | ToldUntilLeft,
    otherwise?: ReadonlyMap<string, string>,
  ) => void;
  /**
   * That somebody looks at who is whom, or decides it, before anything is shown or done.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordReview: (look: ReviewLook) => Promise<void>;
  /**
   * That it is about to be said nationally that this node knows a person, or to be taken back.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordNational: (said: NationalPublishing) => Promise<void>;
  /**
   * A search of the own index and what this node decided about it, before the index is read.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordSearch: (look: SearchLook, decision: SearchDecision) => Promise<void>;
  /**
   * Everybody whom a search is about to show, an entry each; or that it shows nobody, and why.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordFound: (
    look: SearchLook,
    permit: Permit,
    persons: readonly PersonToShow[],
    result: string,
  ) => Promise<void>;
  /**
   * That the own user wants to open a record, which one and where, and what this node decided; before anything leaves.
   *
   * @throws {Failure} as `recordQuestion`.
   */
  readonly recordRetrieval: (question: WishToOpen & { readonly nodeId: string }, decision: Decision) => Promise<void>;
  /**
   * Which record of this node's is about to leave, for a peer (whose attempt counts as seen then) or for the own user.
   *
   * @param isOpened false where none is: not for this role, or not there.
   * @throws {Failure} `replayed`; and as `recordQuestion`.
   */
  readonly recordOpening: (
    question: WishToOpen | (WishToOpen & AskedByPeer),
    decision: Decision,
    found: FoundPerson | undefined,
    isOpened: boolean,
  ) => Promise<void>;
  /**
   * The number of a person that is about to leave for a peer who has none, or that none is; and its attempt as seen.
   *
   * @throws {Failure} `replayed`; and as `recordQuestion`.
   */
  readonly recordIdentified: (
    question: AskedByPeer,
    decision: Decision,
    found: FoundPerson | undefined,
    told: Concealed<string> | undefined,
  ) => Promise<void>;
  /**
   * What came of a record that was opened: at the asker, of the holder named; at the holder, for the asker. In the background;
   * gates nothing.
   */
  readonly recordOpened: (
    question: WishToOpen & { readonly nodeId?: string; readonly asker?: NodeId },
    opened: Opened,
  ) => void;
  /** Writes what waits in the background. The executor stays open: it belongs to whoever made it. */
  readonly close: () => Promise<void>;
}

/** Makes the audit of one node. */
export function makeAudit(needs: AuditNeeds): Audit {
  const { executor, ownId, clock, random, tokenOf } = needs;
  const copies = makeCopies();
  const background = makeBackgroundEntries(clock, executor, (failure) => needs.onAlarm("audit-outcomes-lost", failure));
  // Where the wall clock stood each minute. What it says alone does not count: it may be put ahead and back again, or be
  // wrong at the start, and what is forgotten meanwhile could be asked once more.
  const minutes: number[] = [];
  const cleaning = clock.every(FORGET_EVERY_MS, () => {
    minutes.push(clock.wallMs());
    if (minutes.length <= SEEN_KEPT_MINUTES) return;
    void forgetAttempts(Math.min(...minutes), needs);
    minutes.shift();
  });

  const entry = (kind: EntryKind, requestId: string, outcome: string): NewEntry => ({
    ...EMPTY_ENTRY,
    wallMs: clock.wallMs(),
    kind,
    requestId,
    asker: ownId,
    outcome,
    salt: random.bytes(SALT_BYTES),
  });
  const { keepMs, isClockTrusted, onAlarm } = needs;
  const retention =
    keepMs !== undefined && isClockTrusted !== undefined
      ? startRetention({
          ...{ executor, clock, keepMs, isClockTrusted, alarm: onAlarm },
          makeEntry: () => entry("retention", random.uuid(), "erased"),
        })
      : undefined;
  const asked = (kind: EntryKind, question: AskedHere, permitId: string | null, outcome: string): NewEntry => ({
    ...entry(kind, question.requestId, outcome),
    ...claimParts(question),
    permitId,
    patient: knownNumber(question) ?? tokenOf(question.patient),
    ...((question.claim.localRole ?? question.lateOf) !== undefined && {
      detail: JSON.stringify({ localRole: question.claim.localRole, lateOf: question.lateOf }),
    }),
  });
  const answered = (question: Question, decision: Decision, found: FoundPerson | undefined, answer: HolderAnswer) => ({
    ...entry("answer", question.requestId, answer.outcome),
    ...claimParts(question),
    holder: ownId,
    permitId: decision.kind === "permitted" ? decision.permit.permitId : null,
    patient: (isKnownHere(found) ? knownNumber(question) : undefined) ?? tokenOf(question.patient),
    personId: found?.personId ?? null,
    why: whyDecided(decision, found),
    pointerIds: answer.pointers.length === 0 ? null : answer.pointers.map(({ pointerId }) => pointerId).join(" "),
    detail: needs.isUnwitnessed?.() === true ? UNWITNESSED : null,
  });

  const searched = (look: SearchLook, permitId: string | null, outcome: string): NewEntry => ({
    ...entry("search", look.requestId, outcome),
    ...claimParts(look),
    permitId,
  });

  async function recordAnswerOf(question: AskedByPeer, found: FoundPerson | undefined, row: NewEntry): Promise<void> {
    const result = await executor.run("audit.append-answer", {
      ...row,
      asker: question.asker,
      attemptId: question.attemptId,
      evidencePayload: copies.of(question.evidence.payload),
      evidenceSignature: copies.of(question.evidence.signature),
      patientNonce: isKnownHere(found) ? ownCopy(question.evidence.patientNonce) : null,
    });
    if (result === "recorded") return;
    throw new Failure("replayed", "This attempt was answered before: ask again with a new attempt id.");
  }

  return {
    async recordQuestion(question, decision) {
      const refused = decision.kind === "refused";
      const row = refused
        ? { ...asked("refused", question, null, decision.code), why: decision.reason }
        : asked("question", question, decision.permit.permitId, "permitted");
      await executor.run("audit.append", row);
    },
    async recordGrant(wish, opens) {
      const { caseId, reasonCode, credentials } = opens;
      const { localRole } = wish.claim;
      const detail = JSON.stringify({ case: caseId, reasonCode, credentials, localRole });
      await executor.run("emergency.grant", { entry: { ...asked("emergency", wish, null, "granted"), detail }, opens });
    },
    async recordRestricted(question, permit) {
      await executor.run("audit.append", asked("restricted", question, permit.permitId, "restricted-record"));
    },
    async recordAnswer(question, decision, found, answer) {
      await recordAnswerOf(question, found, answered(question, decision, found, answer));
    },
    recordFailure(question, failed) {
      const { requestId, attemptId, asker } = question;
      background.add({ ...entry("outcomes", requestId, "failed"), asker, attemptId, holder: ownId, why: failed });
    },
    async recordOwnAnswer(question, permit, found, answer) {
      await executor.run("audit.append", answered(question, { kind: "permitted", permit }, found, answer));
    },
    recordOutcomes(question, permit, told, otherwise = new Map<string, string>()) {
      const ended = "cutShort" in told ? { areas: areasTold(told.cutShort.map(toOutcome)) } : toldToUser(told);
      background.add({
        ...entry("outcomes", question.requestId, howItEnded(told)),
        permitId: permit.permitId,
        why: "cutShort" in told ? (told.failed ?? null) : null,
        detail: JSON.stringify(otherwise.size === 0 ? ended : { ...ended, otherwise: Object.fromEntries(otherwise) }),
      });
    },
    async recordReview({ requestId, action, caller, userId, role, reason, values, about, personIds }) {
      await executor.run("audit.append", {
        ...entry("review", requestId, action),
        ...{ holder: ownId, userId, role, reason, personId: personIds.length === 0 ? null : personIds.join(" ") },
        detail: JSON.stringify({ caller, values, ...about }),
      });
    },
    async recordNational({ action, nhsNumber, personId, pointer }) {
      await executor.run("audit.append", {
        ...entry("national", random.uuid(), action),
        ...{ holder: ownId, trigger: "automatic", patient: nhsNumber.expose(), personId: personId || null },
        detail: pointer === "" ? null : JSON.stringify({ pointer }),
      });
    },
    async recordSearch(look, decision) {
      const refused = decision.kind === "refused";
      await executor.run("audit.append", {
        ...searched(look, refused ? null : decision.permit.permitId, refused ? decision.code : "permitted"),
        patient: look.patient === undefined ? null : tokenOf(look.patient),
        why: refused ? decision.reason : null,
        detail: JSON.stringify(look.how),
      });
    },
    async recordFound(look, { permitId }, persons, result) {
      const entries = persons.map(({ personId, score, nhsNumber }) => ({
        ...searched(look, permitId, "shown"),
        ...{ holder: ownId, personId, patient: nhsNumber.expose() || null, detail: JSON.stringify({ score }) },
      }));
      const all = entries.length > 0 ? entries : [{ ...searched(look, permitId, result), holder: ownId }];
      await Promise.all(all.map((each) => executor.run("audit.append", each)));
    },
    async recordRetrieval(question, decision) {
      const { nodeId, pointerId } = question;
      const refused = decision.kind === "refused";
      await executor.run("audit.append", {
        ...asked(refused ? "refused" : "question", question, refused ? null : decision.permit.permitId, "permitted"),
        ...(refused && { outcome: decision.code, why: decision.reason }),
        detail: JSON.stringify({ opens: pointerId, at: nodeId, localRole: question.claim.localRole }),
      });
    },
    async recordOpening(question, decision, found, isOpened) {
      const pointers = isOpened ? { outcome: "opened", pointerIds: question.pointerId, why: null } : {};
      const refused = decision.kind === "refused" ? { outcome: "refused" } : {};
      const row = { ...answered(question, decision, found, EMPTY_ANSWER), ...refused, ...pointers };
      if (!("attemptId" in question)) return void (await executor.run("audit.append", row));
      await recordAnswerOf(question, found, row);
    },
    async recordIdentified(question, decision, found, told) {
      const row = answered(question, decision, found && { ...found, pointers: [] }, EMPTY_ANSWER);
      const looked = told === undefined ? "not-identified" : "identified";
      await recordAnswerOf(question, found, {
        ...{ ...row, outcome: decision.kind === "refused" ? "refused" : looked },
        patient: told?.expose() ?? row.patient,
        why: told === undefined ? (row.why ?? found?.why ?? null) : null,
      });
    },
    recordOpened(question, { pointerId, result, bytes, sha256 }) {
      const { nodeId, asker = ownId } = question;
      const detail = {
        ...(nodeId !== undefined && { areas: [[nodeId, bytes > 0 ? "opened" : result]] }),
        bytes,
        sha256,
      };
      background.add({
        ...entry("outcomes", question.requestId, result),
        ...{
          asker,
          holder: nodeId === undefined ? ownId : null,
          pointerIds: pointerId,
          detail: JSON.stringify(detail),
        },
      });
    },
    async close() {
      cleaning.cancel();
      await retention?.stop();
      await background.close();
    },
  };
}

/** Of what was answered although nobody has seen this audit for three days. */
const UNWITNESSED = JSON.stringify({ unwitnessed: true });

const EMPTY_ANSWER = {
  outcome: "nothing-to-show",
  pointers: [],
  sealed: [],
  reason: "",
  notOffered: [],
  morePointers: 0,
} as const;

const EMPTY_ENTRY = {
  attemptId: null,
  permitId: null,
  holder: null,
  userId: null,
  role: null,
  setting: null,
  organisation: null,
  assurance: null,
  purpose: null,
  relationship: null,
  relationshipReference: null,
  trigger: null,
  reason: null,
  patient: null,
  personId: null,
  why: null,
  pointerIds: null,
  detail: null,
  evidencePayload: null,
  evidenceSignature: null,
  patientNonce: null,
} as const;

function claimParts({ claim }: Pick<Question, "claim">) {
  return {
    userId: claim.userId,
    role: claim.role,
    setting: claim.setting,
    organisation: claim.organisation,
    assurance: claim.assurance,
    purpose: claim.purpose,
    relationship: claim.relationship.kind,
    relationshipReference: claim.relationship.reference ?? null,
    trigger: claim.trigger,
    reason: claim.reason ?? null,
  };
}

function knownNumber({ patient }: AskedHere): string | undefined {
  return patient.by === "number" ? patient.nhsNumber.expose() : undefined;
}

/**
 * True where this node's index knows the number. That includes a number given with somebody else's birth date: the
 * person whose number it is had their existence here disclosed, and their own report must say so.
 */
function isKnownHere(found: FoundPerson | undefined): boolean {
  return found !== undefined && (found.personId !== undefined || found.otherPersonHasRecords);
}

/** The hidden split of what is one answer outside: kept here and shown to nobody who asks. */
function whyDecided(decision: Decision, found: FoundPerson | undefined): string | null {
  if (decision.kind === "refused") return decision.code;
  return found === undefined || found.pointers.length > 0 ? null : found.why;
}

/** A cloned view takes its whole buffer along, which for bytes off the wire is the frame they came in. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** One copy of each, however many questions it covers: what a message to the writer holds twice, it carries once. */
function makeCopies(): { of(bytes: Uint8Array): Uint8Array } {
  const copies = new WeakMap<Uint8Array, Uint8Array>();
  return {
    of(bytes) {
      let copy = copies.get(bytes);
      if (copy === undefined) copies.set(bytes, (copy = ownCopy(bytes)));
      return copy;
    },
  };
}

function howItEnded(told: Verdict | ToldUntilLeft): string {
  if ("cutShort" in told) return told.failed === undefined ? "cut-short" : "failed";
  const complete = told.scopes.find(({ scope }) => scope === "network")?.everyAreaAnswered === true;
  return complete ? "every-area-answered" : "not-every-area-answered";
}

function toOutcome({ area: { nodeId, name, scopes }, ...said }: AreaAnswer): Verdict["areas"][number] {
  const { outcome, elapsedMs, reason } = said;
  return { ...(nodeId !== undefined && { nodeId }), name, outcome, elapsedMs, reason, scopes };
}

function areasTold(areas: Verdict["areas"]) {
  return areas.map(({ nodeId, name, outcome, elapsedMs, reason }) =>
    reason === "" ? [nodeId ?? name, outcome, elapsedMs] : [nodeId ?? name, outcome, elapsedMs, reason],
  );
}

/** The verdict as the user saw it, without its words: per area, per scope, and each feed that was named. */
function toldToUser(verdict: Verdict) {
  return {
    areas: areasTold(verdict.areas),
    scopes: verdict.scopes.map(({ scope, everyAreaAnswered }) => [scope, everyAreaAnswered]),
    gaps: verdict.gaps.map(({ nodeId, provider }) => [nodeId, provider.code, provider.state]),
    unfed: verdict.unfed,
    directory: verdict.directory.sequence,
  };
}

async function forgetAttempts(beforeMs: number, { executor, onAlarm }: AuditNeeds): Promise<void> {
  try {
    let after: Uint8Array | null = null;
    do {
      after = await executor.run("audit.forget-attempts", { beforeMs, after });
    } while (after !== null);
  } catch (thrown) {
    onAlarm("audit-clean-up-failed", asFailure(thrown));
  }
}
