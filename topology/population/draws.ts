/**
 * A reproducible sequence for each of very many things (sfc32). Unlike one long sequence it can start at any of them, so
 * that a household is the same whoever was made before it; and its state of 128 bits starts differently for each, so that
 * no two are copies. Not for secrets.
 */
export class Draws {
  #a = 0;
  #b = 0;
  #c = 0;
  #count = 0;

  /** Starts the sequence of one thing, known by four whole numbers. Returns itself. */
  startAt(seed: number, kind: number, area: number, number: number): this {
    this.#a = number | 0;
    this.#b = Math.imul(area, 0x9e3779b1) ^ kind;
    this.#c = seed | 0;
    this.#count = 1;
    for (let round = 0; round < 12; round++) this.next();
    return this;
  }

  /** A whole number of 32 bits, without sign. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.fraction() * from.length)]!;
  }
}
