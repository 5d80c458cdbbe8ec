import { makeAccess } from "../../node/access/decide.ts";
import { loadAccessTable } from "../../node/access/table.ts";
import { BirthDate } from "../../node/base/birth-date.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { Permit } from "../../node/base/permit.ts";
import type { Question } from "../../node/base/question.ts";
import { type Random, systemRandom } from "../../node/base/random.ts";
import type { NodeId } from "../../node/base/words.ts";
import { CLAIM } from "./asker.ts";
import { personAt } from "./people.ts";

/** No day of the questions is before this. */
const ASKED_ON = "2026-11-22";
const ANSWER_WITHIN_MS = 10_000;

/** Questions about people at random, all of whom a filled index of so many people holds. */
export function questionsOnHeld(people: number, count: number, random: Random): Question[] {
  const questions: Question[] = [];
  while (questions.length < count) {
    const person = personAt(Math.floor(random.fraction() * people));
    if (person === undefined) continue;
    const nhsNumber = NhsNumber.parse(person.nhsNumber)!;
    const birthDate = BirthDate.parse(person.birthDate, ASKED_ON)!;
    questions.push({
      requestId: random.uuid(),
      patient: { by: "number", nhsNumber, birthDate },
      claim: CLAIM,
      answerBy: Deadline.in(systemClock, ANSWER_WITHIN_MS),
      lateUntil: Deadline.in(systemClock, ANSWER_WITHIN_MS),
    });
  }
  return questions;
}

/** What a node lets its own emergency clinician see of its own index. */
export function ownPermit(ownId: NodeId, question: Question): Permit {
  const access = makeAccess({
    ...{ clock: systemClock, random: systemRandom, table: loadAccessTable(), ownId },
    ...{ agreements: () => [], members: () => [] },
  });
  const decision = access.decideAccess(question);
  if (decision.kind === "refused") throw new Error(decision.reason);
  return decision.permit;
}
