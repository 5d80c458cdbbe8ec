import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure } from "../base/failure.ts";

/** A second attempt is made once the first has taken this many times the usual. */
const TIMES_USUAL = 3;
const HEDGE_AFTER_MS_MIN = 25;
/** Until anything is known of a member. */
const USUAL_MS_FIRST = 50;
/** How much the last answer counts in what is usual. */
const LATEST_PART = 0.1;
/** Of all questions, so many may be hedged, and so many in a row: a member that is slow for all is not asked twice as much. */
const HEDGED_PART = 0.1;
const HEDGES_SAVED_MAX = 10;

/** Asks a member at its first address, until the signal aborts. */
type Attempt = (member: Member, signal: AbortSignal) => Promise<HolderAnswer>;

/**
 * Asks a member at its second address where its first is slow or cannot be reached. Each attempt has an id of its own; the
 * first answer counts, and the other attempt is cancelled.
 */
export class Hedge {
  readonly #clock: Clock;
  #usualMs = USUAL_MS_FIRST;
  #saved = HEDGES_SAVED_MAX;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws what the attempt that was made last ended with. */
  async ask(member: Member, signal: AbortSignal, attempt: Attempt): Promise<HolderAnswer> {
    const [first, second, ...others] = member.endpoints;
    if (first === undefined || second === undefined) return attempt(member, signal);
    this.#saved = Math.min(HEDGES_SAVED_MAX, this.#saved + HEDGED_PART);

    const ended = new AbortController();
    const end = (): void => ended.abort();
    signal.addEventListener("abort", end, { once: true });
    const startedMs = this.#clock.monotonicMs();
    const atFirst = attempt(member, ended.signal);
    const atSecond = this.#isSecondDue(atFirst, ended.signal).then((isDue) =>
      isDue ? attempt({ ...member, endpoints: [second, first, ...others] }, ended.signal) : atFirst,
    );
    try {
      const answer = await Promise.any([atFirst, atSecond]);
      this.#usualMs += LATEST_PART * (this.#clock.monotonicMs() - startedMs - this.#usualMs);
      return answer;
    } catch {
      return await atSecond; // both have failed
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  }

  /** Once the first attempt could not reach the member, or has taken long; false where a second is not to be made. */
  async #isSecondDue(first: Promise<HolderAnswer>, ended: AbortSignal): Promise<boolean> {
    const isUnreachable = first.then(
      () => false,
      (thrown: unknown) => asFailure(thrown).code === "unreachable",
    );
    const afterMs = Math.max(HEDGE_AFTER_MS_MIN, TIMES_USUAL * this.#usualMs);
    const slow = this.#clock.sleep(afterMs, ended).then(() => "slow" as const);
    const seen = await Promise.race([isUnreachable, slow]);
    if (ended.aborted) return false;
    if (seen !== "slow") return seen;
    if (this.#saved < 1) return isUnreachable;
    this.#saved--;
    return true;
  }
}
