import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { stringify } from "yaml";

import { assertionPublicKey, caFingerprint } from "../../../certs/fingerprint.ts";
import { initNetwork } from "../../../certs/authority.ts";
import { issueCaller, issueNode } from "../../../certs/issue.ts";
import { authorityFiles, callerFiles, collaborativeFiles, nodeFiles } from "../../../certs/layout.ts";
import { buildManifest } from "../../../topology/build-manifest.ts";
import { signManifest } from "../../../topology/manifest.ts";
import { type Topology, feedsInto } from "../../../topology/topology.ts";
import type { Clock } from "../../base/clock.ts";
import { DEMO_CALLER, FEED_CALLER } from "./demo-caller.ts";

/** Where the files of a mesh on this machine lie. */
export interface MeshPaths {
  readonly certs: string;
  readonly manifest: string;
  config(nodeId: string): string;
  data(nodeId: string): string;
  log(name: string): string;
}

export function meshPaths(dataDir: string): MeshPaths {
  return {
    certs: join(dataDir, "certs"),
    manifest: join(dataDir, "manifest.jws"),
    config: (nodeId) => join(dataDir, "nodes", nodeId, "node.yaml"),
    data: (nodeId) => join(dataDir, "nodes", nodeId, "data"),
    log: (name) => join(dataDir, `${name}.log`),
  };
}

/** Makes the authorities of a mesh, a certificate for every node, and one for each of the mesh's own callers. */
export async function issueCertificates(topology: Topology, dir: string, clock: Clock): Promise<void> {
  const collaboratives = topology.collaboratives.map(({ id }) => id);
  await initNetwork(dir, { domain: topology.network.domain, collaboratives, clock });
  await Promise.all(
    topology.nodes.map(async ({ id, collaborative }) => {
      await issueNode(dir, { id, collaborative, clock });
      const organisations = feedsInto(topology, id).map(({ provider }) => provider.code);
      const feeder = { name: FEED_CALLER.name, rights: { ...FEED_CALLER.rights, organisations } };
      const callers = [DEMO_CALLER, feeder];
      await Promise.all(callers.map(({ name, rights }) => issueCaller(dir, { node: id, name, rights, clock })));
    }),
  );
}

/** Signs a fresh manifest for the mesh and puts it in place in one step. Its sequence rises with the wall clock. */
export async function writeManifest(
  topology: Topology,
  paths: MeshPaths,
  endpoints: ReadonlyMap<string, readonly string[]>,
  clock: Clock,
): Promise<void> {
  const read = (path: string): string => readFileSync(path, "utf8");
  const manifest = buildManifest(topology, {
    sequence: Math.floor(clock.wallMs() / 1_000),
    issuedAt: new Date(clock.wallMs()).toISOString(),
    endpoints,
    issuingCas: new Map(
      topology.collaboratives.map(({ id }) => [
        id,
        caFingerprint(read(collaborativeFiles(paths.certs, id).certificate)),
      ]),
    ),
    assertionKeys: new Map(
      topology.nodes.map(({ id }) => [id, assertionPublicKey(read(nodeFiles(paths.certs, id).assertionPublic))]),
    ),
  });
  const signed = await signManifest(manifest, read(authorityFiles(paths.certs).manifestKey));
  writeFileSync(`${paths.manifest}.new`, signed);
  renameSync(`${paths.manifest}.new`, paths.manifest);
}

/** Writes one node's configuration: what `corridor node --config` reads. @param more settings beside the usual ones. */
export function writeNodeConfig(
  paths: MeshPaths,
  node: { id: string; port: number },
  topologyPath: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const path = paths.config(node.id);
  const folder = join(path, "..");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const from = (target: string): string => relative(folder, target);
  const settings = {
    id: node.id,
    dataDir: from(paths.data(node.id)),
    listen: { host: "127.0.0.1", port: node.port },
    certs: { dir: from(nodeFiles(paths.certs, node.id).directory) },
    manifest: from(paths.manifest),
    topology: from(topologyPath),
    reflection: true, // a mesh on one machine is for trying things out
    ...more,
  };
  writeFileSync(path, stringify(settings), { mode: 0o600 });
}

export function callerDir(paths: MeshPaths, nodeId: string, name: string): string {
  return callerFiles(paths.certs, nodeId, name).directory;
}
