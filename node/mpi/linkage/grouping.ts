import type { Comparable } from "./comparable.ts";
import { isTelling, type Linker, type Obstacle, OTHER_NUMBERS_BITS } from "./linker.ts";
import type { LinkModel } from "./model.ts";

/** Most records that the machine puts into one group: more are somebody's mistake, and for a person to look at. */
export const GROUP_MAX = 100;

/** A pair that may link, the heaviest first in a list of them. */
export interface Edge {
  readonly one: number;
  readonly other: number;
  readonly weight: number;
  /** True where it may not by itself: it only says which others a record could belong to. */
  readonly barred: boolean;
}

export interface GroupingNeeds {
  readonly model: LinkModel;
  readonly linker: Linker;
  /** The bits from which a pair links. */
  readonly linkFrom: number;
  readonly recordAt: (index: number) => Comparable;
}

/**
 * Puts records into groups, one group a person: the strongest pair first, and two groups become one only if nothing between
 * any of their records speaks against it. Where a record could as well belong to another group, of somebody else, it is
 * left alone.
 *
 * @param edges of pairs that link and of those within the model's margin below, the heaviest first.
 * @returns of each record, the number of its group: the index of one of its records.
 */
export function groupRecords(records: number, edges: readonly Edge[], needs: GroupingNeeds): Uint32Array {
  const { model, linker, linkFrom, recordAt } = needs;
  const groupOf = Uint32Array.from({ length: records }, (_, index) => index);
  const groups = new Map<number, number[]>();
  const membersOf = (group: number): number[] => groups.get(group) ?? [group];
  const edgesOf = Map.groupBy(
    edges.flatMap((edge) => [
      { of: edge.one, to: edge.other, weight: edge.weight },
      { of: edge.other, to: edge.one, weight: edge.weight },
    ]),
    ({ of }) => of,
  );

  const obstacle = (one: number, other: number): Obstacle | undefined =>
    linker.obstacle(membersOf(one).map(recordAt), membersOf(other).map(recordAt));

  /** True where a record of `group` could as well be of a third group, which cannot be one with the other. */
  function couldBeElsewhere(group: number, other: number, weight: number): boolean {
    const thirds = new Set<number>();
    for (const member of membersOf(group)) {
      for (const edge of edgesOf.get(member) ?? []) {
        const third = groupOf[edge.to]!;
        if (third !== group && third !== other && edge.weight >= weight - model.marginBits) thirds.add(third);
      }
    }
    return [...thirds].some((third) => {
      const between = obstacle(other, third);
      return between !== undefined && isTelling(between) && obstacle(group, third) === undefined;
    });
  }

  for (const { one, other, weight, barred } of edges) {
    const [a, b] = [groupOf[one]!, groupOf[other]!];
    if (barred || weight < linkFrom || a === b) continue;
    if (membersOf(a).length + membersOf(b).length > GROUP_MAX) continue;
    const against = obstacle(a, b);
    if (against !== undefined && !(against === "other numbers" && weight >= linkFrom + OTHER_NUMBERS_BITS)) continue;
    if (couldBeElsewhere(a, b, weight) || couldBeElsewhere(b, a, weight)) continue;
    const together = [...membersOf(a), ...membersOf(b)];
    for (const member of membersOf(b)) groupOf[member] = a;
    groups.delete(b);
    groups.set(a, together);
  }
  return groupOf;
}
