import { datasetOf, parseDataset } from "../node/base/datasets.ts";
import { ROLE_GROUPS } from "../node/base/role-groups.ts";
import type { Agreement, Manifest, Member } from "./manifest.ts";

/** What a newer manifest changes, in words for whoever is to approve it. Empty: nothing but sequence and time. */
export function differencesOf(before: Manifest, after: Manifest): string[] {
  return [
    ...networkLines(before, after),
    ...routingLines(before, after),
    ...eachOf(before.members, after.members, "member", memberLines),
    ...eachOf(before.agreements, after.agreements, "agreement", agreementLines),
    ...listLines(before, after),
    ...setLine("ICSs without a node", codesOf(before), codesOf(after)),
    ...setLine("approvers", before.approvers ?? [], after.approvers ?? []),
  ];
}

/** Members who could ask and answer before, and cannot after. */
function removedMembers(before: Manifest, after: Manifest): string[] {
  const live = new Set(after.members.filter(({ status }) => status === "live").map(({ id }) => id));
  return before.members.filter(({ id, status }) => status === "live" && !live.has(id)).map(({ id }) => id);
}

/** Agreements that were in force, and now are suspended, end sooner, cover less, or are gone, though all who made them are still live. */
function stoppedAgreements(before: Manifest, after: Manifest): string[] {
  const now = new Map(after.agreements.map((each) => [each.id, each]));
  const live = new Set(after.members.filter(({ status }) => status === "live").map(({ id }) => id));
  const isStopped = (was: Agreement): boolean => {
    const is = now.get(was.id);
    if (was.suspendedBy !== undefined) return false;
    if (is === undefined) return was.members.every((id) => live.has(id));
    return is.suspendedBy !== undefined || (is.endDate ?? NEVER) < (was.endDate ?? NEVER) || coversLess(was, is, live);
  };
  return before.agreements.filter(isStopped).map(({ id }) => id);
}

/** True where a live member, a purpose, a kind of record or of role is no longer under the agreement. */
function coversLess(was: Agreement, is: Agreement, live: ReadonlySet<string>): boolean {
  const lost = (before: readonly string[], after: readonly string[]): boolean =>
    !after.includes("all") && before.some((each) => !after.includes(each));
  return (
    was.members.some((id) => live.has(id) && !is.members.includes(id)) ||
    lost(was.purposes, is.purposes) ||
    lost(was.recordTypes, is.recordTypes) ||
    lost(was.roleGroups, is.roleGroups) ||
    lost(datasetWords(was), datasetWords(is))
  );
}

/** Each field of each dataset for each role group, as a word of its own. */
export function datasetWords({ datasets = [] }: Pick<Agreement, "datasets">): readonly string[] {
  return datasets.flatMap(({ dataset, roleGroups, fields }) => {
    const groups = roleGroups.includes("all") ? ROLE_GROUPS : roleGroups;
    const known = parseDataset(dataset);
    const all = known === undefined ? [] : Object.keys(datasetOf(known).fields);
    const named = fields.includes("all") ? all : fields;
    return groups.flatMap((group) => named.map((field) => `${field} of ${dataset} for ${group}`));
  });
}

/** After every day. */
const NEVER = "9999-99-99";

/**
 * What a step does for which one person's signature is not enough, in words that follow "it"; `undefined` where it is.
 *
 * To take away more than a fifth of the live members at once, and more than one: a single stolen node can always be put
 * out. To suspend an agreement, to end it sooner, to narrow it or to leave it out, while all who made it are there: that stops
 * care.
 * To let more nodes share presence filters, because whoever holds one with its key can test every NHS number offline.
 * And to change who approves: else whoever has the authority's key would first name an approver of its own.
 */
export function needsApprovalSince(before: Manifest, after: Manifest): string | undefined {
  const live = before.members.filter(({ status }) => status === "live").length;
  const removed = removedMembers(before, after);
  if (removed.length > Math.max(1, live / 5)) {
    return `takes away ${removed.length} members at once (${removed.join(", ")})`;
  }
  const stopped = stoppedAgreements(before, after);
  if (stopped.length > 0) return `stops care under ${stopped.join(", ")}`;
  if (sharesMorePresence(before, after)) return "lets more nodes share presence filters";
  const [were, are] = [before, after].map(({ approvers = [] }) => [...approvers].sort().join(" "));
  return were !== "" && were !== are ? "changes who approves" : undefined;
}

function sharesMorePresence(before: Manifest, after: Manifest): boolean {
  const sharing = ({ routing, presence }: Manifest): readonly string[] =>
    routing === "ask-all" ? [] : (presence?.signOffs ?? []).map(({ member }) => member);
  return sharing(after).some((member) => !sharing(before).includes(member));
}

function networkLines({ network: before }: Manifest, { network: after }: Manifest): string[] {
  return (["name", "domain", "authority"] as const)
    .filter((key) => before[key] !== after[key])
    .map((key) => `network: ${key} was ${before[key]}, is ${after[key]}`);
}

function routingLines(before: Manifest, after: Manifest): string[] {
  const signed = ({ presence }: Manifest): string[] =>
    (presence?.signOffs ?? []).map(({ member, guardian, signedOn }) => `${member} (${guardian}, ${signedOn})`);
  return [
    ...changed("routing", before.routing, after.routing),
    ...changed("presence filters' DPIA", before.presence?.dpia ?? "", after.presence?.dpia ?? ""),
    ...setLine("presence filters' sign-offs", signed(before), signed(after)),
  ];
}

function eachOf<Entry extends { readonly id: string }>(
  before: readonly Entry[],
  after: readonly Entry[],
  what: string,
  linesOf: (before: Entry, after: Entry) => string[],
): string[] {
  const [was, is] = [before, after].map((entries) => new Map(entries.map((entry) => [entry.id, entry]))) as [
    Map<string, Entry>,
    Map<string, Entry>,
  ];
  return [
    ...[...was.keys()].filter((id) => !is.has(id)).map((id) => `${what} ${id}: gone`),
    ...[...is.keys()].filter((id) => !was.has(id)).map((id) => `${what} ${id}: new`),
    ...[...was].flatMap(([id, entry]) => {
      const now = is.get(id);
      return now === undefined ? [] : linesOf(entry, now).map((line) => `${what} ${id}: ${line}`);
    }),
  ];
}

function memberLines(before: Member, after: Member): string[] {
  return [
    ...changed("status", before.status, after.status),
    ...changed("endpoints", before.endpoints.join(" "), after.endpoints.join(" ")),
    ...changed("issuing authority", before.issuingCa, after.issuingCa),
    ...changed("assertion key", before.assertionKey, after.assertionKey),
    ...changed("collaborative", before.collaborative, after.collaborative),
    ...changed("population", String(before.population), String(after.population)),
    ...changed("ages", JSON.stringify(before.ages), JSON.stringify(after.ages)),
    ...setLine(
      "ICSs",
      before.ics.map(({ code }) => code),
      after.ics.map(({ code }) => code),
    ),
    ...changed("contact", JSON.stringify(before.coverageContact), JSON.stringify(after.coverageContact)),
  ];
}

function agreementLines(before: Agreement, after: Agreement): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Agreement)[];
  return keys.flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    if (Array.isArray(was) && Array.isArray(is)) return setLine(key, was.map(asText), is.map(asText));
    return changed(key, asText(was), asText(is));
  });
}

function listLines(before: Manifest, after: Manifest): string[] {
  const [was, is] = [before.crls?.length ?? 0, after.crls?.length ?? 0];
  if (JSON.stringify(before.crls ?? []) === JSON.stringify(after.crls ?? [])) return [];
  return [`revocation lists: ${was} before, ${is} now, with other contents`];
}

function setLine(what: string, before: readonly string[], after: readonly string[]): string[] {
  const gone = before.filter((each) => !after.includes(each));
  const added = after.filter((each) => !before.includes(each));
  return [
    ...(gone.length === 0 ? [] : [`${what}: without ${gone.join(", ")}`]),
    ...(added.length === 0 ? [] : [`${what}: with ${added.join(", ")}`]),
  ];
}

function changed(what: string, before: string, after: string): string[] {
  return before === after ? [] : [`${what}: was ${before || "not there"}, is ${after || "not there"}`];
}

function codesOf({ icsWithoutNode }: Manifest): string[] {
  return icsWithoutNode.map(({ code }) => code);
}

function asText(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
