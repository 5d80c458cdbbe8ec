import type { AreaAnswer } from "../base/answer.ts";
import { check } from "../base/check.ts";

type Result = IteratorResult<AreaAnswer, undefined>;

/**
 * Hands answers over in the order in which they come, as many as were promised, then ends. For one consumer, who pulls
 * one at a time. Holds at most one answer for each area, so it needs no other bound.
 */
export class AnswerQueue implements AsyncIterableIterator<AreaAnswer, undefined> {
  #left: number;
  readonly #waiting: AreaAnswer[] = [];
  #pull: ((result: Result) => void) | undefined;
  readonly #ended: () => void;

  /**
   * @param promised how many answers will be pushed.
   * @param ended called when the last is handed over or the consumer leaves, at least once.
   */
  constructor(promised: number, ended: () => void) {
    this.#left = promised;
    this.#ended = ended;
  }

  push(answer: AreaAnswer): void {
    check(this.#pull === undefined || this.#waiting.length === 0, "a consumer waits only for an empty queue");
    if (this.#pull === undefined) {
      this.#waiting.push(answer);
      return;
    }
    const pull = this.#pull;
    this.#pull = undefined;
    this.#left--;
    pull({ done: false, value: answer });
  }

  next(): Promise<Result> {
    check(this.#pull === undefined, "one consumer pulls one answer at a time");
    if (this.#left === 0) return this.return();
    const value = this.#waiting.shift();
    if (value === undefined) return new Promise((resolve) => (this.#pull = resolve));
    this.#left--;
    return Promise.resolve({ done: false, value });
  }

  /** The consumer leaves: nothing more is handed over. */
  return(): Promise<Result> {
    this.#left = 0;
    this.#waiting.length = 0;
    this.#ended();
    this.#pull?.({ done: true, value: undefined });
    this.#pull = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
