import type { Comparable } from "./comparable.ts";
import type { Frequencies } from "./frequencies.ts";
import { type Comparison, compare, levelOf } from "./levels.ts";
import type { LinkModel } from "./model.ts";
import { weightOf } from "./score.ts";
import { haveOtherBirthDates, lacksProof, type Veto, vetoOf } from "./vetoes.ts";

/** Two records, compared. */
export interface Pair {
  readonly comparison: Comparison;
  /** Bits for or against. */
  readonly weight: number;
  readonly veto: Veto | undefined;
  /** No link by itself, whatever its weight: see {@link lacksProof}. */
  readonly lacksProof: boolean;
}

/** What stands against two groups of records' being one person, though a pair between them would link. */
export type Obstacle = Veto | "other birth dates" | "other numbers" | "little in common on average";

/** Obstacles that say that the two are two, rather than that too little is known. */
const TELLING: ReadonlySet<Obstacle> = new Set<Obstacle>([
  "two verified numbers",
  "given name and sex differ",
  "same birth and household, other given name",
  "other numbers",
]);

export interface Linker {
  pair(one: Comparable, other: Comparable): Pair;
  /** Judges a person as a whole: every record of the one against every record of the other. */
  obstacle(ones: readonly Comparable[], others: readonly Comparable[]): Obstacle | undefined;
}

/** Bits beyond those that link, for two persons who have numbers and none in common. */
export const OTHER_NUMBERS_BITS = 20;

/** Fewest people that a set of records is thought to be drawn from: a small file is a part of a large place. */
const PEOPLE_MIN = 1_024;

/**
 * The bits from which a pair links, among so many records: the more there are, the more agree by chance, so that the odds
 * of a pair before it is compared fall with their number.
 */
export function linkFrom(model: LinkModel, records: number): number {
  return Math.log2(Math.max(PEOPLE_MIN, records)) + model.linkBits;
}

export function isTelling(obstacle: Obstacle): boolean {
  return TELLING.has(obstacle);
}

export function makeLinker(model: LinkModel, frequencies: Frequencies): Linker {
  const known = new Set(Object.keys(model.common.given));
  const isKnownName = (name: string): boolean => known.has(name);

  function pair(one: Comparable, other: Comparable): Pair {
    const comparison = compare(one, other, isKnownName);
    return {
      comparison,
      weight: weightOf(one, other, comparison, model, frequencies),
      veto: vetoOf(one, other, comparison),
      lacksProof: lacksProof(one, other, comparison),
    };
  }

  /** True where a person of these records is known by the given name of that one: so it is no twin's. */
  function goesBy(records: readonly Comparable[], { given }: Comparable): boolean {
    return records.some((record) => record.given === given);
  }

  function obstacle(ones: readonly Comparable[], others: readonly Comparable[]): Obstacle | undefined {
    let [sum, dated, otherDates, numbered, sharesNumber] = [0, 0, 0, false, false];
    for (const one of ones) {
      for (const other of others) {
        const { comparison, weight, veto } = pair(one, other);
        if (veto === TWINS && (goesBy(ones, other) || goesBy(others, one))) continue;
        if (veto !== undefined) return veto;
        sum += weight;
        if (comparison.birth !== undefined) dated++;
        if (haveOtherBirthDates(one, other, comparison)) otherDates++;
        if (comparison.number !== undefined) numbered = true;
        if (comparison.number !== undefined && comparison.number <= NUMBER_SLIP) sharesNumber = true;
      }
    }
    if (otherDates * 2 > dated) return "other birth dates";
    if (sum / (ones.length * others.length) < model.meanBits) return "little in common on average";
    return numbered && !sharesNumber ? "other numbers" : undefined;
  }

  return { pair, obstacle };
}

const TWINS = "same birth and household, other given name" satisfies Veto;
const NUMBER_SLIP = levelOf("number", "slip");
