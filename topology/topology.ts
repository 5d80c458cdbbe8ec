import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { Failure } from "../node/base/failure.ts";
import { PROTECTED_RECORD_TYPES } from "../node/base/record-types.ts";
import type { RecordTypeKey } from "../node/base/record-types.ts";
import type { NodeId, OrganisationCode } from "../node/base/words.ts";
import { crossCheck } from "./cross-checks.ts";
import type { Entries, NamesGiven } from "./cross-checks.ts";
import { noteUnknownKeys, readEntries, readEntry } from "./entries.ts";
import { Faults, quoted } from "./faults.ts";
import {
  TOP_LEVEL_KEYS,
  agreementSchema,
  collaborativeSchema,
  icsWithoutNodeSchema,
  networkSchema,
  nodeSchema,
  presenceFiltersSchema,
  providerSchema,
} from "./schema.ts";
import type {
  AgreementEntry,
  Collaborative,
  Feed,
  IcsWithoutNode,
  Network,
  NodeEntry,
  PresenceFilters,
  Provider,
} from "./schema.ts";
import { readYaml } from "./yaml-source.ts";

export type { Collaborative, DatedCode, Feed, IcsWithoutNode, Network, Provider } from "./schema.ts";

/** A network as its operators describe it: who stands where, who feeds whom, and who has agreed what. */
export interface Topology {
  readonly network: Network;
  readonly collaboratives: readonly Collaborative[];
  readonly nodes: readonly TopologyNode[];
  readonly providers: readonly Provider[];
  readonly icsWithoutNode: readonly IcsWithoutNode[];
  readonly agreements: readonly TopologyAgreement[];
  /** Absent: every node with an agreement is asked. */
  readonly presenceFilters?: PresenceFilters;
}

export interface TopologyNode extends NodeEntry {
  /** Every provider that has a feed to the node, in whatever state. */
  readonly providers: readonly OrganisationCode[];
}

export interface TopologyAgreement extends Omit<AgreementEntry, "controllers"> {
  readonly controllers: readonly (AgreementEntry["controllers"][number] & { readonly name: string })[];
}

/** One provider's feed into one node. */
export interface NodeFeed {
  readonly provider: Provider;
  readonly feed: Feed;
}

/**
 * Reads the text of a topology file.
 *
 * @param fileName how the file is called in faults.
 * @throws {Failure} `configuration`: the message lists every fault at once, each as `file:line: what is wrong; remedy`.
 */
export function parseTopology(text: string, fileName: string): Topology {
  const source = readYaml(text, fileName, "topology file");
  const faults = new Faults(source);
  const raw = source.value;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    faults.add(
      [],
      `is ${raw === null ? "empty" : quoted(raw)}`,
      `write a map with the keys ${TOP_LEVEL_KEYS.join(", ")}`,
    );
    faults.throwIfAny("topology file");
  }
  const file = raw as Record<string, unknown>;
  noteUnknownKeys(file, [], TOP_LEVEL_KEYS, faults);
  const network = readEntry(networkSchema, file["network"], ["network"], faults);
  const entries: Entries = {
    collaboratives: readEntries(collaborativeSchema, file["collaboratives"], ["collaboratives"], faults),
    nodes: readEntries(nodeSchema, file["nodes"], ["nodes"], faults),
    providers: readEntries(providerSchema, file["providers"], ["providers"], faults),
    icsWithoutNode: readEntries(icsWithoutNodeSchema, file["icsWithoutNode"] ?? [], ["icsWithoutNode"], faults),
    agreements: readEntries(agreementSchema, file["agreements"] ?? [], ["agreements"], faults),
    presence:
      file["presenceFilters"] === undefined
        ? undefined
        : readEntry(presenceFiltersSchema, file["presenceFilters"], ["presenceFilters"], faults),
    names: namesGiven(file),
  };
  for (const key of ["collaboratives", "nodes"]) {
    if (isEmptyList(file[key])) faults.add([key], "lists nothing", "list at least one");
  }
  crossCheck(entries, faults);
  faults.throwIfAny("topology file");
  return assemble(network!.value, entries);
}

/**
 * Reads a topology file.
 *
 * @throws {Failure} `configuration`: it cannot be read, or it has faults, all of which the message lists.
 */
export function readTopology(path: string): Topology {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("configuration", `The topology file ${path} cannot be read: check its name and permissions.`, {
      where: path,
      cause,
    });
  }
  return parseTopology(text, basename(path));
}

/** The ICSs that a node or a member of the manifest answers for on a day (`YYYY-MM-DD`). */
export function icsOn<Code extends { readonly from: string; readonly to?: string | undefined }>(
  node: { readonly ics: readonly Code[] },
  day: string,
): Code[] {
  return node.ics.filter((code) => validOn(code, day));
}

/** True where a dated code is valid on a day: from its first day, until the day before `to`. */
export function validOn(code: { readonly from: string; readonly to?: string | undefined }, day: string): boolean {
  return code.from <= day && (code.to === undefined || day < code.to);
}

/** Every provider that has a feed to a node, in whatever state, in the order of the file. */
export function feedsInto(topology: Topology, node: NodeId): NodeFeed[] {
  return topology.providers.flatMap((provider) =>
    provider.feeds.filter((feed) => feed.node === node).map((feed) => ({ provider, feed })),
  );
}

/** True where loads from this feed are taken. */
export function takesLoads(feed: Feed): boolean {
  return feed.state === "feeding";
}

/** True where a feed may bring records of a type. */
export function feedCarries(feed: Feed, recordType: RecordTypeKey): boolean {
  if (feed.recordTypes === "all") return !PROTECTED_RECORD_TYPES.has(recordType);
  return feed.recordTypes.includes(recordType);
}

function namesGiven(file: Record<string, unknown>): NamesGiven {
  const served = mapsIn(file["nodes"]).flatMap((node) => mapsIn(node["ics"]));
  return {
    collaboratives: isEmptyList(file["collaboratives"]) ? undefined : namesAt(file["collaboratives"], "id"),
    nodes: isEmptyList(file["nodes"]) ? undefined : namesAt(file["nodes"], "id"),
    providers: namesAt(file["providers"], "code"),
    icsCodes: textsAt([...served, ...mapsIn(file["icsWithoutNode"])], "code"),
  };
}

function namesAt(list: unknown, key: string): string[] | undefined {
  return Array.isArray(list) ? textsAt(mapsIn(list), key) : undefined;
}

function isEmptyList(raw: unknown): boolean {
  return Array.isArray(raw) && raw.length === 0;
}

function mapsIn(raw: unknown): Record<string, unknown>[] {
  if (!Array.isArray(raw)) return [];
  return raw.filter((item) => typeof item === "object" && item !== null) as Record<string, unknown>[];
}

function textsAt(maps: readonly Record<string, unknown>[], key: string): string[] {
  return maps.flatMap((map) => (typeof map[key] === "string" ? [map[key]] : []));
}

function assemble(network: Network, entries: Entries): Topology {
  const providers = entries.providers.map(({ value }) => value);
  const names = new Map(providers.map(({ code, name }) => [code, name]));
  const feeders = (node: NodeId) =>
    providers.filter(({ feeds }) => feeds.some((feed) => feed.node === node)).map(({ code }) => code);
  return {
    network,
    collaboratives: entries.collaboratives.map(({ value }) => value),
    nodes: entries.nodes.map(({ value }) => ({ ...value, providers: feeders(value.id) })),
    providers,
    icsWithoutNode: entries.icsWithoutNode.map(({ value }) => value),
    agreements: entries.agreements.map(({ value }) => ({
      ...value,
      controllers: value.controllers.map((controller) => ({ ...controller, name: names.get(controller.code) ?? "" })),
    })),
    ...(entries.presence && { presenceFilters: entries.presence.value }),
  };
}
