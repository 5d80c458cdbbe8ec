import { PLACES, STREETS, STREET_KINDS } from "../people/places.ts";
import type { Topology, TopologyNode } from "../topology.ts";
import { COMMUNITIES, type CommunityName } from "./communities.ts";
import type { Draws } from "./draws.ts";
import { Weighted } from "./weighted.ts";

export interface Address {
  readonly line1: string;
  readonly line2: string;
  readonly locality: string;
  readonly postcode: string;
}

/** Where the people of one node live, who they are, and where they also go. */
export interface Area {
  /** Its place in the topology's list of nodes. */
  readonly number: number;
  readonly node: TopologyNode;
  readonly communities: Weighted<CommunityName>;
  readonly towns: readonly Town[];
  /** Numbers of other areas, the likelier ones more often; itself where there is no other. */
  readonly neighbours: readonly number[];
}

interface Town {
  readonly name: string;
  readonly districts: readonly string[];
}

/**
 * Shares of the communities in the Census of 2021, in per cent, rounded, and with people of several groups among those
 * whose names they mostly carry. The first is England's, for areas that are not listed.
 */
const ENGLAND: Readonly<Record<CommunityName, number>> = {
  british: 75,
  irish: 1.2,
  traveller: 0.3,
  european: 3.3,
  polish: 1.6,
  romanian: 1.1,
  ukrainian: 0.3,
  pakistani: 3,
  bangladeshi: 1.2,
  punjabi: 1.6,
  gujarati: 1.4,
  tamil: 1.3,
  afghan: 0.4,
  chinese: 0.8,
  vietnamese: 0.2,
  filipino: 0.5,
  nigerian: 1.5,
  ghanaian: 0.7,
  somali: 0.7,
  eritrean: 0.3,
  caribbean: 1.6,
  arab: 0.9,
  kurdish: 0.4,
};

const WEST_MIDLANDS: Readonly<Record<string, Partial<Record<CommunityName, number>>>> = {
  "wm-bsol": {
    ...{ british: 50, irish: 2.2, european: 2.4, polish: 1.2, romanian: 1.2, pakistani: 15.5, bangladeshi: 3.8 },
    ...{ punjabi: 4, gujarati: 1.5, tamil: 1.4, afghan: 1, chinese: 1.1, vietnamese: 0.3, nigerian: 2.6, ghanaian: 1 },
    ...{ somali: 2, eritrean: 1, caribbean: 4.8, arab: 2.2, kurdish: 1.1 },
  },
  "wm-cw": {
    ...{ british: 75, irish: 1.9, european: 3, polish: 2.4, romanian: 1.8, pakistani: 1.6, bangladeshi: 0.7 },
    ...{ punjabi: 4.5, gujarati: 1.6, tamil: 1.2, afghan: 0.5, chinese: 0.9, nigerian: 2, ghanaian: 0.8, somali: 0.4 },
    ...{ eritrean: 0.5, caribbean: 1, arab: 0.6, kurdish: 0.4 },
  },
  "wm-hw": {
    ...{ british: 91.3, irish: 0.6, european: 1.8, polish: 1.5, romanian: 1.2, pakistani: 1.2, bangladeshi: 0.3 },
    ...{
      punjabi: 0.4,
      gujarati: 0.2,
      tamil: 0.4,
      traveller: 0.4,
      chinese: 0.3,
      nigerian: 0.3,
      caribbean: 0.4,
      arab: 0.1,
    },
  },
  "wm-bc": {
    ...{ british: 66.5, irish: 0.7, european: 1.5, polish: 1.5, romanian: 1.5, pakistani: 5.2, bangladeshi: 1.8 },
    ...{
      punjabi: 10.5,
      gujarati: 1.2,
      tamil: 0.6,
      afghan: 0.6,
      chinese: 0.4,
      nigerian: 1.8,
      ghanaian: 0.8,
      somali: 0.5,
    },
    ...{ caribbean: 4.4, arab: 0.6, kurdish: 0.7, traveller: 0.2 },
  },
  "wm-stw": {
    ...{ british: 92, irish: 0.5, european: 1.6, polish: 1.5, romanian: 0.9, pakistani: 0.7, punjabi: 1.1 },
    ...{ gujarati: 0.2, tamil: 0.3, chinese: 0.3, nigerian: 0.6, caribbean: 0.4, traveller: 0.2 },
  },
  "wm-sst": {
    ...{ british: 88.5, irish: 0.5, european: 1.5, polish: 1.4, romanian: 0.8, pakistani: 3, bangladeshi: 0.4 },
    ...{
      punjabi: 0.6,
      gujarati: 0.3,
      tamil: 0.5,
      afghan: 0.2,
      chinese: 0.3,
      nigerian: 0.6,
      caribbean: 0.6,
      kurdish: 0.4,
    },
  },
};

/** The areas of a topology, in its order. */
export function makeAreas(topology: Topology): Area[] {
  const ids = topology.nodes.map(({ id }) => id as string);
  return topology.nodes.map((node, number) => {
    const known = Object.hasOwn(PLACES, node.id) ? PLACES[node.id as string as keyof typeof PLACES] : undefined;
    const shares = Object.entries({ ...ENGLAND, ...only(WEST_MIDLANDS[node.id]) }) as [CommunityName, number][];
    const listed = (known?.neighbours ?? []).map((id) => ids.indexOf(id)).filter((at) => at !== -1);
    const others = ids.map((_, at) => at).filter((at) => at !== number);
    return {
      number,
      node,
      communities: new Weighted(
        shares.map(([name]) => name),
        shares.map(([, share]) => share),
      ),
      towns: known?.towns ?? [{ name: node.name, districts: inventedDistricts(number) }],
      neighbours: [listed, others, [number]].find((some) => some.length > 0)!,
    };
  });
}

/** A listed area has the communities that it lists, and a trace of each of the others. */
function only(listed: Partial<Record<CommunityName, number>> | undefined): Partial<Record<CommunityName, number>> {
  if (listed === undefined) return {};
  const traces = Object.keys(COMMUNITIES).map((name) => [name, 0.05] as const);
  return { ...Object.fromEntries(traces), ...listed };
}

/** No postcode area begins with V. */
function inventedDistricts(area: number): string[] {
  const letter = INWARD_LETTERS[area % INWARD_LETTERS.length]!;
  return Array.from({ length: 20 }, (_, at) => `V${letter}${20 * Math.floor(area / INWARD_LETTERS.length) + at + 1}`);
}

/** The letters that inward codes use: never C, I, K, M, O or V. */
export const INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ";

/** Streets of a district: a postcode has one street, and a street in one district one postcode or a few. */
const UNITS = 4_000;

const HOUSES_MAX = 120;

export function makeAddress(draws: Draws, area: Area, kind: "house" | "care-home"): Address {
  const town = draws.pick(area.towns);
  const district = draws.pick(town.districts);
  const unit = Math.floor(draws.fraction() * UNITS);
  const road = streetOf(unit, district);
  const street = `${draws.between(1, HOUSES_MAX)} ${road}`;
  const flat =
    kind === "care-home"
      ? `${draws.pick(STREETS)} House Care Home`
      : draws.chance(0.12)
        ? `Flat ${draws.between(1, 24)}`
        : "";
  return {
    line1: flat === "" ? street : flat,
    line2: flat === "" ? "" : street,
    locality: town.name,
    postcode: `${district} ${inwardOf(unit)}`,
  };
}

function inwardOf(unit: number): string {
  const letters = unit % 400;
  return `${Math.floor(unit / 400)}${INWARD_LETTERS[Math.floor(letters / 20)]}${INWARD_LETTERS[letters % 20]}`;
}

function streetOf(unit: number, district: string): string {
  const mixed =
    (Math.imul(unit + 1, 0x9e3779b1) ^ Math.imul(district.charCodeAt(district.length - 1), 0x85ebca6b)) >>> 0;
  return `${STREETS[mixed % STREETS.length]} ${STREET_KINDS[Math.floor(mixed / 64) % STREET_KINDS.length]}`;
}
