import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { PROTOCOL, type ProtocolVersion } from "../../node/base/words.ts";
import { samplesOf } from "./messages.ts";

/** Messages as a version put them on the wire: hex by name. */
export type Fixtures = Readonly<Record<string, string>>;

export function fixturePath({ major, minor }: ProtocolVersion): string {
  return fileURLToPath(new URL(`../../proto/fixtures/${major}.${minor}.json`, import.meta.url));
}

export function readFixtures(version: ProtocolVersion): Fixtures {
  return JSON.parse(readFileSync(fixturePath(version), "utf8")) as Fixtures;
}

/** Records the version that is spoken here. What was recorded of it before is never replaced: other nodes speak it. */
if (import.meta.main) {
  const path = fixturePath(PROTOCOL);
  if (existsSync(path)) throw new Error(`${path} is there: a version that was recorded stays as it is`);
  const hex = [...samplesOf(PROTOCOL)].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString("hex")]);
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(hex), undefined, 2)}\n`);
}
