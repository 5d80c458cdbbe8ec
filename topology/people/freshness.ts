import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { parse } from "yaml";
import { z } from "zod";

import { Failure } from "../../node/base/failure.ts";
import { parseNodeId, parseOrganisationCode } from "../../node/base/words.ts";

/** Minutes before loading up to which each provider's data are complete, by node id and provider code. */
export type Freshness = ReadonlyMap<string, ReadonlyMap<string, number>>;

const freshnessSchema = z.record(
  z.string().refine((id) => parseNodeId(id) !== undefined, "not a node id"),
  z.record(
    z.string().refine((code) => parseOrganisationCode(code) !== undefined, "not an organisation's code"),
    z.int("not whole minutes").min(0, "not whole minutes"),
  ),
);

/**
 * Reads how fresh a cast is.
 *
 * @throws {Failure} `configuration`: the file cannot be read or is not `{node: {provider: minutes}}`.
 */
export function readFreshness(path = fileURLToPath(new URL("freshness.yaml", import.meta.url))): Freshness {
  try {
    const byNode = freshnessSchema.parse(parse(readFileSync(path, "utf8")));
    return new Map(Object.entries(byNode).map(([node, minutes]) => [node, new Map(Object.entries(minutes))]));
  } catch (cause) {
    const remedy = "write each node id with a map of provider codes to whole minutes";
    throw new Failure("configuration", `The freshness file ${path} cannot be used: ${remedy}.`, { where: path, cause });
  }
}
