import type { Coverage, HolderAnswer, PointerView } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, type FailureCode, asFailure } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { NodeId } from "../base/words.ts";

/**
 * Empty answers leave a whole multiple of this after the question came in, whatever their cause: none held, objected, hidden
 * or restricted are one answer. The look-ups of every cause fit well inside it; a longer one would be felt, because the last
 * area to answer a locate is often one that has nothing.
 *
 * What is left to see: two causes whose look-ups differ by d ms come apart only where the audit's commit falls so near a
 * multiple that d carries it across, for about d in {@link EMPTY_ANSWER_FLOOR_MS} questions, and then by one whole floor.
 */
export const EMPTY_ANSWER_FLOOR_MS = 5;

/** A question from a peer, its assertion already verified as that peer's own and its attempt fresh. */
export interface PeerQuestion extends Question {
  readonly asker: NodeId;
  readonly attemptId: string;
  /** The signed bytes, kept as evidence, and the nonce that shows whom they are about. */
  readonly evidence: {
    readonly payload: Uint8Array;
    readonly signature: Uint8Array;
    readonly patientNonce: Uint8Array;
  };
}

/** What the own index makes of the person, after this permit's filters. */
export interface Found {
  /** The person whom the number and the birth date name, if there is one: an opaque id for the audit. */
  readonly personId: string | undefined;
  /** Records that this permit may see for that person. */
  readonly pointers: readonly PointerView[];
  /** How many older ones this permit may see as well, beyond what one answer carries. Absent where there are none. */
  readonly more?: number;
  /** True where the number names somebody else, for whom the right details would have shown records. */
  readonly otherPersonHasRecords: boolean;
  /** True where records here may be the person's, and somebody is still to say so. */
  readonly possibleMatch?: true;
  /** What lies behind the answer. For this node's audit and its operator's totals alone; never part of an answer. */
  readonly why: "held" | "none-held" | "objected" | "restricted" | "filtered" | "other-person";
}

export interface AnswerLocateNeeds {
  readonly clock: Clock;
  /** Agreement, coverage, purpose and role: all independent of the patient's records. */
  readonly decideAnswer: (question: PeerQuestion) => Decision;
  /** Throws `over-quota` where the asker may ask about no more patients for now; decided from the question alone. */
  readonly admit: (question: PeerQuestion) => void;
  /** Told whenever an asker hears that a number is somebody else's. */
  readonly noteMismatch: (question: PeerQuestion) => void;
  readonly find: (question: Question, permit: Permit) => Found;
  readonly coverage: () => Coverage;
  /** Durable in the audit when it resolves: what is about to leave, for whom, under which permit. */
  readonly recordAnswer: (
    question: PeerQuestion,
    decision: Decision,
    found: Found | undefined,
    answer: HolderAnswer,
  ) => Promise<void>;
  /** That the attempt broke off and nothing left for it. In the background; gates nothing. */
  readonly recordFailure: (question: PeerQuestion, failed: FailureCode) => void;
}

/**
 * Answers one peer's question from the own index: depth one, nobody else is asked.
 *
 * @throws {Failure} `deadline-too-short`: less time is left than the floor of an empty answer; refused before any
 * look-up, alike for every patient.
 * @throws {Failure} `over-quota`: refused before any look-up, alike for every patient.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing has been disclosed.
 */
export async function answerLocate(question: PeerQuestion, needs: AnswerLocateNeeds): Promise<HolderAnswer> {
  const arrivedMs = needs.clock.monotonicMs();
  if (question.answerBy.remainingMs() < EMPTY_ANSWER_FLOOR_MS) {
    throw new Failure("deadline-too-short", `Fewer than ${EMPTY_ANSWER_FLOOR_MS} ms are left: allow more time.`);
  }
  try {
    return await answerInTime(question, arrivedMs, needs);
  } catch (thrown) {
    const { code } = asFailure(thrown);
    if (code !== "replayed") needs.recordFailure(question, code); // a replay is recorded as one
    throw thrown;
  }
}

async function answerInTime(
  question: PeerQuestion,
  arrivedMs: number,
  needs: AnswerLocateNeeds,
): Promise<HolderAnswer> {
  const decision = needs.decideAnswer(question);
  if (decision.kind === "refused") {
    const answer = declined(decision);
    await needs.recordAnswer(question, decision, undefined, answer);
    return answer;
  }

  needs.admit(question);
  const found = needs.find(question, decision.permit);
  const answer = answerOf(found, decision.permit, needs.coverage());
  if (answer.outcome === "identity-check") needs.noteMismatch(question);
  await needs.recordAnswer(question, decision, found, answer);
  if (answer.outcome === "nothing-to-show") await waitForEmptyAnswer(needs.clock, arrivedMs);
  return answer;
}

/** What a holder says, given what it found. Also the asker's own index answers by this rule. */
export function answerOf(found: Found, permit: Permit, coverage: Coverage): HolderAnswer {
  const outcome = outcomeOf(found);
  const morePointers = found.pointers.length > 0 ? (found.more ?? 0) : 0;
  const { sealed, notOffered } = permit;
  return { outcome, pointers: found.pointers, sealed, coverage, reason: "", notOffered, morePointers };
}

function outcomeOf({ pointers, otherPersonHasRecords, possibleMatch }: Found): HolderAnswer["outcome"] {
  if (pointers.length > 0) return "records";
  if (otherPersonHasRecords) return "identity-check";
  return possibleMatch === true ? "possible-match" : "nothing-to-show";
}

/** Refusals that do not depend on the patient, said openly. */
function declined(decision: Extract<Decision, { kind: "refused" }>): HolderAnswer {
  const outcome =
    decision.code === "no-agreement" || decision.code === "not-covered" ? decision.code : ("refused" as const);
  return { outcome, pointers: [], sealed: [], reason: decision.reason, notOffered: [], morePointers: 0 };
}

/** Sleeps until the next multiple of the floor after the arrival; a commit just on one leaves at once. */
export async function waitForEmptyAnswer(clock: Clock, arrivedMs: number): Promise<void> {
  const elapsedMs = clock.monotonicMs() - arrivedMs;
  await clock.until(arrivedMs + Math.max(1, Math.ceil(elapsedMs / EMPTY_ANSWER_FLOOR_MS)) * EMPTY_ANSWER_FLOOR_MS);
}
