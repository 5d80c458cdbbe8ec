import { IDENTITY_COLUMNS, POINTER_COLUMNS, csvLine } from "../people/rows.ts";
import { bundleOf } from "./bundle.ts";
import type { ProviderRecord } from "./population.ts";

export const FORMATS = ["csv", "ndjson", "fhir"] as const;
export type Format = (typeof FORMATS)[number];

/** A form in which a population is written: one file of a node, or two. */
export interface Rendering {
  /** How each file of a node is called, after the node's id. */
  readonly files: readonly string[];
  /** What each file begins with. */
  readonly headers: readonly string[];
  /** The text of a record in each file, with the ends of its lines. */
  readonly render: (record: ProviderRecord) => readonly string[];
}

export const RENDERINGS: Readonly<Record<Format, Rendering>> = {
  csv: {
    files: ["identities.csv", "pointers.csv"],
    headers: [`${IDENTITY_COLUMNS.join(",")}\n`, `${POINTER_COLUMNS.join(",")}\n`],
    render: ({ identity, pointers }) => [
      `${csvLine(IDENTITY_COLUMNS, identity)}\n`,
      pointers.map((pointer) => `${csvLine(POINTER_COLUMNS, pointer)}\n`).join(""),
    ],
  },
  ndjson: {
    files: ["ndjson"],
    headers: [""],
    render: ({ identity, pointers }) => {
      const first = jsonLine({ type: "identity", ...identity, restricted: identity.restricted === "true" });
      return [pointers.reduce((text, pointer) => text + jsonLine({ type: "pointer", ...pointer }), first)];
    },
  },
  fhir: {
    files: ["bundles.ndjson"],
    headers: [""],
    render: (record) => [jsonLine(bundleOf(record))],
  },
};

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
