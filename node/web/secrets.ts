import { hash } from "node:crypto";

import type { Clock, Timer } from "../base/clock.ts";
import type { Random } from "../base/random.ts";

const SECRET_BYTES = 32;
/** Held at once; the oldest goes first. */
const HELD_MAX = 2_000;
const SWEEP_EVERY_MS = 10_000;

interface Held<T> {
  readonly value: T;
  readonly untilMs: number;
}

/**
 * Keeps values for a while under secrets that nobody can guess: what stands in a link or a cookie is random and says nothing. In
 * memory alone, by the secrets' hashes, so that a comparison takes no time that tells of a secret; what is over is forgotten
 * within seconds, for it may name a patient.
 */
export class Secrets<T> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #livesMs: number;
  readonly #held = new Map<string, Held<T>>();
  readonly #sweep: Timer;

  constructor(clock: Clock, random: Random, livesMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#livesMs = livesMs;
    this.#sweep = clock.every(SWEEP_EVERY_MS, () => this.#forgetOld());
  }

  /** @returns the secret. */
  keep(value: T): string {
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES)).toString("base64url");
    this.#held.set(keyOf(secret), { value, untilMs: this.#clock.monotonicMs() + this.#livesMs });
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= HELD_MAX) break;
      this.#held.delete(oldest);
    }
    return secret;
  }

  /** `undefined`: it was never kept, or is over. */
  find(secret: string): T | undefined {
    const held = this.#held.get(keyOf(secret));
    return held !== undefined && held.untilMs > this.#clock.monotonicMs() ? held.value : undefined;
  }

  /** As {@link find}, for the only time. */
  take(secret: string): T | undefined {
    const found = this.find(secret);
    this.drop(secret);
    return found;
  }

  drop(secret: string): void {
    this.#held.delete(keyOf(secret));
  }

  stop(): void {
    this.#sweep.cancel();
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(key);
  }
}

function keyOf(secret: string): string {
  return hash("sha256", secret, "base64url");
}
