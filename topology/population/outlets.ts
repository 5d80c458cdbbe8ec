import type { RecordTypeKey } from "../../node/base/record-types.ts";
import type { NodeId } from "../../node/base/words.ts";
import { hostOf } from "../people/records.ts";
import { feedCarries, feedsInto, takesLoads, type Topology } from "../topology.ts";
import { type AgeBand, type ProviderType, RECORDS_OF } from "./frequencies.ts";

/** A provider's feed into one node, as far as it brings anything: a feed that is not `feeding` brings nothing. */
export interface Outlet {
  /** Number of the area whose node it feeds. */
  readonly area: number;
  readonly node: NodeId;
  readonly code: string;
  readonly type: ProviderType;
  /** Name in the addresses of its records. */
  readonly host: string;
  /** Counts the providers of the topology. */
  readonly number: number;
  readonly ages: { readonly from: number; readonly to: number };
  /** Cares for children and for women in childbirth alone. */
  readonly womenAndChildren: boolean;
  /** Types that it brings, with how likely, for each band of ages. */
  readonly records: Readonly<Record<AgeBand, readonly { readonly type: RecordTypeKey; readonly likely: number }[]>>;
}

/** The outlets of an area, by kind of provider. */
export type Outlets = Readonly<Record<ProviderType, readonly Outlet[]>>;

/** The outlets of each area of a topology, in the order of its nodes. */
export function makeOutlets(topology: Topology): Outlets[] {
  return topology.nodes.map((node, area) => {
    const all = feedsInto(topology, node.id)
      .filter(({ feed }) => takesLoads(feed))
      .map(({ provider, feed }): Outlet => {
        const likely = Object.entries(RECORDS_OF[provider.type]) as [RecordTypeKey, readonly number[]][];
        const carried = likely.filter(([type]) => feedCarries(feed, type));
        const ofBand = (band: AgeBand) =>
          carried.map(([type, shares]) => ({ type, likely: shares[band]! })).filter((each) => each.likely > 0);
        return {
          area,
          node: node.id,
          code: provider.code,
          type: provider.type,
          host: hostOf(provider.code),
          number: topology.providers.indexOf(provider),
          ages: {
            from: Math.max(node.ages.from, feed.ages?.from ?? 0),
            to: Math.min(node.ages.to ?? Infinity, feed.ages?.to ?? Infinity),
          },
          womenAndChildren: /\bwomen\W*s? and children/i.test(provider.name),
          records: { 0: ofBand(0), 1: ofBand(1), 2: ofBand(2) },
        };
      });
    const byKind = Object.keys(RECORDS_OF).map((kind) => [kind, all.filter(({ type }) => type === kind)] as const);
    return Object.fromEntries(byKind) as Record<ProviderType, Outlet[]>;
  });
}
