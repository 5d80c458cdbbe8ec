import { existsSync } from "node:fs";
import { join } from "node:path";

import { readFreshness } from "../../../topology/people/freshness.ts";
import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import type { Connect, FeedFiles } from "../client.ts";
import { loadFiles } from "../load-files.ts";
import { tryAgain } from "../load-tries.ts";
import { FEED_CALLER } from "./demo-caller.ts";
import type { Mesh, MeshNode } from "./mesh.ts";

const MINUTE_MS = 60_000;

/** They share this machine's processors: all of a large network at once would each wait too long. */
const NODES_AT_ONCE = 6;

/** Identities first: pointers and objections belong to them. */
const FILES = ["identities", "pointers", "objections"];

export interface LoadPeopleOrder {
  readonly mesh: Mesh;
  /** Folder with `<node>.identities.csv`, `.pointers.csv`, `.objections.csv` and `freshness.yaml`. */
  readonly peopleDir: string;
  readonly connect: Connect;
  readonly feeds: FeedFiles;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Loads the people of a folder into a mesh on this machine, through each node's own door, provider by provider: each is
 * complete up to its own moment.
 *
 * @returns how many items are durable.
 * @throws {Failure} where an item was not kept: the folder's files and the topology do not agree.
 */
export async function loadPeople(order: LoadPeopleOrder): Promise<number> {
  const { nodes } = order.mesh;
  let accepted = 0;
  for (let at = 0; at < nodes.length; at += NODES_AT_ONCE) {
    const counts = await Promise.all(nodes.slice(at, at + NODES_AT_ONCE).map((node) => loadPatiently(node, order)));
    for (const count of counts) accepted += count;
  }
  return accepted;
}

/** A node that has just started among many others may be too busy to be reached; what it kept, it keeps once. */
function loadPatiently(node: MeshNode, order: LoadPeopleOrder): Promise<number> {
  return tryAgain({
    ...{ attempt: () => loadNode(node, order), clock: order.clock, signal: order.signal },
    ...{ stepsSoFar: () => 1, onPause() {}, random: { fraction: () => 0.5 } },
  });
}

async function loadNode(node: MeshNode, order: LoadPeopleOrder): Promise<number> {
  const files = FILES.map((name) => join(order.peopleDir, `${node.id}.${name}.csv`)).filter((path) => existsSync(path));
  const minutes = readFreshness(join(order.peopleDir, "freshness.yaml")).get(node.id) ?? new Map<string, number>();
  const client = await order.connect({ host: node.host, port: node.port, certsDir: node.callerDir(FEED_CALLER.name) });
  let accepted = 0;
  try {
    for (const [provider, behind] of minutes) {
      order.signal.throwIfAborted();
      const rejectsPath = join(node.dataDir, `${provider}.rejects.ndjson`);
      const header = { name: `people of ${provider}`, asOfMs: order.clock.wallMs() - behind * MINUTE_MS };
      const rejects = order.feeds.makeRejects(rejectsPath);
      const load = loadFiles({ header, files, provider, rejects }, client, order.feeds);
      const { reached, waiting } = await load.finally(() => rejects.close());
      if (reached.rejected + waiting > 0) {
        const what = `${reached.rejected} lines of ${provider} were not kept at ${node.id}, ${waiting} belong to nobody.`;
        throw new Failure("invalid-input", what, { where: rejectsPath });
      }
      accepted += reached.accepted;
    }
  } finally {
    client.close();
  }
  return accepted;
}
