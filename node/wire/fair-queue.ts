import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import {
  QUESTIONS_AT_ONCE_FIRST,
  QUESTIONS_AT_ONCE_MIN,
  QUESTIONS_WAITING_MAX,
  QUESTION_TAKES_MS,
  QUESTION_WAIT_PART_MAX,
} from "./bounds.ts";

/** How much the last question counts in what one takes. */
const LATEST_PART = 0.05;

/** A question of which nothing has been done but that it was read. */
interface Waiting {
  readonly begin: () => void;
  readonly drop: (failure: Failure) => void;
  readonly deadline: Deadline;
}

interface Asker {
  readonly urgent: Waiting[];
  readonly usual: Waiting[];
}

/**
 * Shares out what the node can do among those who ask: each in turn, one question a turn, so that whoever asks much waits
 * behind itself and nobody else. Within one asker, emergency access goes first. Who cannot be served in time is told at once,
 * before anything is verified, and when to come back.
 *
 * So many questions are under way as are answered soon: one fewer for each that was not, one more for each that was while
 * others waited. Where nobody waits a question is begun there and then.
 */
export class FairQueue {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** Those who wait, in the order of their turns. */
  readonly #askers = new Map<string, Asker>();
  #waiting = 0;
  #underWay = 0;
  #atOnce = QUESTIONS_AT_ONCE_FIRST;
  #doneAtMs = 0;
  /** From one answer to the next while others wait, in milliseconds. */
  #eachMs = 0.25;
  /** From its beginning to its answer. */
  #takesMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /**
   * Does the work when its turn has come.
   *
   * @param isUrgent asked only where the question has to wait.
   * @throws {Failure} `overloaded`, with when to ask again: it could not be begun in time. `deadline-too-short`: it was not.
   */
  async run<Result>(
    asker: string,
    deadline: Deadline,
    isUrgent: () => boolean,
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#waiting === 0 && this.#underWay < this.#atOnce) this.#underWay++;
    else await this.#wait(asker, deadline, isUrgent());
    const begunMs = this.#clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.#done(begunMs);
    }
  }

  #wait(asker: string, deadline: Deadline, isUrgent: boolean): Promise<void> {
    const { urgent, usual } = this.#askers.get(asker) ?? { urgent: [], usual: [] };
    const ahead = isUrgent ? urgent.length : urgent.length + usual.length;
    const waitMs = Math.min(this.#waiting + 1, (ahead + 1) * (this.#askers.size + 1)) * this.#eachMs;
    const leftMs = deadline.remainingMs() * QUESTION_WAIT_PART_MAX;
    if (ahead >= QUESTIONS_WAITING_MAX || waitMs + this.#takesMs > leftMs) {
      return Promise.reject(tooMany(Math.ceil(waitMs)));
    }
    return new Promise((begin, drop) => {
      (isUrgent ? urgent : usual).push({ begin, drop, deadline });
      this.#askers.set(asker, { urgent, usual });
      this.#waiting++;
    });
  }

  #done(begunMs: number): void {
    this.#underWay--;
    const nowMs = this.#clock.monotonicMs();
    const tookMs = nowMs - begunMs;
    this.#takesMs += LATEST_PART * (tookMs - this.#takesMs);
    if (this.#waiting > 0) this.#eachMs += LATEST_PART * (nowMs - Math.max(begunMs, this.#doneAtMs) - this.#eachMs);
    if (tookMs > QUESTION_TAKES_MS) this.#atOnce = Math.max(QUESTIONS_AT_ONCE_MIN, this.#atOnce - 1);
    else if (this.#waiting > 0) this.#atOnce++;
    this.#doneAtMs = nowMs;
    while (this.#waiting > 0 && this.#underWay < this.#atOnce) this.#beginNext();
  }

  /** The next of whoever's turn it is, who then goes to the end of the line. */
  #beginNext(): void {
    for (const [id, asker] of this.#askers) {
      this.#askers.delete(id);
      const next = asker.urgent.shift() ?? asker.usual.shift();
      if (asker.urgent.length + asker.usual.length > 0) this.#askers.set(id, asker);
      this.#waiting--;
      if (next === undefined) return;
      if (next.deadline.passed()) {
        next.drop(new Failure("deadline-too-short", "The question's time was over before its turn came."));
        return;
      }
      this.#underWay++;
      next.begin();
      return;
    }
  }
}

function tooMany(retryAfterMs: number): Failure {
  return new Failure("overloaded", "More is asked than can be answered in time: ask again in a moment.", {
    retryAfterMs,
  });
}
