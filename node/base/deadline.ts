import type { Clock } from "./clock.ts";

/** A moment on the monotonic clock by which something is wanted. Travels as a parameter; each hop keeps a little back. */
export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;

  private constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.#atMs = atMs;
  }

  static in(clock: Clock, ms: number): Deadline {
    return new Deadline(clock, clock.monotonicMs() + ms);
  }

  /** Milliseconds left; 0 once it has passed. */
  remainingMs(): number {
    return Math.max(0, this.#atMs - this.#clock.monotonicMs());
  }

  passed(): boolean {
    return this.remainingMs() === 0;
  }

  /** The same deadline, earlier by so many milliseconds. */
  keepingBack(ms: number): Deadline {
    return new Deadline(this.#clock, this.#atMs - ms);
  }
}
