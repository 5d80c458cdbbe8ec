import type { AreaAnswer, LocateEvent } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { isUuid } from "../base/words.ts";
import type { Finding } from "./found.ts";
import { withoutVerdict } from "./late-searches.ts";
import type { Caller, RouteRequest } from "./routes.ts";

const ANSWER_BY_MS = 2_000;
const LATE_UNTIL_MS = 10_000;

export interface AskingNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** The story. */
  readonly locate: (
    question: Question,
    rights: Caller["rights"],
    gone: AbortSignal,
  ) => AsyncGenerator<LocateEvent, void>;
}

/** A request as a question about one person: its id is the request's own, where that is a UUID. */
export function questionOf(
  { requestId }: RouteRequest,
  patient: PatientQuery,
  claim: Claim,
  { clock, random }: Pick<AskingNeeds, "clock" | "random">,
): Question {
  return {
    requestId: isUuid(requestId) ? requestId : random.uuid(),
    ...{ patient, claim },
    answerBy: Deadline.in(clock, ANSWER_BY_MS),
    lateUntil: Deadline.in(clock, LATE_UNTIL_MS),
  };
}

/**
 * Asks, and waits for the verdict.
 *
 * @throws {Refusal} 503: it ended without one. @throws {Failure} as the story does.
 */
export async function locateAll(
  question: Question,
  { caller, request }: RouteRequest,
  { locate }: Pick<AskingNeeds, "locate">,
): Promise<Finding> {
  const answers: AreaAnswer[] = [];
  for await (const event of locate(question, caller.rights, request.signal)) {
    if (event.kind === "verdict") return { answers, verdict: event.verdict };
    answers.push(event.answer);
  }
  throw withoutVerdict();
}
