import type { Clock } from "../base/clock.ts";
import { Failure, asFailure, type FailureCode } from "../base/failure.ts";
import type { Identified } from "../base/identified.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { PersonView } from "../mpi/mpi.ts";
import { EMPTY_ANSWER_FLOOR_MS, type Found, type PeerQuestion, waitForEmptyAnswer } from "./answer-locate.ts";

export interface AnswerIdentifyNeeds {
  readonly clock: Clock;
  /** Agreement, coverage, purpose and role: as for a locate without a number. */
  readonly decideAnswer: (question: PeerQuestion) => Decision;
  /** Throws `over-quota`; decided from the question alone. */
  readonly admit: (question: PeerQuestion) => void;
  /** Told whenever an asker hears of nobody: guessing is what that looks like. */
  readonly noteMismatch: (question: PeerQuestion) => void;
  /** What a locate by the same question would find. */
  readonly find: (question: Question, permit: Permit) => Found;
  readonly numberOf: (personId: string) => NhsNumber | undefined;
  readonly personsByNumber: (nhsNumber: NhsNumber) => readonly PersonView[];
  /** Durable in the audit when it resolves: the number that is about to leave, or that none is. */
  readonly recordIdentified: (
    question: PeerQuestion,
    decision: Decision,
    found: Found | undefined,
    told: NhsNumber | undefined,
  ) => Promise<void>;
  /** That the attempt broke off and nothing left for it. In the background; gates nothing. */
  readonly recordFailure: (question: PeerQuestion, failed: FailureCode) => void;
}

/**
 * Tells a peer the number of the one person whom all its details fit: only a verified one, and only of somebody of whom a
 * locate by the same question would show a record. So it tells of nobody's being known here more than that locate does, and
 * whoever is restricted, has objected or is not for this role is nobody.
 *
 * @throws {Failure} `no-agreement`, `not-covered`, `purpose-refused`, `role-refused`, `not-permitted`, `over-quota`,
 * `deadline-too-short`: refused before any look-up.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing has been disclosed.
 */
export async function answerIdentify(
  question: PeerQuestion,
  needs: AnswerIdentifyNeeds,
): Promise<Identified | undefined> {
  const arrivedMs = needs.clock.monotonicMs();
  if (question.answerBy.remainingMs() < EMPTY_ANSWER_FLOOR_MS) {
    throw new Failure("deadline-too-short", `Fewer than ${EMPTY_ANSWER_FLOOR_MS} ms are left: allow more time.`);
  }
  const decision = needs.decideAnswer(question);
  if (decision.kind === "refused") {
    await needs.recordIdentified(question, decision, undefined, undefined);
    throw new Failure(decision.code, decision.reason);
  }
  try {
    needs.admit(question);
    const found = needs.find(question, decision.permit);
    const nhsNumber = found.pointers.length > 0 ? verifiedNumberOf(found.personId, needs) : undefined;
    await needs.recordIdentified(question, decision, found, nhsNumber);
    if (nhsNumber !== undefined) return { nhsNumber, grade: gradeOf(question) };
  } catch (thrown) {
    const { code } = asFailure(thrown);
    if (code !== "replayed") needs.recordFailure(question, code); // a replay is recorded as one
    throw thrown;
  }
  needs.noteMismatch(question);
  await waitForEmptyAnswer(needs.clock, arrivedMs);
  return undefined;
}

function verifiedNumberOf(personId: string | undefined, needs: AnswerIdentifyNeeds): NhsNumber | undefined {
  const number = personId === undefined ? undefined : needs.numberOf(personId);
  if (number === undefined) return undefined;
  const [owner, another] = needs.personsByNumber(number);
  if (owner === undefined || owner.personId !== personId || another !== undefined) return undefined;
  return owner.details.expose().verifiedNumbers.includes(number.expose()) ? number : undefined;
}

function gradeOf({ patient }: Question): Identified["grade"] {
  return patient.by === "demographics" && patient.postcode !== undefined ? "with-place" : "name-and-birth";
}
