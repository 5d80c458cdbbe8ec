import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { readPublicPem } from "../../certs/key-file.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import {
  type Manifest,
  MANIFEST_BYTES_MAX,
  parseManifest,
  readUnverified,
  verifyManifest,
} from "../../topology/manifest.ts";
import { feedsInto, readTopology } from "../../topology/topology.ts";
import type { InForce } from "../access/explain.ts";
import type { LocalRole } from "../access/local-roles.ts";
import { readNarrowing } from "../access/narrowing.ts";
import { type AccessTable, loadAccessTable } from "../access/table.ts";
import { Failure } from "../base/failure.ts";
import type { Sensitivity } from "../base/words.ts";
import { readSettings } from "../config/settings.ts";

/** Where a question is supposed to be answered, as options of a command. */
export interface PlaceOptions {
  readonly table?: string;
  readonly config?: string;
  readonly asker?: string;
  readonly agreement?: string;
}

/** What is in force there, and what the node's settings and topology add to it. */
export interface Place {
  readonly inForce: InForce;
  readonly localRoles: readonly LocalRole[];
  /** Of the custodians that feed the node. */
  readonly sensitivityOf: (custodian: string) => Sensitivity | undefined;
}

/**
 * Reads what is in force for a node's own users, or, with an asker, for those of that other node.
 *
 * @throws {Failure} `invalid-input`: options that do not go together. `configuration`: a file that is wrong.
 */
export async function readPlace(options: PlaceOptions, day: string): Promise<Place> {
  const table = readTable(options.table);
  if (options.config === undefined) {
    const stray = (["asker", "agreement"] as const).find((name) => options[name] !== undefined);
    if (stray !== undefined) throw wrong(`--${stray} needs --config: agreements stand in a node's manifest.`);
    return { inForce: { table }, localRoles: [], sensitivityOf: () => undefined };
  }
  const { id, access, certsDir, manifestPath, topologyPath } = readSettings(options.config);
  const feeds = feedsInto(readTopology(topologyPath), id);
  const key = readPublicPem(nodeFilesIn(certsDir).manifestPublic);
  const manifest = await verifyManifest(readText(manifestPath), key);
  const narrowing = access.narrowingPath === undefined ? undefined : readNarrowing(access.narrowingPath);
  return {
    inForce: { table, narrowing, ...betweenOf(manifest, id, day, options) },
    localRoles: access.localRoles,
    sensitivityOf: (custodian) => feeds.find(({ provider }) => provider.code === custodian)?.feed.sensitivity ?? "N",
  };
}

/**
 * The other node's standing with this one, in a manifest. Nothing where nobody else asks.
 *
 * @param id the node that answers.
 */
export function betweenOf(
  manifest: Manifest,
  id: string,
  day: string,
  { asker, agreement }: Pick<PlaceOptions, "asker" | "agreement">,
): Pick<InForce, "between"> {
  if (agreement !== undefined && !manifest.agreements.some((each) => each.id === agreement)) {
    throw wrong(`--agreement: the manifest has ${manifest.agreements.map((each) => each.id).join(", ") || "none"}.`);
  }
  const agreements = manifest.agreements.filter((each) => agreement === undefined || each.id === agreement);
  const other = asker ?? (agreement && agreements[0]?.members.find((member) => member !== id));
  if (other === undefined) return {};
  const holder = manifest.members.find((member) => member.id === id);
  if (holder === undefined) throw wrong(`the manifest does not list ${id}.`);
  if (!manifest.members.some((member) => member.id === other)) {
    throw wrong(`--asker must be one of ${manifest.members.map((member) => member.id).join(", ")}.`);
  }
  return { between: { asker: other, holder, agreements, day } };
}

/** The committed table, or the one in a folder. */
export function readTable(folder: string | undefined): AccessTable {
  return folder === undefined ? loadAccessTable() : loadAccessTable(pathToFileURL(`${resolve(folder)}/`));
}

/** What somebody compares: a folder with an access table, or a manifest, signed or not. */
export type Version =
  { readonly kind: "table"; readonly table: AccessTable } | { readonly kind: "manifest"; readonly manifest: Manifest };

/**
 * Reads one side of a comparison.
 *
 * @param keyPath the authority's public key; without it nobody vouches for a manifest.
 */
export async function readVersion(path: string, keyPath: string | undefined): Promise<Version> {
  if (isFolder(path)) return { kind: "table", table: readTable(path) };
  const text = readText(path);
  if (keyPath !== undefined) return { kind: "manifest", manifest: await verifyManifest(text, readPublicPem(keyPath)) };
  if (!text.trimStart().startsWith("{")) return { kind: "manifest", manifest: readUnverified(text) };
  return { kind: "manifest", manifest: parseManifest(parseJson(text, path)) };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("invalid-input", `${path} is neither a signed manifest nor JSON.`, { where: path, cause });
  }
}

function isFolder(path: string): boolean {
  return attempt(path, () => statSync(path).isDirectory());
}

function readText(path: string): string {
  return attempt(path, () => {
    if (statSync(path).size > MANIFEST_BYTES_MAX) throw wrong(`${path} is over ${MANIFEST_BYTES_MAX} bytes.`);
    return readFileSync(path, "utf8");
  });
}

function attempt<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
    throw new Failure("configuration", `${path} cannot be read: ${code}.`, { where: path, cause: thrown });
  }
}

function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}
