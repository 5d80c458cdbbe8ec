import { check } from "../../node/base/check.ts";
import { checkDigit } from "../../node/base/nhs-number.ts";

/** A way to give each number of a range another one of the same range, by a seed; no two share one (a Feistel network). */
type Shuffle = (number: number) => number;

const ROUNDS = 4;

/** Shuffles the numbers from 0 up to, not including, `high * low`. */
export function makeShuffle(seed: number, high: number, low: number): Shuffle {
  return (number) => {
    check(number >= 0 && number < high * low, "the number is in the range that is shuffled");
    let left = Math.floor(number / low);
    let right = number % low;
    for (let round = 0; round < ROUNDS; round += 2) {
      left = (left + scramble(seed, round, right)) % high;
      right = (right + scramble(seed, round + 1, left)) % low;
    }
    return left * low + right;
  };
}

function scramble(seed: number, round: number, half: number): number {
  let mixed = Math.imul(half + 1, 0x85ebca6b) ^ Math.imul(seed + round + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** As many people can be told apart; half of the numbers are kept for a person's second one. */
export const PEOPLE_MAX = 22_000_000;

/**
 * First nine digits of the first number given out. The range that is never issued begins at 900 000 0000; below 912 are the
 * documented people of the cast and the numbers that national test services know.
 */
const NINE_DIGITS_FROM = 912_000_000;

/**
 * NHS numbers of a population, without a memory of those given out: each person owns two neighbouring numbers, of which at
 * least one has a check digit, and the first such is theirs.
 */
export class Numbers {
  readonly #pairs: Shuffle;
  readonly #locals: Shuffle;
  readonly #addresses: Shuffle;

  constructor(seed: number) {
    this.#pairs = makeShuffle(seed, 5_500, 8_000);
    this.#locals = makeShuffle(seed ^ 0x5bd1e995, 10_000, 10_000);
    this.#addresses = makeShuffle(seed ^ 0x27d4eb2f, 10_000, 10_000);
  }

  /** @param person from 0 up to, not including, {@link PEOPLE_MAX}. */
  nhsNumber(person: number): string {
    return firstNumber(NINE_DIGITS_FROM + 2 * this.#pairs(person));
  }

  /** The number that a person had before, where two were given to one. */
  earlierNhsNumber(person: number): string {
    return firstNumber(NINE_DIGITS_FROM + 2 * this.#pairs(PEOPLE_MAX + person));
  }

  /** Eight digits for a provider's own id of a person: too few to be read as an NHS number. */
  localDigits(provider: number, person: number): string {
    return eightDigits(this.#locals, provider, person);
  }

  /** Eight other digits for the addresses of a person's records there, so that no address holds an id of the patient. */
  addressDigits(provider: number, person: number): string {
    return eightDigits(this.#addresses, provider, person);
  }
}

const EIGHT_DIGITS = 100_000_000;

/** Each provider begins elsewhere, so that one person's ids are not alike. */
function eightDigits(shuffle: Shuffle, provider: number, person: number): string {
  return String(shuffle((person + provider * 12_345_677) % EIGHT_DIGITS)).padStart(8, "0");
}

/** Two neighbours differ in a digit of weight 2, so that never both lack a check digit (Modulus 11). */
function firstNumber(evenNine: number): string {
  return withCheckDigit(evenNine) ?? withCheckDigit(evenNine + 1)!;
}

/** The ten digits of a number; `undefined` where its check digit would be 10. */
export function withCheckDigit(nine: number): string | undefined {
  const digits = String(nine);
  const digit = checkDigit(digits);
  return digit === 10 ? undefined : `${digits}${digit}`;
}
