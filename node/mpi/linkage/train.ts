import { seededRandom } from "../../base/random.ts";
import { Blocks } from "./blocks.ts";
import type { Comparable } from "./comparable.ts";
import { blockKeys, type KeyKind } from "./keys.ts";
import { compare, type Comparison, type Field, FIELDS, LEVELS } from "./levels.ts";
import type { FieldModel, LinkModel } from "./model.ts";

/** Pairs drawn at random, for u. */
const RANDOM_PAIRS = 500_000;
/** Most pairs of one blocking. */
const BLOCKED_PAIRS_MAX = 500_000;
/** Fewest pairs from which a blocking says anything. */
const BLOCKED_PAIRS_MIN = 100;
const ROUNDS_MAX = 100;
/** The change of every m at which the rounds end. */
const SETTLED = 1e-5;
/** Nothing is impossible: a level that was never seen is this rare. */
const RAREST = 1e-6;
/** Share of a blocking's pairs that are one person's, to begin with. */
const FIRST_SHARE = 0.3;

/**
 * The blockings by which m is found, each with the fields that its pairs share by being in it: those say nothing there. No
 * field is in all of them.
 */
const BLOCKINGS: readonly { readonly kind: KeyKind; readonly shared: readonly Field[] }[] = [
  { kind: "name-birth", shared: ["given", "family", "order", "birth"] },
  { kind: "postcode-birth", shared: ["place", "birth"] },
  { kind: "names-year", shared: ["given", "family", "order", "birth"] },
  { kind: "name-postcode", shared: ["given", "family", "order", "place"] },
  { kind: "names-place", shared: ["given", "family", "order", "place"] },
  { kind: "number", shared: ["number"] },
  { kind: "other-id", shared: ["otherId"] },
  { kind: "email", shared: ["email"] },
];

/** What training saw; figures only. */
export interface Training {
  readonly model: LinkModel;
  readonly records: number;
  /** Of each blocking that had pairs enough: its pairs, and the share of them that it takes for one person's. */
  readonly blockings: readonly { readonly kind: KeyKind; readonly pairs: number; readonly share: number }[];
}

/**
 * Finds m and u for records of which nobody knows whose they are: u from random pairs, m by expectation maximisation over
 * several blockings (Winkler 1988), each field's averaged over those that do not fix it. What no record has stays as it is
 * in `base`, and so do the thresholds and the common names.
 *
 * @param seed draws the random pairs: the same records and seed give the same model.
 */
export function train(records: readonly Comparable[], base: LinkModel, version: string, seed: number): Training {
  const isKnownName = knownNames(base);
  const u = countLevels(randomPairs(records, seed, isKnownName));
  const blockings = BLOCKINGS.flatMap(({ kind, shared }) => {
    const comparisons = blockedPairs(records, kind, isKnownName);
    if (comparisons.length < BLOCKED_PAIRS_MIN) return [];
    const fields = FIELDS.filter((field) => !shared.includes(field));
    return [{ kind, fields, pairs: comparisons.length, ...maximise(comparisons, fields, u) }];
  });

  const fields = Object.fromEntries(
    FIELDS.map((field): [Field, FieldModel] => {
      const found = blockings.filter((blocking) => blocking.fields.includes(field) && blocking.m[field] !== undefined);
      const weights = found.map(({ pairs, share }) => pairs * share);
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      const chance = u[field];
      if (all === 0 || chance === undefined) return [field, base.fields[field]];
      const m = LEVELS[field].map((_, level) =>
        found.reduce((sum, blocking, at) => sum + (weights[at]! / all) * blocking.m[field]![level]!, 0),
      );
      return [field, { m: m.map(rounded), u: chance.map(rounded) }];
    }),
  ) as Record<Field, FieldModel>;
  return {
    model: { ...base, version, fields },
    records: records.length,
    blockings: blockings.map(({ kind, pairs, share }) => ({ kind, pairs, share })),
  };
}

type Shares = { readonly [F in Field]?: readonly number[] };

function knownNames({ common }: LinkModel): (name: string) => boolean {
  const names = new Set(Object.keys(common.given));
  return (name) => names.has(name);
}

function randomPairs(
  records: readonly Comparable[],
  seed: number,
  isKnownName: (name: string) => boolean,
): Comparison[] {
  if (records.length < 2) return [];
  const { fraction } = seededRandom(seed);
  const any = (): Comparable => records[Math.floor(fraction() * records.length)]!;
  return Array.from({ length: Math.min(RANDOM_PAIRS, records.length ** 2) }, () => [any(), any()] as const)
    .filter(([one, other]) => one !== other)
    .map(([one, other]) => compare(one, other, isKnownName));
}

function blockedPairs(
  records: readonly Comparable[],
  kind: KeyKind,
  isKnownName: (name: string) => boolean,
): Comparison[] {
  const blocks = new Blocks();
  for (const [at, record] of records.entries()) {
    const keys = blockKeys(record).filter((key) => key.kind === kind);
    blocks.add(
      at,
      keys.map(({ key }) => key),
    );
  }
  const comparisons: Comparison[] = [];
  blocks.forEachPair(records.length, (one, other) => {
    if (comparisons.length < BLOCKED_PAIRS_MAX) comparisons.push(compare(records[one]!, records[other]!, isKnownName));
  });
  return comparisons;
}

/** Of each field, the share of pairs at each of its levels; absent where no pair has the field. */
function countLevels(comparisons: readonly Comparison[], weightOf: (at: number) => number = () => 1): Shares {
  const counts = Object.fromEntries(FIELDS.map((field) => [field, LEVELS[field].map(() => 0)])) as Record<
    Field,
    number[]
  >;
  for (const [at, comparison] of comparisons.entries()) {
    const weight = weightOf(at);
    for (const field of FIELDS) {
      const level = comparison[field];
      if (level !== undefined) counts[field][level]! += weight;
    }
  }
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const all = counts[field].reduce((sum, count) => sum + count, 0);
      return all === 0 ? [] : [[field, counts[field].map((count) => Math.max(RAREST, count / all))]];
    }),
  );
}

/** Expectation and maximisation in turn, until nothing changes: m of the fields, and the share of one person's pairs. */
function maximise(
  comparisons: readonly Comparison[],
  fields: readonly Field[],
  u: Shares,
): { m: Shares; share: number } {
  let m: Shares = Object.fromEntries(fields.map((field) => [field, firstGuess(field)]));
  let share = FIRST_SHARE;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const odds = comparisons.map((comparison) => oddsOf(comparison, fields, m, u) * (share / (1 - share)));
    const chance = odds.map((each) => (each === Infinity ? 1 : each / (1 + each)));
    const next = countLevels(comparisons, (at) => chance[at]!);
    share = Math.min(0.999, Math.max(0.001, chance.reduce((sum, each) => sum + each, 0) / chance.length));
    const change = Math.max(
      ...fields.flatMap((field) => (next[field] ?? []).map((each, level) => Math.abs(each - (m[field]?.[level] ?? 0)))),
    );
    m = next;
    if (change < SETTLED) break;
  }
  return { m, share };
}

/** Nearly always the same; every other level a little less likely than the one before. */
function firstGuess(field: Field): number[] {
  const levels = LEVELS[field].length;
  return LEVELS[field].map((_, level) => (level === 0 ? 0.9 : 0.1 / (levels - 1)));
}

function oddsOf(comparison: Comparison, fields: readonly Field[], m: Shares, u: Shares): number {
  let odds = 1;
  for (const field of fields) {
    const level = comparison[field];
    if (level !== undefined) odds *= (m[field]?.[level] ?? 1) / (u[field]?.[level] ?? 1);
  }
  return odds;
}

function rounded(share: number): number {
  return Number(Math.min(0.9999, Math.max(RAREST, share)).toPrecision(4));
}
