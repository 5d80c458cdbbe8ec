import { check } from "../../node/base/check.ts";
import type { Random } from "../../node/base/random.ts";

/** Small decisions of the generator, each from the seeded sequence handed in. */

export function chance(random: Random, probability: number): boolean {
  return random.fraction() < probability;
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random.fraction() * (high - low + 1));
}

export function pick<T>(random: Random, from: readonly T[]): T {
  check(from.length > 0, "there is something to pick from");
  return from[Math.floor(random.fraction() * from.length)]!;
}

/** One of several, each as likely as its weight. */
export function pickWeighted<T>(random: Random, from: readonly (readonly [T, number])[]): T {
  let left = random.fraction() * from.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of from) {
    left -= weight;
    if (left < 0) return value;
  }
  return from.at(-1)![0];
}

/** Several different ones, in the order of the list; all where there are not more. */
export function pickSome<T>(random: Random, from: readonly T[], count: number): T[] {
  const left = from.map((value, at) => ({ value, at, key: random.fraction() }));
  return left
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

export const DAY_MS = 86_400_000;

/** A day, `YYYY-MM-DD`, so many days before another. */
export function daysBefore(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);
}
