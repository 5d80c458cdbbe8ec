import { check } from "../../node/base/check.ts";
import type { Draws } from "./draws.ts";

/** Things of which some are likelier than others; one draw picks one, however many there are (Walker's alias method). */
export class Weighted<T> {
  readonly things: readonly T[];
  /** Shares that add up to 1, one for each thing. */
  readonly shares: readonly number[];
  readonly #keep: Float64Array;
  readonly #alias: Uint32Array;

  constructor(things: readonly T[], weights: readonly number[]) {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    check(things.length > 0 && things.length === weights.length && sum > 0, "every thing has a weight");
    this.things = things;
    this.shares = weights.map((weight) => weight / sum);
    this.#keep = Float64Array.from(this.shares, (share) => share * things.length);
    this.#alias = new Uint32Array(things.length);
    this.#pairUp();
  }

  pick(draws: Draws): T {
    const at = draws.fraction() * this.things.length;
    const slot = Math.floor(at);
    return this.things[at - slot < this.#keep[slot]! ? slot : this.#alias[slot]!]!;
  }

  /** These, and others that are all equally likely and together have a share of the whole. */
  mixedWith(others: readonly T[], share: number): Weighted<T> {
    const evenly = others.map(() => share / others.length);
    return new Weighted([...this.things, ...others], [...this.shares.map((own) => own * (1 - share)), ...evenly]);
  }

  /** Fills each slot that its own thing leaves part empty with one that has too much. */
  #pairUp(): void {
    const keep = this.#keep;
    const small: number[] = [];
    const large: number[] = [];
    keep.forEach((share, at) => (share < 1 ? small : large).push(at));
    while (small.length > 0 && large.length > 0) {
      const [lacking, giving] = [small.pop()!, large.at(-1)!];
      this.#alias[lacking] = giving;
      keep[giving]! -= 1 - keep[lacking]!;
      if (keep[giving]! < 1) small.push(large.pop()!);
    }
    for (const at of [...small, ...large]) keep[at] = 1; // what rounding left over
  }
}

/** How much the first ranks stand out: names fall off slower than by their rank alone. */
const RANKS_ALIKE = 6;

/** Names in the order of their frequency: the first far more frequent than the last, as names are. */
export function byRank<T>(things: readonly T[]): Weighted<T> {
  return new Weighted(
    things,
    things.map((_, rank) => 1 / (rank + RANKS_ALIKE)),
  );
}
