import type { Comparable } from "./comparable.ts";
import type { GroupingNeeds } from "./grouping.ts";
import { levelOf } from "./levels.ts";

/** Fewest records of a source of which it can be said whom it covers. */
const RECORDS_MIN = 1_000;
/** The share of both sources' records that must have been linked one to one before the rest is looked at. */
const COVERED_MIN = 0.98;

/**
 * Two sources that have the same people, each once, as two registers of one place do: where nearly all of their records
 * have been linked one to one, the few that are left over are each other's, and far less must agree to say whose. The prior
 * odds of a pair are one in as many as are left, no longer one in all; and twins who look alike would each have a record of
 * their own in both. Nothing of this holds for sources that have some people only, or some twice: they are left alone.
 *
 * @param groupOf of each record its group; changed in place.
 * @param sources of each record the number of its source.
 */
export function linkLeftovers(groupOf: Uint32Array, sources: readonly number[], needs: GroupingNeeds): void {
  const pair = sameCoverage(groupOf, sources);
  if (pair === undefined) return;
  const [ones, others] = pair;
  const { linker, model, recordAt } = needs;
  const from = Math.log2(Math.max(ones.length, others.length)) + model.linkBits;
  const hasTwin = makeHasTwin(groupOf.length, needs);

  const edges = ones.flatMap((one) =>
    others.map((other) => {
      const { weight, veto } = linker.pair(recordAt(one), recordAt(other));
      const isVetoed = veto !== undefined && veto !== "same birth and household, other given name";
      const mayBeTwins = veto !== undefined && (hasTwin(one, other) || hasTwin(other, one));
      return { one, other, weight, isLink: weight >= from && !isVetoed && !mayBeTwins };
    }),
  );
  const bestOf = new Map<number, number>();
  for (const { one, other, weight } of edges) {
    for (const record of [one, other]) bestOf.set(record, Math.max(bestOf.get(record) ?? -Infinity, weight));
  }
  for (const { one, other, weight, isLink } of edges) {
    if (isLink && weight === bestOf.get(one) && weight === bestOf.get(other)) groupOf[other] = groupOf[one]!;
  }
}

/** The leftovers of the two sources there are, if they have the same people; otherwise nothing. */
function sameCoverage(groupOf: Uint32Array, sources: readonly number[]): [number[], number[]] | undefined {
  const sizes = [0, 0];
  for (const source of sources) {
    if (source > 1) return undefined;
    sizes[source]!++;
  }
  const [a = 0, b = 0] = sizes;
  if (Math.min(a, b) < RECORDS_MIN) return undefined;
  const members = new Map<number, number[]>();
  for (const [record, group] of groupOf.entries()) {
    const of = members.get(group);
    if (of === undefined) members.set(group, [record]);
    else of.push(record);
  }
  const left: [number[], number[]] = [[], []];
  let covered = 0;
  for (const [one, other, ...more] of members.values()) {
    if (more.length > 0) return undefined;
    if (other === undefined) left[sources[one!] === 0 ? 0 : 1].push(one!);
    else if (sources[one!] === sources[other]) return undefined;
    else covered++;
  }
  return covered >= COVERED_MIN * Math.max(a, b) ? left : undefined;
}

/** Says of a record whether another of its birth date and household is there, but for one: a twin with a record of their own. */
function makeHasTwin(records: number, { linker, recordAt }: GroupingNeeds) {
  const birthOf = ({ year, month, day }: Comparable): string => `${year}-${month}-${day}`;
  const byBirth = Map.groupBy(
    Array.from({ length: records }, (_, record) => record),
    (record) => birthOf(recordAt(record)),
  );
  return (record: number, but: number): boolean => {
    const own = recordAt(record);
    return (byBirth.get(birthOf(own)) ?? []).some((third) => {
      if (third === record || third === but) return false;
      const { place = 9 } = linker.pair(own, recordAt(third)).comparison;
      return place <= MUCH_THE_SAME_ADDRESS;
    });
  };
}

const MUCH_THE_SAME_ADDRESS = levelOf("place", "much the same address");
