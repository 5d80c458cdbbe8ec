import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { englandText } from "./england.ts";
import type { EnglandYear } from "./nodes.ts";
import { peopleFiles } from "./people.ts";

export const YEARS: readonly EnglandYear[] = [2022, 2026];

/** Where all England's topology of a year stands, and its people beside it. */
export function englandPath(year: EnglandYear): string {
  return fileURLToPath(new URL(`../england-${year}.yaml`, import.meta.url));
}

/** Every file that is made from the facts: text by path. */
export function englandFiles(year: EnglandYear): ReadonlyMap<string, string> {
  const topology = englandPath(year);
  const people = [...peopleFiles(year)].map(
    ([name, text]) => [`${topology.replace(/\.yaml$/, ".people")}/${name}`, text] as const,
  );
  return new Map([[topology, englandText(year)], ...people]);
}

if (import.meta.main) {
  for (const [path, text] of YEARS.flatMap((year) => [...englandFiles(year)])) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
