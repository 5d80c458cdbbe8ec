import type { AreaAnswer, HolderAnswer, LocateEvent, Outcome, Verdict } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure, type FailureCode, asFailure } from "../base/failure.ts";
import { inTime } from "../base/in-time.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { Covered, NetworkView } from "../federation/federation.ts";
import type { VerdictFacts } from "../federation/verdict.ts";
import { LateAnswers, completed, notAskedAnew } from "./late-answers.ts";
import { SameRecords } from "./same-records.ts";
import { withinPermit } from "./within-permit.ts";

/** Kept back from the caller's deadline so that the verdict still gets home. */
const REPLY_RESERVE_MS = 50;

/** What the asker's own index knows about the person before anybody is asked. */
export type OwnKnowledge =
  | {
      readonly kind: "ask";
      readonly question: Question;
      /** What the own index is asked, where that is another question than the others': it knows the person without a number. */
      readonly here?: Question;
      /** True where an objection here withholds everything: then it goes no further than this node. */
      readonly objected?: true;
      /** True where the national demographics service gave the number. */
      readonly byPds?: true;
      /** True where another node gave the number. */
      readonly byPeer?: true;
    }
  /** Marked restricted here: nobody is asked, and the answer is the same whoever would have held records. */
  | { readonly kind: "restricted" };

/** The few things this story needs; the composition root hands it the real ones. */
export interface LocateNeeds {
  readonly clock: Clock;
  readonly decideAccess: (question: Question) => Decision;
  /** Durable in the audit when it resolves. */
  readonly recordQuestion: (question: Question, decision: Decision) => Promise<void>;
  /** Looks the person up in the own index: restricted? and, without a number, which number? Well before the deadline. */
  readonly knowPerson: (question: Question, permit: Permit, deadline: Deadline) => OwnKnowledge | Promise<OwnKnowledge>;
  /** Durable in the audit when it resolves. */
  readonly recordRestricted: (question: Question, permit: Permit) => Promise<void>;
  /** The network as its directory has it now, and for the whole of this locate: who is there, how to ask, how to close. */
  readonly openNetwork: () => NetworkView;
  /** Audited durably before it resolves, like any holder's answer. */
  readonly answerFromOwnIndex: (question: Question, permit: Permit, covered: Covered) => Promise<HolderAnswer>;
  /** Where answers that come after a verdict are kept; absent: they are not waited for. */
  readonly late?: LateAnswers;
  /** The own index could not answer: the others go on, and the operator must know. */
  readonly ownIndexFailed: (failure: Failure) => void;
  /**
   * In the background; gates nothing.
   *
   * @param otherwise by node id, or the name of an area without one, what an area said where the user was told something else; `not-asked` where it was not asked.
   */
  readonly recordOutcomes: (
    question: Question,
    permit: Permit,
    told: Verdict | ToldUntilLeft,
    otherwise: ReadonlyMap<string, Outcome | "not-asked">,
  ) => void;
}

/** What the user was told by a locate that ended before its verdict. */
export interface ToldUntilLeft {
  readonly cutShort: readonly AreaAnswer[];
  /** What it ended with; absent where the caller left. */
  readonly failed?: FailureCode;
}

/**
 * Finds which areas hold records for one person: an event for each area's answer as it comes, own area first, then the
 * verdict.
 *
 * The question is durable in the audit before anything leaves this node, so that a crash cannot hide it; and however it
 * ends, its end is recorded. Silence and refusal of a peer are answers, not exceptions; so are those of the own index.
 *
 * @param gone aborts when nobody waits any more: the questions that are still open are cancelled there and then.
 * @throws {Failure} `purpose-refused`, `role-refused`, `not-permitted`: nobody has been asked; the refusal is audited.
 * @throws {Failure} `restricted-record`: the person's location is protected; nobody has been asked.
 * @throws {Failure} `identity-not-known`: no number given and none found; nobody has been asked. `timed-out`, `unreachable`:
 * likewise, and the national demographics service, where it is set up, could not be asked either.
 * @throws {Failure} `store-unavailable`: the audit could not be written, or not by the deadline, or the person could not be
 * looked up; nothing has left.
 * @throws {Failure} `configuration`: the directory in force does not list this node; nobody has been asked.
 */
export async function* locate(
  asked: Question,
  needs: LocateNeeds,
  gone: AbortSignal,
): AsyncGenerator<LocateEvent, void> {
  const startedMs = needs.clock.monotonicMs();
  const deadline = asked.answerBy.keepingBack(REPLY_RESERVE_MS);
  const decision = needs.decideAccess(asked);
  await durable(needs.recordQuestion(asked, decision), deadline, needs.clock);
  if (decision.kind === "refused") throw new Failure(refusalCode(decision.code), decision.reason);
  const { permit } = decision;

  const answers: AreaAnswer[] = [];
  /** The same, as areas gave them. */
  const heard: AreaAnswer[] = [];
  const same = new SameRecords();
  const otherwise = new Map<string, Outcome | "not-asked">();
  let cutShort: ToldUntilLeft | undefined = { cutShort: answers };
  try {
    const known = await needs.knowPerson(asked, permit, deadline);
    if (known.kind === "restricted") {
      await durable(needs.recordRestricted(asked, permit), deadline, needs.clock);
      cutShort = undefined;
      throw new Failure("restricted-record", "Restricted record: location protected. Request by emergency access.");
    }
    const { question, here = question } = known;

    const network = needs.openNetwork();
    // Peers are asked while the own index answers; theirs wait for its answer, which is shown first, until the deadline.
    const isAsked = known.objected !== true;
    if (asked.lateOf !== undefined && isAsked) {
      yield* showKept(asked, permit, deadline, needs);
      cutShort = undefined;
      return;
    }
    const ruledOut = isAsked ? network.ruledOut(question, permit) : undefined;
    const peers = isAsked
      ? network.askAreas(question, permit, deadline, ruledOut)
      : network.asIfAsked(question, permit, deadline);
    const leave = (): void => void peers.return?.();
    gone.addEventListener("abort", leave, { once: true });
    if (gone.aborted) leave();
    try {
      const own = await answerOfOwnArea(here, permit, network, deadline, needs);
      answers.push(same.note({ ...own, elapsedMs: Math.round(needs.clock.monotonicMs() - startedMs) }));
      heard.push(answers[0]!);
      yield { kind: "answer", answer: answers[0]! };

      for await (const said of peers) {
        const answer = same.note(withinPermit(said, permit));
        answers.push(answer);
        heard.push(said);
        const { name, nodeId = name } = said.area;
        if (!isAsked || ruledOut?.has(nodeId) === true) otherwise.set(nodeId, "not-asked");
        else if (answer.outcome !== said.outcome) otherwise.set(nodeId, said.outcome);
        yield { kind: "answer", answer };
      }
    } finally {
      gone.removeEventListener("abort", leave);
      leave();
    }
    if (gone.aborted) return; // what is missing was not waited for: there is no verdict over it

    const identified = howIdentified(asked, known);
    const verdict = network.closeWith(question, answers, identified);
    cutShort = undefined;
    needs.recordOutcomes(question, permit, verdict, otherwise);
    if (isAsked) {
      const again = (missing: ReadonlySet<string>): AsyncIterable<AreaAnswer> =>
        network.askAreas(question, permit, question.lateUntil, undefined, missing);
      needs.late?.keep(asked, question, heard, again, { network, identified });
    }
    yield { kind: "verdict", verdict };
  } catch (thrown) {
    if (cutShort !== undefined) cutShort = { ...cutShort, failed: asFailure(thrown).code };
    throw thrown;
  } finally {
    if (cutShort !== undefined) needs.recordOutcomes(asked, permit, cutShort, otherwise);
  }
}

/** An earlier locate's answers, as far as this permit allows, with those that came late, and a verdict over all. */
async function* showKept(
  asked: Question,
  permit: Permit,
  deadline: Deadline,
  { clock, late, recordOutcomes }: LocateNeeds,
): AsyncGenerator<LocateEvent, void> {
  const kept = (late ?? new LateAnswers(clock)).of(asked);
  const same = new SameRecords();
  const shown = (await completed(kept, deadline, clock)).map((each) => same.note(withinPermit(each, permit)));
  for (const answer of shown) yield { kind: "answer", answer };
  const verdict = kept.network.closeWith(asked, shown, kept.identified);
  recordOutcomes(asked, permit, verdict, notAskedAnew(verdict));
  yield { kind: "verdict", verdict };
}

/**
 * Waits until an entry is durable, but not beyond the deadline: nothing may leave without it, and the caller is told so in
 * time.
 */
async function durable(entry: Promise<void>, deadline: Deadline, clock: Clock): Promise<void> {
  if ((await inTime(entry, deadline, clock)) !== "too-late") return;
  throw new Failure("store-unavailable", "The audit was not written in time: nobody has been asked.");
}

/** The own area's answer by the deadline, or why there is none. Never rejects: the peers' answers stand without it. */
async function answerOfOwnArea(
  question: Question,
  permit: Permit,
  network: NetworkView,
  deadline: Deadline,
  needs: LocateNeeds,
): Promise<Omit<AreaAnswer, "elapsedMs">> {
  const { sealed, notOffered } = permit;
  const without = { pointers: [], sealed, notOffered, morePointers: 0 };
  const answering = async (): Promise<Omit<AreaAnswer, "area" | "elapsedMs" | "own">> => {
    try {
      return await needs.answerFromOwnIndex(question, permit, network.ownCovers(question, permit));
    } catch (thrown) {
      needs.ownIndexFailed(asFailure(thrown));
      return { ...without, outcome: "unreachable", reason: "failed" };
    }
  };
  const answer = await inTime(answering(), deadline, needs.clock);
  const said = answer === "too-late" ? { ...without, outcome: "timed-out" as const, reason: "" } : answer;
  return { ...said, area: network.ownArea, own: true };
}

/** How the others came to be asked, where the caller gave no number. */
function howIdentified(
  { patient: asked }: Question,
  { question, byPds, byPeer }: Extract<OwnKnowledge, { kind: "ask" }>,
): VerdictFacts["identified"] {
  if (asked.by === "number") return undefined;
  if (question.patient.by !== "number") return "without-number";
  if (byPeer === true) return "number-from-area";
  return byPds === true ? "number-from-pds" : "number-found";
}

/** What the asker's own decision can refuse with; agreements and coverage belong to holders. */
function refusalCode(
  code: Extract<Decision, { kind: "refused" }>["code"],
): "purpose-refused" | "role-refused" | "not-permitted" {
  return code === "purpose-refused" || code === "role-refused" ? code : "not-permitted";
}
