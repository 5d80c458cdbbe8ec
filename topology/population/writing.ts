import type { Draws } from "./draws.ts";
import type { Outlet } from "./outlets.ts";
import type { Person } from "./person.ts";
import { PRACTICE_SHARE } from "./rates.ts";

/** What is decided once about one provider's record of one person. */
export interface Writing {
  readonly draws: Draws;
  readonly person: Person;
  readonly outlet: Outlet;
  /** A practice looks people up, and makes few of the mistakes of others. */
  readonly practice: boolean;
  /** Met in the first weeks of life, by somebody else than a practice. */
  readonly newborn: boolean;
  /** Brought in without anything known. */
  readonly unknown: boolean;
}

/** True as often as systems make a mistake. */
export function happens({ draws, practice }: Writing, rate: number): boolean {
  return draws.chance(practice ? rate * PRACTICE_SHARE : rate);
}
