import { FIRST_DAY, type Icb, type Succession, SUCCESSION_DAY, readIcbs, readSuccessions } from "./facts.ts";

/** A node of all England: whom it answers for, and where it stands. */
export interface EnglandNode {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  /** Name of the shared care record. */
  readonly record: string;
  readonly population: number;
  readonly adultsOnly: boolean;
  readonly ics: readonly DatedIcs[];
  /** Node ids. */
  readonly neighbours: readonly string[];
}

interface DatedIcs {
  readonly code: string;
  readonly name: string;
  readonly from: string;
  readonly to?: string;
  readonly successors?: readonly string[];
}

/** How the nodes stand: as the ICBs of 2022 were, or merged and split as they were in 2026. */
export type EnglandYear = 2022 | 2026;

/** It says of itself that it holds adults only. */
const ADULTS_ONLY_RECORD = "Collaborative Care Record";

/** The nodes of a year, in the order of the facts: 42, or 36. */
export function nodesOf(year: EnglandYear): readonly EnglandNode[] {
  const facts = { icbs: readIcbs(), successions: readSuccessions() };
  return year === 2022 ? nodes2022(facts) : nodes2026(facts);
}

interface Facts {
  readonly icbs: readonly Icb[];
  readonly successions: readonly Succession[];
}

/** Each ICB of 2022 keeps its node; from 2026 on it answers for its people under the new codes, several after a split. */
function nodes2022({ icbs, successions }: Facts): EnglandNode[] {
  return icbs.map((icb) => {
    const after = successions.filter(({ predecessor }) => predecessor === icb.code);
    const { node: id, name, region, record, population } = icb;
    const neighbours = icb.neighbours.map((code) => byCode(icbs, code).node);
    const ics = [asOf2022(icb, after), ...after.map(asOf2026)];
    return { id, name, region, record, population, ...{ adultsOnly: isAdultsOnly(record), ics, neighbours } };
  });
}

/** Successors are one node each, which answers for whoever asks by the codes before, too. */
function nodes2026({ icbs, successions }: Facts): EnglandNode[] {
  const ended = new Set(successions.map(({ predecessor }) => predecessor));
  /** The nodes to which an ICB of 2022 came. */
  const nodesAfter = (code: string): readonly string[] => {
    const after = successions.filter(({ predecessor }) => predecessor === code).map(({ node }) => node);
    return after.length > 0 ? after : [byCode(icbs, code).node];
  };
  const ids = new Set(icbs.flatMap(({ code }) => nodesAfter(code)));
  return [...ids].map((id) => {
    const before = icbs.filter(({ code }) => nodesAfter(code).includes(id));
    const kept = before.find(({ code, node }) => node === id && !ended.has(code));
    const took = successions.find(({ node }) => node === id);
    const { name } = kept ?? took!;
    const share = ({ code, population }: Icb): number => population / nodesAfter(code).length;
    const record = recordAfter(before, name);
    return {
      ...{ id, name, record, region: before[0]!.region },
      population: toTenThousands(before.reduce((sum, icb) => sum + share(icb), 0)),
      adultsOnly: isAdultsOnly(record),
      ics: [
        ...before.map((icb) =>
          asOf2022(
            icb,
            successions.filter(({ predecessor }) => predecessor === icb.code),
          ),
        ),
        ...(kept === undefined ? [asOf2026(took!)] : []),
      ],
      neighbours: [...new Set(before.flatMap(({ neighbours }) => neighbours).flatMap(nodesAfter))].filter(
        (neighbour) => neighbour !== id,
      ),
    };
  });
}

/** Several records do not become one on the day on which their boards do: of such an area no name is known. */
function recordAfter(before: readonly Icb[], name: string): string {
  const records = new Set(before.map(({ record }) => record));
  if (records.size === 1) return before[0]!.record;
  return before.find((icb) => icb.name === name)?.record ?? `Shared care records of ${name}`;
}

function asOf2022({ code, name }: Icb, after: readonly Succession[]): DatedIcs {
  if (after.length === 0) return { code, name, from: FIRST_DAY };
  return { code, name, from: FIRST_DAY, to: SUCCESSION_DAY, successors: after.map(({ successor }) => successor) };
}

/** Of one that took others over, the code is older than that day. */
function asOf2026({ successor, name }: Succession): DatedIcs {
  return { code: successor, name, from: SUCCESSION_DAY };
}

function byCode(icbs: readonly Icb[], code: string): Icb {
  return icbs.find((icb) => icb.code === code)!;
}

function isAdultsOnly(record: string): boolean {
  return record === ADULTS_ONLY_RECORD;
}

function toTenThousands(people: number): number {
  return Math.round(people / 10_000) * 10_000;
}
