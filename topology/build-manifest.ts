import { Failure } from "../node/base/failure.ts";
import { manifestSchema } from "./manifest.ts";
import type { Agreement, Manifest, Member } from "./manifest.ts";
import { icsOn, validOn } from "./topology.ts";
import type { Topology, TopologyAgreement, TopologyNode } from "./topology.ts";

/** What the authority adds to a topology to make a manifest of it. */
export interface ManifestIssue {
  /** Rises with every issue. */
  readonly sequence: number;
  /** ISO 8601 instant in UTC. Its day decides which ICSs without a node are listed. */
  readonly issuedAt: string;
  /** `host:port` of each node, in order of preference. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  /** For each collaborative, SHA-256 of the DER SubjectPublicKeyInfo of its issuing CA, lower-case hex. */
  readonly issuingCas: ReadonlyMap<string, string>;
  /** For each node, its raw Ed25519 public key, base64url. */
  readonly assertionKeys: ReadonlyMap<string, string>;
}

/**
 * Makes the directory of a network, ready to be signed. Nodes that have left are not members; agreements keep only
 * members, and one with fewer than two left is not listed.
 *
 * @throws {Failure} `configuration`: a node has no endpoint, issuing CA, key or ICS valid that day, or one of these is
 * malformed; the message lists them all.
 */
export function buildManifest(topology: Topology, issue: ManifestIssue): Manifest {
  const day = issue.issuedAt.slice(0, 10);
  const present = topology.nodes.filter((node) => node.status !== "left");
  const missing = present.flatMap((node) => whatIsMissing(node, issue, day));
  if (missing.length > 0) throw new Failure("configuration", `The manifest cannot be built: ${missing.join("; ")}.`);

  const memberIds = new Set<string>(present.map(({ id }) => id));
  const result = manifestSchema.safeParse({
    format: 1,
    network: topology.network,
    sequence: issue.sequence,
    issuedAt: issue.issuedAt,
    ...routingOf(topology, memberIds),
    members: present.map((node) => memberOf(node, issue)),
    icsWithoutNode: topology.icsWithoutNode
      .filter((ics) => validOn(ics, day))
      .map(({ code, name, region }) => ({ code, name, region })),
    agreements: topology.agreements.map((agreement) => agreementOf(agreement, memberIds)).filter(twoMembers),
  } satisfies Manifest);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new Failure("configuration", `The manifest cannot be built: ${faults.join("; ")}.`, { cause: result.error });
}

function whatIsMissing(node: TopologyNode, issue: ManifestIssue, day: string): string[] {
  const missing = [];
  if ((issue.endpoints.get(node.id) ?? []).length === 0) missing.push(`${node.id} has no endpoint: give its host:port`);
  if (!issue.issuingCas.has(node.collaborative)) {
    missing.push(`${node.id} has no issuing CA: make one for ${node.collaborative}`);
  }
  if (!issue.assertionKeys.has(node.id)) missing.push(`${node.id} has no assertion key: issue its certificate first`);
  if (icsOn(node, day).length === 0)
    missing.push(`${node.id} serves no ICS on ${day}: add the code that is valid then`);
  return missing;
}

function memberOf(node: TopologyNode, issue: ManifestIssue): Member {
  return {
    id: node.id,
    collaborative: node.collaborative,
    region: node.region,
    ics: node.ics.map(({ code, name, from, to }) => ({ code, name, from, ...(to === undefined ? {} : { to }) })),
    endpoints: [...(issue.endpoints.get(node.id) ?? [])],
    issuingCa: issue.issuingCas.get(node.collaborative) ?? "",
    assertionKey: issue.assertionKeys.get(node.id) ?? "",
    population: node.population,
    ages: node.ages,
    coverageContact: node.coverageContact,
    ...(node.neighbours && { neighbours: [...node.neighbours] }),
    status: node.status,
  };
}

function agreementOf({ datasets, ...agreement }: TopologyAgreement, memberIds: ReadonlySet<string>): Agreement {
  return {
    ...agreement,
    members: agreement.members.filter((member) => memberIds.has(member)),
    controllers: [...agreement.controllers],
    recordTypes: listed(agreement.recordTypes),
    roleGroups: listed(agreement.roleGroups),
    ...(datasets && {
      datasets: datasets.map(({ dataset, roleGroups, fields }) => ({
        ...{ dataset, roleGroups: listed(roleGroups), fields: listed(fields) },
      })),
    }),
  };
}

function listed(keys: "all" | readonly string[]): string[] {
  return keys === "all" ? ["all"] : [...keys];
}

function routingOf(
  { presenceFilters }: Topology,
  memberIds: ReadonlySet<string>,
): Pick<Manifest, "routing" | "presence"> {
  if (presenceFilters === undefined) return { routing: "ask-all" };
  const { dpia, signOffs } = presenceFilters;
  const ofMembers = signOffs.filter(({ node }) => memberIds.has(node));
  return {
    routing: "presence-filter",
    presence: {
      dpia,
      signOffs: ofMembers.map(({ node: member, guardian, signedOn }) => ({ member, guardian, signedOn })),
    },
  };
}

function twoMembers(agreement: Agreement): boolean {
  return agreement.members.length >= 2;
}
