import { readFileSync } from "node:fs";

import { parse, stringify } from "yaml";

/** Of a topology file, what a part of it must keep whole. */
interface TopologyFile {
  readonly network: unknown;
  readonly collaboratives: readonly { id: string }[];
  readonly nodes: readonly { id: string; region: string; collaborative: string; neighbours: string[] }[];
  readonly providers: readonly { code: string; feeds: readonly { node: string }[] }[];
  readonly agreements: readonly { members: string[]; controllers: readonly { code: string }[] }[];
}

/** The text of a topology with the nodes of some regions alone, and what belongs to them. */
export function regionsOf(path: string, regions: readonly string[]): string {
  const whole = parse(readFileSync(path, "utf8")) as TopologyFile;
  const nodes = whole.nodes.filter(({ region }) => regions.includes(region));
  const isIn = (id: string): boolean => nodes.some((node) => node.id === id);
  const providers = whole.providers.filter(({ feeds }) => feeds.some(({ node }) => isIn(node)));
  const feeds = new Set(providers.map(({ code }) => code));
  return stringify({
    ...whole,
    collaboratives: whole.collaboratives.filter(({ id }) => nodes.some(({ collaborative }) => collaborative === id)),
    nodes: nodes.map((node) => ({ ...node, neighbours: node.neighbours.filter(isIn) })),
    providers,
    agreements: whole.agreements
      .map((agreement) => ({
        ...agreement,
        members: agreement.members.filter(isIn),
        controllers: agreement.controllers.filter(({ code }) => feeds.has(code)),
      }))
      .filter(({ members }) => members.length > 1),
  });
}
