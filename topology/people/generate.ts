import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { seededRandom } from "../../node/base/random.ts";
import { readTopology } from "../topology.ts";
import type { Topology } from "../topology.ts";
import { addCharacterRecords, addLaterCharacterRecords } from "./character-records.ts";
import { CHARACTERS } from "./characters.ts";
import type { CastNode } from "./characters.ts";
import { addEverydayRecords } from "./everyday.ts";
import { makeNumbers, makePeople } from "./people.ts";
import type { Person } from "./people.ts";
import { CastRecords } from "./records.ts";
import { IDENTITY_COLUMNS, OBJECTION_COLUMNS, POINTER_COLUMNS, csvText } from "./rows.ts";

/** The people of the West Midlands cast are always these. */
export const CAST_SEED = 20_261_116;

/** The cast while it is in memory: who the people truly are, and what the nodes' files say. */
export interface Cast {
  readonly people: readonly Person[];
  /** Text of each file, by file name. */
  readonly files: ReadonlyMap<string, string>;
}

/** Makes the whole cast from a seed: the same bytes every time. */
export function generateCast(topology: Topology, seed = CAST_SEED): Cast {
  const records = new CastRecords(seededRandom(seed));
  addCharacterRecords(records);

  const random = seededRandom(seed + 1);
  const nextNumber = makeNumbers(random, numbersOfCharacters());
  const people = topology.nodes.flatMap((node) =>
    makePeople(random, node.id as string as CastNode, node.ages.from >= 18, nextNumber),
  );
  for (const person of people) addEverydayRecords(random, topology, person, records);
  addLaterCharacterRecords(records);
  return { people, files: filesOf(records) };
}

function numbersOfCharacters(): string[] {
  return Object.values(CHARACTERS).flatMap((character) => ("nhsNumber" in character ? [character.nhsNumber] : []));
}

function filesOf(records: CastRecords): Map<string, string> {
  return new Map(
    Object.entries(records.nodes).flatMap(([node, { identities, pointers, objections }]) => [
      [`${node}.identities.csv`, csvText(IDENTITY_COLUMNS, identities)] as const,
      [`${node}.pointers.csv`, csvText(POINTER_COLUMNS, pointers)] as const,
      [`${node}.objections.csv`, csvText(OBJECTION_COLUMNS, objections)] as const,
    ]),
  );
}

/** Where the committed files of the cast stand. */
export const CAST_DIR = fileURLToPath(new URL(".", import.meta.url));

/** The topology that the cast lives in. */
export function readCastTopology(): Topology {
  return readTopology(fileURLToPath(new URL("../west-midlands.yaml", import.meta.url)));
}

if (import.meta.main) {
  mkdirSync(CAST_DIR, { recursive: true });
  for (const [name, text] of generateCast(readCastTopology()).files) writeFileSync(join(CAST_DIR, name), text);
}
