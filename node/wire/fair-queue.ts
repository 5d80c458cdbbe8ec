import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { QUESTIONS_AT_ONCE_MAX, QUESTIONS_WAITING_MAX, QUESTION_WAIT_PART_MAX } from "./bounds.ts";

/** How much the last turn counts in what a question takes. */
const LATEST_PART = 0.2;

/** Begins a question; until then nothing has been done for it but that it was read. */
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
 * Where nobody waits a question is begun there and then.
 */
export class FairQueue {
  readonly #clock: Pick<Clock, "after" | "monotonicMs">;
  /** Those who wait, in the order of their turns. */
  readonly #askers = new Map<string, Asker>();
  #waiting = 0;
  #begun = 0;
  #turnIsSet = false;
  #turnAtMs = 0;
  /** What each question takes of the node's time, in milliseconds, while there are more than it can do. */
  #eachMs = 0.25;

  constructor(clock: Pick<Clock, "after" | "monotonicMs">) {
    this.#clock = clock;
  }

  /**
   * Does the work when its turn has come.
   *
   * @param isUrgent asked only where the question has to wait.
   * @throws {Failure} `overloaded`, with when to ask again: it could not be begun in time. `deadline-too-short`: it was not.
   */
  run<Result>(
    asker: string,
    deadline: Deadline,
    isUrgent: () => boolean,
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#waiting === 0 && this.#begun < QUESTIONS_AT_ONCE_MAX) {
      this.#begun++;
      this.#setTurn();
      return work();
    }
    return this.#wait(asker, deadline, isUrgent()).then(work);
  }

  #wait(asker: string, deadline: Deadline, isUrgent: boolean): Promise<void> {
    const { urgent, usual } = this.#askers.get(asker) ?? { urgent: [], usual: [] };
    const ahead = isUrgent ? urgent.length : urgent.length + usual.length;
    const waitMs = Math.min(this.#waiting, (ahead + 1) * (this.#askers.size + 1)) * this.#eachMs;
    if (ahead >= QUESTIONS_WAITING_MAX || waitMs > deadline.remainingMs() * QUESTION_WAIT_PART_MAX) {
      return Promise.reject(tooMany(Math.ceil(waitMs)));
    }
    return new Promise((begin, drop) => {
      (isUrgent ? urgent : usual).push({ begin, drop, deadline });
      this.#askers.set(asker, { urgent, usual });
      this.#waiting++;
      this.#setTurn();
    });
  }

  #setTurn(): void {
    if (this.#turnIsSet) return;
    this.#turnIsSet = true;
    this.#turnAtMs = this.#clock.monotonicMs();
    this.#clock.after(0, () => this.#turn());
  }

  #turn(): void {
    const tookMs = this.#clock.monotonicMs() - this.#turnAtMs;
    if (this.#waiting > 0) this.#eachMs += LATEST_PART * (tookMs / Math.max(1, this.#begun) - this.#eachMs);
    this.#turnIsSet = false;
    this.#begun = 0;
    while (this.#waiting > 0 && this.#begun < QUESTIONS_AT_ONCE_MAX) this.#beginNext();
    if (this.#begun > 0) this.#setTurn();
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
      this.#begun++;
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
