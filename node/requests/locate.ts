import type { Area, AreaAnswer, HolderAnswer, LocateEvent, Verdict } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";

/** Kept back from the caller's deadline so that the verdict still gets home. */
const REPLY_RESERVE_MS = 50;

/** What the asker's own index knows about the person before anybody is asked. */
export type OwnKnowledge =
  | { readonly kind: "ask"; readonly question: Question }
  /** Marked restricted here: nobody is asked, and the answer is the same whoever would have held records. */
  | { readonly kind: "restricted" };

/** The few things this story needs; the composition root hands it the real ones. */
export interface LocateNeeds {
  readonly clock: Clock;
  readonly decideAccess: (question: Question) => Decision;
  /** Durable in the audit when it resolves. */
  readonly recordQuestion: (question: Question, decision: Decision) => Promise<void>;
  /** Looks the person up in the own index: restricted? and, without a number, which number? */
  readonly knowPerson: (question: Question, permit: Permit) => OwnKnowledge;
  /** Durable in the audit when it resolves. */
  readonly recordRestricted: (question: Question, permit: Permit) => Promise<void>;
  readonly ownArea: () => Area;
  /** Audited durably before it resolves, like any holder's answer. */
  readonly answerFromOwnIndex: (question: Question, permit: Permit) => Promise<HolderAnswer>;
  /** Every other area of the directory, and how to ask it: exactly one answer each, at the deadline at the latest. */
  readonly askAreas: (question: Question, permit: Permit, deadline: Deadline) => AsyncIterable<AreaAnswer>;
  readonly closeWith: (question: Question, answers: readonly AreaAnswer[]) => Verdict;
  /** In the background; gates nothing. */
  readonly recordOutcomes: (question: Question, permit: Permit, verdict: Verdict) => void;
}

/**
 * Finds which areas hold records for one person: an event for each area's answer as it comes, own area first, then the
 * verdict.
 *
 * The question is durable in the audit before anything leaves this node, so that a crash cannot hide it. Silence and
 * refusal of a peer are answers, not exceptions.
 *
 * @throws {Failure} `purpose-refused`, `role-refused`, `not-permitted`: nobody has been asked; the refusal is audited.
 * @throws {Failure} `restricted-record`: the person's location is protected; nobody has been asked.
 * @throws {Failure} `identity-not-known`: no number given and none found; nobody has been asked.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing has left.
 */
export async function* locate(asked: Question, needs: LocateNeeds): AsyncGenerator<LocateEvent, void> {
  const startedMs = needs.clock.monotonicMs();
  const decision = needs.decideAccess(asked);
  await needs.recordQuestion(asked, decision);
  if (decision.kind === "refused") throw new Failure(refusalCode(decision.code), decision.reason);
  const { permit } = decision;

  const known = needs.knowPerson(asked, permit);
  if (known.kind === "restricted") {
    await needs.recordRestricted(asked, permit);
    throw new Failure("restricted-record", "Restricted record: location protected. Request by emergency access.");
  }
  const { question } = known;

  const answers: AreaAnswer[] = [];
  // Peers are asked while the own index answers; its answer is shown first.
  const deadline = question.answerBy.keepingBack(REPLY_RESERVE_MS);
  const peers = needs.askAreas(question, permit, deadline);
  const own = await needs.answerFromOwnIndex(question, permit);
  answers.push(ownAnswer(needs, own, startedMs));
  yield { kind: "answer", answer: answers[0]! };

  for await (const answer of peers) {
    answers.push(answer);
    yield { kind: "answer", answer };
  }

  const verdict = needs.closeWith(question, answers);
  needs.recordOutcomes(question, permit, verdict);
  yield { kind: "verdict", verdict };
}

function ownAnswer(needs: LocateNeeds, answer: HolderAnswer, startedMs: number): AreaAnswer {
  const elapsedMs = Math.round(needs.clock.monotonicMs() - startedMs);
  return { ...answer, area: needs.ownArea(), elapsedMs, own: true };
}

/** What the asker's own decision can refuse with; agreements and coverage belong to holders. */
function refusalCode(
  code: Extract<Decision, { kind: "refused" }>["code"],
): "purpose-refused" | "role-refused" | "not-permitted" {
  return code === "purpose-refused" || code === "role-refused" ? code : "not-permitted";
}
