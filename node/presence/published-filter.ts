import type { NhsNumber } from "../base/nhs-number.ts";
import { type BinaryFuse, holds } from "./binary-fuse.ts";
import { keyedTokens, type PresenceTokens } from "./token.ts";

/** Additions that one answer carries; the rest follows in the next ones. */
export const ADDITIONS_SENT_MAX = 10_000;

/** What came to a filter after a certain addition. */
export interface Additions {
  /** Of the last one sent; the first that ever came to the filter has 1. */
  readonly number: number;
  readonly tokens: readonly bigint[];
  /** True where there are more than were sent. */
  readonly more: boolean;
}

/** A filter as its holder hands it out, with what came to it since it was built. Nothing is ever taken away. */
export class PublishedFilter {
  readonly epoch: number;
  readonly key: Uint8Array;
  /** As it is sent, signed. */
  readonly file: Uint8Array;
  readonly #filter: BinaryFuse;
  readonly #tokens: PresenceTokens;
  readonly #added: bigint[] = [];
  readonly #isAdded = new Set<bigint>();

  constructor(epoch: number, key: Uint8Array, filter: BinaryFuse, file: Uint8Array) {
    [this.epoch, this.key, this.file, this.#filter] = [epoch, key, file, filter];
    this.#tokens = keyedTokens(key, epoch);
  }

  /** What lets through already needs no addition: nobody is ruled out by it. */
  add(nhsNumber: NhsNumber): void {
    const token = this.#tokens.token(nhsNumber);
    if (this.#isAdded.has(token) || holds(this.#filter, token)) return;
    this.#isAdded.add(token);
    this.#added.push(token);
  }

  get additions(): number {
    return this.#added.length;
  }

  /** @param number of the last addition that the asker has. */
  additionsAfter(number: number): Additions {
    const tokens = this.#added.slice(number, number + ADDITIONS_SENT_MAX);
    const last = number + tokens.length;
    return { number: last, tokens, more: last < this.#added.length };
  }
}
