import type { Topology } from "../topology.ts";

/** The people of each node at a scale: 1 makes as many as each node serves. */
export function peopleAtScale({ nodes }: Topology, scale: number): number[] {
  return nodes.map(({ population }) => Math.round(population * scale));
}

/** So many people in all, spread over the nodes as their populations are; what rounding leaves over goes to the first. */
export function peopleInAll({ nodes }: Topology, people: number): number[] {
  const all = nodes.reduce((sum, { population }) => sum + population, 0);
  if (all === 0) return nodes.map(() => 0);
  const counts = nodes.map(({ population }) => Math.floor((people * population) / all));
  const left = people - counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, at) => (at < left ? count + 1 : count));
}
