import { readFileSync } from "node:fs";

import { parse } from "csv-parse/sync";

/** An integrated care board as it was from 1 July 2022 on. */
export interface Icb {
  readonly code: string;
  /** Id of the node that answers for it; opaque. */
  readonly node: string;
  /** Without "NHS" and "Integrated Care Board". */
  readonly name: string;
  readonly region: string;
  /** Registered patients, an estimate rounded to 10,000. */
  readonly population: number;
  /** Name of the shared care record. */
  readonly record: string;
  /** Codes of those that it has a border with. */
  readonly neighbours: readonly string[];
}

/** What became of an ICB, or of a part of it, on {@link SUCCESSION_DAY}. */
export interface Succession {
  readonly predecessor: string;
  readonly successor: string;
  /** Of the successor. */
  readonly name: string;
  /** Id of the node that answers for the successor where nodes follow the ICBs. */
  readonly node: string;
}

export const FIRST_DAY = "2022-07-01";
export const SUCCESSION_DAY = "2026-04-01";

/** The 42 ICBs of 2022. */
export function readIcbs(): readonly Icb[] {
  return rowsOf("icbs.csv").map(({ code, node, name, region, population, record, neighbours }) => ({
    ...{ code: code!, node: node!, name: name!, region: region!, record: record! },
    population: Number(population),
    neighbours: neighbours!.split(" "),
  }));
}

/** The 16 successions of April 2026: mergers, splits and one acquisition. */
export function readSuccessions(): readonly Succession[] {
  return rowsOf("succession.csv").map(({ predecessor, successor, name, node }) => ({
    ...{ predecessor: predecessor!, successor: successor!, name: name!, node: node! },
  }));
}

function rowsOf(file: string): Record<string, string>[] {
  return parse(readFileSync(new URL(file, import.meta.url)), { columns: true });
}
