import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";

/** Questions under way to one member; more would only wait there. */
const UNDER_WAY_MAX = 512;
/** And as many again wait here for one of them to end. */
const WAITING_MAX = 512;

/** Bounds what one slow member can hold of this node: questions under way to it, and those that wait for their turn. */
export class Bulkhead {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(clock: Clock, underWayMax = UNDER_WAY_MAX) {
    this.#clock = clock;
    this.#free = underWayMax;
  }

  /**
   * Waits for a place; at once where there is one. Whoever got it gives it back with {@link leave}.
   *
   * @throws {Failure} `overloaded`: no place by the deadline, or too many wait already. `timed-out`: nobody waits any more.
   */
  enter(deadline: Deadline, signal: AbortSignal): Promise<void> | undefined {
    if (this.#free === 0) return this.#wait(deadline, signal);
    this.#free--;
    return undefined;
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else next();
  }

  async #wait(deadline: Deadline, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) throw tooMany();
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener("abort", stop, { once: true });
    let isIn = false;
    const enter = (): void => {
      this.#waiting.delete(enter);
      isIn = true;
      stop();
    };
    this.#waiting.add(enter);
    await this.#clock.sleep(deadline.remainingMs(), over.signal);
    signal.removeEventListener("abort", stop);
    if (isIn) return;
    this.#waiting.delete(enter);
    throw signal.aborted ? new Failure("timed-out", "Nobody waits for the answer any more.") : tooMany();
  }
}

function tooMany(): Failure {
  return new Failure("overloaded", "Too many questions are under way to this member: ask again in a moment.");
}
