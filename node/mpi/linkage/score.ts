import type { Comparable } from "./comparable.ts";
import type { Frequencies, WeighedField } from "./frequencies.ts";
import { type Comparison, FIELDS, type Field, LEVELS, levelOf } from "./levels.ts";
import type { LinkModel } from "./model.ts";

/** What a comparison says, in bits for (above 0) or against (below) the two records' being one person's. */
export interface PairScore {
  readonly weight: number;
  /** Only the fields that both records have; never a value. */
  readonly fields: readonly FieldScore[];
}

export interface FieldScore {
  readonly field: Field;
  readonly level: string;
  readonly weight: number;
}

/** Fellegi and Sunter (1969); equal names and places by how common they are (Winkler 1989). */
export function weightOf(
  one: Comparable,
  other: Comparable,
  comparison: Comparison,
  { fields }: LinkModel,
  frequencies: Frequencies,
): number {
  let weight = 0;
  for (const field of FIELDS) {
    const level = comparison[field];
    if (level !== undefined) weight += bitsOf(field, level, [one, other], fields[field], frequencies);
  }
  return weight;
}

/** {@link weightOf}, field by field. */
export function scorePair(
  one: Comparable,
  other: Comparable,
  comparison: Comparison,
  model: LinkModel,
  frequencies: Frequencies,
): PairScore {
  const fields = FIELDS.flatMap((field): FieldScore[] => {
    const level = comparison[field];
    if (level === undefined) return [];
    const weight = bitsOf(field, level, [one, other], model.fields[field], frequencies);
    return [{ field, level: LEVELS[field][level] ?? "", weight }];
  });
  return { weight: fields.reduce((sum, { weight }) => sum + weight, 0), fields };
}

type Two = readonly [Comparable, Comparable];

function bitsOf(
  field: Field,
  level: number,
  two: Two,
  { m, u }: LinkModel["fields"][Field],
  frequencies: Frequencies,
): number {
  return Math.log2((m[level] ?? 1) / chanceOf(field, level, two, u[level] ?? 1, frequencies));
}

/** How likely two people's records agree so by chance. */
function chanceOf(field: Field, level: number, two: Two, chance: number, frequencies: Frequencies): number {
  // The commoner of the two: equal values may be spelt in two ways, and swapped names stand in each other's field.
  const share = (of: WeighedField): number => Math.max(...two.map((record) => frequencies.shareOf(of, record[of])));
  if (field === "given" && level === 0) return share("given");
  if (field === "family" && level === 0) return share("family");
  if (field !== "place") return chance;
  if (level === SAME_POSTCODE) return Math.max(chance, share("postcode"));
  return level === SAME_TOWN ? share("locality") : chance;
}

const SAME_POSTCODE = levelOf("place", "same postcode");
const SAME_TOWN = levelOf("place", "same town");
