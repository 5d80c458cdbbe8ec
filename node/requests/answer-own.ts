import type { Coverage, HolderAnswer } from "../base/answer.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { Covered } from "../federation/federation.ts";
import { type Found, answerOf } from "./answer-locate.ts";

export interface AnswerOwnNeeds {
  readonly find: (question: Question, permit: Permit) => Found;
  readonly coverage: () => Coverage;
  /** Durable in the audit when it resolves. */
  readonly recordOwnAnswer: (question: Question, permit: Permit, found: Found, answer: HolderAnswer) => Promise<void>;
}

const NOTHING_LOOKED_UP: Found = { personId: undefined, pointers: [], otherPersonHasRecords: false, why: "none-held" };

/**
 * Answers the own user from the own index, by the rule of {@link answerOf} that peers are answered by. Audited durably
 * before it is shown.
 *
 * @param covered whether the own node covers the question: decided before any look-up.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing has been shown.
 */
export async function answerOwn(
  question: Question,
  permit: Permit,
  covered: Covered,
  needs: AnswerOwnNeeds,
): Promise<HolderAnswer> {
  const found = covered.ok ? needs.find(question, permit) : NOTHING_LOOKED_UP;
  const answer: HolderAnswer = covered.ok
    ? answerOf(found, permit, needs.coverage())
    : notCovered(covered, permit, needs.coverage());
  await needs.recordOwnAnswer(question, permit, found, answer);
  return answer;
}

function notCovered(
  { outcome, reason }: Extract<Covered, { readonly ok: false }>,
  { notOffered }: Permit,
  coverage: Coverage,
): HolderAnswer {
  return { outcome, reason, pointers: [], sealed: [], coverage, notOffered, morePointers: 0 };
}
