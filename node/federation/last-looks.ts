import { ANSWERED_OUTCOMES, type HolderAnswer } from "../base/answer.ts";
import type { Question } from "../base/question.ts";
import type { Member } from "../../topology/manifest.ts";
import type { Unanswered } from "./outcomes.ts";

/** How a member looks to somebody of whom it has nothing to show. */
export interface Look {
  readonly answer: HolderAnswer | Unanswered;
  /** How long it took, in milliseconds. */
  readonly tookMs: number;
  /** How long each of the last answers took that found nothing, in milliseconds, newest last. */
  readonly emptyTookMs: readonly number[];
  /** When the last of these came, on the monotonic clock. */
  readonly emptyAtMs: number;
}

/** So many kinds of question of so many members are remembered; the oldest goes first. */
const LOOKS_MAX = 1_000;
/** Enough to draw a time from, as one draws lots, so that a wait that was drawn looks like one that was not. */
const TIMES_KEPT = 64;

/**
 * How each member last looked to each kind of question, whoever asked about whomever: of an answer, all but what depends on
 * the patient. From this the other areas are shown for a patient about whom nobody is to be asked, so that such a patient
 * reads like any of whom nothing is held.
 */
export class LastLooks {
  readonly #looks = new Map<string, Look>();

  note(
    member: Pick<Member, "id">,
    question: Question,
    answer: HolderAnswer | Unanswered,
    tookMs: number,
    nowMs: number,
  ): void {
    const key = keyOf(member, question);
    const last = this.#looks.get(key);
    const times = { emptyTookMs: last?.emptyTookMs ?? [], emptyAtMs: last?.emptyAtMs ?? -Infinity };
    const isEmpty = answer.outcome === "nothing-to-show";
    const empty = isEmpty
      ? { emptyTookMs: [...times.emptyTookMs.slice(1 - TIMES_KEPT), tookMs], emptyAtMs: nowMs }
      : times;
    this.#looks.delete(key);
    this.#looks.set(key, { answer: withoutPatient(answer), tookMs, ...empty });
    if (this.#looks.size <= LOOKS_MAX) return;
    for (const oldest of this.#looks.keys()) {
      this.#looks.delete(oldest);
      break;
    }
  }

  of(member: Pick<Member, "id">, question: Question): Look | undefined {
    return this.#looks.get(keyOf(member, question));
  }
}

/** All that an empty answer depends on, beside the member's age range and the patient. */
function keyOf({ id }: Pick<Member, "id">, { claim: { role, setting, purpose }, patient }: Question): string {
  return `${id} ${setting} ${purpose} ${patient.by} ${role}`;
}

function withoutPatient(answer: HolderAnswer | Unanswered): HolderAnswer | Unanswered {
  if (!("pointers" in answer) || !ANSWERED_OUTCOMES.has(answer.outcome)) return answer;
  return { ...answer, outcome: "nothing-to-show", pointers: [], morePointers: 0 };
}
