import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";

/** So many questions in a row without an answer, and a member rests. */
export const FAILURES_IN_A_ROW_MAX = 5;
/** A question is risked on a resting member so long after the last, give or take the part below, by chance. */
export const REST_MS = 30_000;
const JITTER_PART = 0.2;

/** How a question was let through: like any, or to see whether a resting member answers again. */
export type Pass = "usual" | "probe";

type State =
  | { readonly kind: "closed"; readonly failedInARow: number }
  /** @param heedsKnocks false once a knock was answered and the question after it was not. */
  | { readonly kind: "resting"; readonly sinceMs: number; readonly probeAtMs: number; readonly heedsKnocks: boolean }
  | { readonly kind: "probing"; readonly sinceMs: number; readonly wasKnocked: boolean };

/**
 * Keeps questions from a member that gives none of them an answer: each would cost its locate the whole of its time. Every
 * half a minute or so one question is risked; sooner, where a knock is answered that was not answered before.
 */
export class Breaker {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #random: Pick<Random, "fraction">;
  #state: State = { kind: "closed", failedInARow: 0 };
  #answeredAtMs = -Infinity;

  constructor(clock: Pick<Clock, "monotonicMs">, random: Pick<Random, "fraction">) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Since when the member rests, on the monotonic clock; `undefined`: it does not. */
  get restingSinceMs(): number | undefined {
    return this.#state.kind === "closed" ? undefined : this.#state.sinceMs;
  }

  /** True where a question would not be let through now. */
  get isShut(): boolean {
    return this.#state.kind === "probing" || (this.#state.kind === "resting" && !this.#isDue(this.#state.probeAtMs));
  }

  /** Lets a question through, or not: then there is no pass. Whoever has one says how it ended. */
  pass(): Pass | undefined {
    if (this.#state.kind === "closed") return "usual";
    if (this.isShut || this.#state.kind === "probing") return undefined;
    const { sinceMs, probeAtMs } = this.#state;
    this.#state = { kind: "probing", sinceMs, wasKnocked: probeAtMs === -Infinity };
    return "probe";
  }

  /** The member said something, whatever it was. */
  answered(): void {
    this.#answeredAtMs = this.#clock.monotonicMs();
    this.#state = { kind: "closed", failedInARow: 0 };
  }

  /**
   * The member said nothing, to nobody: one that has answered others meanwhile is busy, not gone. Of questions that were under
   * way when it began to rest, nothing follows.
   *
   * @param askedAtMs on the monotonic clock.
   */
  failed(pass: Pass, askedAtMs: number): void {
    if (this.#state.kind === "closed") {
      if (this.#answeredAtMs > askedAtMs) return;
      const failedInARow = this.#state.failedInARow + 1;
      if (failedInARow < FAILURES_IN_A_ROW_MAX) this.#state = { kind: "closed", failedInARow };
      else this.#rest(this.#clock.monotonicMs(), true);
    } else if (this.#state.kind === "probing" && pass === "probe") {
      this.#rest(this.#state.sinceMs, !this.#state.wasKnocked);
    }
  }

  /** Nobody waited for how it ended: where it was to tell, the next question will. */
  leftOpen(pass: Pass): void {
    if (this.#state.kind !== "probing" || pass !== "probe") return;
    const { sinceMs, wasKnocked } = this.#state;
    const probeAtMs = wasKnocked ? -Infinity : this.#clock.monotonicMs();
    this.#state = { kind: "resting", sinceMs, probeAtMs, heedsKnocks: true };
  }

  /** A greeting was answered, or not. Who greets and then answers no question is believed again once it was silent too. */
  knocked(isAnswered: boolean): void {
    if (this.#state.kind !== "resting") return;
    if (!isAnswered) this.#state = { ...this.#state, heedsKnocks: true };
    else if (this.#state.heedsKnocks) this.#state = { ...this.#state, probeAtMs: -Infinity };
  }

  #isDue(atMs: number): boolean {
    return this.#clock.monotonicMs() >= atMs;
  }

  #rest(sinceMs: number, heedsKnocks: boolean): void {
    const restMs = REST_MS * (1 + JITTER_PART * (2 * this.#random.fraction() - 1));
    this.#state = { kind: "resting", sinceMs, probeAtMs: this.#clock.monotonicMs() + restMs, heedsKnocks };
  }
}
