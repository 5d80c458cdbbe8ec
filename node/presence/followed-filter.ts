import type { Clock } from "../base/clock.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import { type BinaryFuse, holds } from "./binary-fuse.ts";
import { keyedTokens, type PresenceTokens } from "./token.ts";

/** A filter rules nobody out on what its holder said longer ago than this. */
export const RULES_OUT_WITHIN_MS = 30_000;

/** What a holder says of its filter, time after time. */
export interface PresenceNews {
  /** Of the filter that it has now; 0 while it has none. */
  readonly epoch: number;
  /** Of the last addition named here. */
  readonly number: number;
  readonly tokens: readonly bigint[];
  readonly more: boolean;
  /** How long before this was said the last write was made that may be missing, in milliseconds. */
  readonly asOfAgeMs: number;
}

/** Another node's filter, with the additions that came since; of one epoch. */
export class FollowedFilter {
  readonly epoch: number;
  readonly #filter: BinaryFuse;
  readonly #tokens: PresenceTokens;
  readonly #added = new Set<bigint>();
  readonly #clock: Pick<Clock, "monotonicMs">;
  #number = 0;
  #asOfMs = -Infinity;

  constructor(epoch: number, key: Uint8Array, filter: BinaryFuse, clock: Pick<Clock, "monotonicMs">) {
    [this.epoch, this.#filter, this.#clock] = [epoch, filter, clock];
    this.#tokens = keyedTokens(key, epoch);
  }

  /** Of the last addition that is here. */
  get number(): number {
    return this.#number;
  }

  /** How old what is known here is, in milliseconds. */
  asOfAgeMs(): number {
    return this.#clock.monotonicMs() - this.#asOfMs;
  }

  /**
   * Takes what the holder says. Of another epoch, or with a gap before it, nothing of it counts.
   *
   * @param askedMs when it was asked for, on the monotonic clock: whatever it says was true then or later, however long it was
   * on its way.
   * @param after the number it was asked for.
   */
  take(news: PresenceNews, askedMs: number, after: number): void {
    if (news.epoch !== this.epoch || after !== this.#number || news.number !== after + news.tokens.length) return;
    for (const token of news.tokens) this.#added.add(token);
    this.#number = news.number;
    if (!news.more) this.#asOfMs = Math.max(this.#asOfMs, askedMs - news.asOfAgeMs);
  }

  /** True where the holder surely had nothing to show of this number at a moment that is not too long ago. */
  rulesOut(nhsNumber: NhsNumber): boolean {
    if (this.asOfAgeMs() > RULES_OUT_WITHIN_MS) return false;
    const token = this.#tokens.token(nhsNumber);
    return !this.#added.has(token) && !holds(this.#filter, token);
  }
}
