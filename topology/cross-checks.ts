import type { Entry } from "./entries.ts";
import { quoted, suggestion } from "./faults.ts";
import type { Faults, Path } from "./faults.ts";
import type {
  Ages,
  AgreementEntry,
  Collaborative,
  DatedCode,
  IcsWithoutNode,
  NodeEntry,
  PresenceFilters,
  Provider,
} from "./schema.ts";

/** The entries of a file that have the right shape, and every name the file gives, even in an entry that has not. */
export interface Entries {
  readonly collaboratives: readonly Entry<Collaborative>[];
  readonly nodes: readonly Entry<NodeEntry>[];
  readonly providers: readonly Entry<Provider>[];
  readonly icsWithoutNode: readonly Entry<IcsWithoutNode>[];
  readonly agreements: readonly Entry<AgreementEntry>[];
  readonly presence: Entry<PresenceFilters> | undefined;
  readonly names: NamesGiven;
}

/**
 * Names that may be referred to. One of a faulty entry counts, and where a whole list is missing anything goes: the fault
 * that stands is enough.
 */
export interface NamesGiven {
  readonly collaboratives: readonly string[] | undefined;
  readonly nodes: readonly string[] | undefined;
  readonly providers: readonly string[] | undefined;
  readonly icsCodes: readonly string[];
}

/** Notes what is wrong between entries that are each right by themselves. */
export function crossCheck(entries: Entries, faults: Faults): void {
  checkUnique(entries.collaboratives, "id", faults);
  checkUnique(entries.nodes, "id", faults);
  checkUnique(entries.providers, "code", faults);
  checkUnique(entries.agreements, "id", faults);
  for (const node of entries.nodes) checkNode(node, entries, faults);
  for (const provider of entries.providers) checkFeeds(provider, entries, faults);
  checkIdentifierSystems(entries, faults);
  checkIcsWithoutNode(entries, faults);
  for (const code of allCodes(entries)) checkSuccessors(code, entries, faults);
  for (const agreement of entries.agreements) checkAgreement(agreement, entries, faults);
  if (entries.presence !== undefined) checkSignOffs(entries.presence, entries, faults);
}

function checkSignOffs({ value, path }: Entry<PresenceFilters>, { names }: Entries, faults: Faults): void {
  for (const [at, { node }] of value.signOffs.entries()) {
    checkKnown(node, names.nodes, [...path, "signOffs", at, "node"], "node", faults);
  }
}

function checkUnique<Key extends string, T extends Record<Key, string>>(
  list: readonly Entry<T>[],
  key: Key,
  faults: Faults,
): void {
  const seen = new Set<string>();
  for (const { value, path } of list) {
    if (seen.has(value[key]))
      faults.add([...path, key], `${quoted(value[key])} stands twice`, "give each its own, or keep one entry");
    seen.add(value[key]);
  }
}

function checkKnown(
  word: string,
  known: readonly string[] | undefined,
  path: Path,
  what: string,
  faults: Faults,
): boolean {
  if (known === undefined || known.includes(word)) return true;
  faults.add(path, `${quoted(word)} is no ${what} of this file`, suggestion(word, known));
  return false;
}

function checkNode({ value: node, path }: Entry<NodeEntry>, { names }: Entries, faults: Faults): void {
  checkKnown(node.collaborative, names.collaboratives, [...path, "collaborative"], "collaborative", faults);
  checkAges(node.ages, [...path, "ages"], faults);
  node.neighbours?.forEach((neighbour, at) => {
    const here = [...path, "neighbours", at];
    if (neighbour === node.id) faults.add(here, `${quoted(neighbour)} is the node itself`, "take it out");
    else checkKnown(neighbour, names.nodes, here, "node", faults);
  });
  node.ics.forEach((code, at) => {
    checkDates(code.from, code.to, [...path, "ics", at], "to", faults);
    const earlier = node.ics.slice(0, at).find((other) => other.code === code.code && overlap(other, code));
    if (earlier !== undefined) {
      faults.add(
        [...path, "ics", at],
        `${code.code} is valid twice on the same days`,
        "end one range (to) before the other begins (from)",
      );
    }
  });
}

function checkAges(ages: Ages, path: Path, faults: Faults): void {
  if (ages.to !== undefined && ages.to < ages.from) {
    faults.add(
      [...path, "to"],
      `${ages.to} is below from, ${ages.from}`,
      "write the lower age first; both ends belong to the range",
    );
  }
}

/** `end` names the key of the first day that no longer counts. */
function checkDates(from: string, to: string | undefined, path: Path, end: string, faults: Faults): void {
  if (to !== undefined && to <= from) {
    faults.add(
      [...path, end],
      `${quoted(to)} is not after ${quoted(from)}`,
      "write the first day on which it no longer holds",
    );
  }
}

function overlap(a: DatedCode, b: DatedCode): boolean {
  return (b.to === undefined || a.from < b.to) && (a.to === undefined || b.from < a.to);
}

/** A system of identifiers is one provider's, at each node: otherwise one could speak of another's patients. */
function checkIdentifierSystems({ providers }: Entries, faults: Faults): void {
  const owners = new Set<string>();
  for (const { value, path } of providers) {
    value.feeds.forEach(({ node, fhirIdentifierSystem: system }, at) => {
      if (system === undefined) return;
      const key = `${node} ${system}`;
      if (owners.has(key)) {
        const where = [...path, "feeds", at, "fhirIdentifierSystem"];
        faults.add(where, `${quoted(system)} is another provider's at ${node}`, "give each provider its own");
      }
      owners.add(key);
    });
  }
}

function checkFeeds({ value: provider, path }: Entry<Provider>, entries: Entries, faults: Faults): void {
  provider.feeds.forEach((feed, at) => {
    const here = [...path, "feeds", at];
    checkKnown(feed.node, entries.names.nodes, [...here, "node"], "node", faults);
    if (provider.feeds.slice(0, at).some((other) => other.node === feed.node)) {
      faults.add(
        [...here, "node"],
        `${quoted(feed.node)} is fed twice by ${provider.code}`,
        "keep one feed for each node",
      );
    }
    if (["feeding", "paused", "testing"].includes(feed.state) && feed.recordTypes.length === 0) {
      faults.add(
        [...here, "recordTypes"],
        `lists nothing, though the feed is ${feed.state}`,
        "list what the provider sends, or write all",
      );
    }
    if (feed.ages === undefined) return;
    checkAges(feed.ages, [...here, "ages"], faults);
    const node = entries.nodes.find(({ value }) => value.id === feed.node)?.value;
    if (node !== undefined && !within(feed.ages, node.ages)) {
      faults.add(
        [...here, "ages"],
        `reach beyond the ages that ${node.id} holds`,
        `stay within ${agesInWords(node.ages)}`,
      );
    }
  });
}

function within(inner: Ages, outer: Ages): boolean {
  return inner.from >= outer.from && (outer.to === undefined || (inner.to !== undefined && inner.to <= outer.to));
}

function agesInWords(ages: Ages): string {
  return ages.to === undefined ? `${ages.from} and over` : `${ages.from} to ${ages.to}`;
}

function checkIcsWithoutNode({ icsWithoutNode, nodes }: Entries, faults: Faults): void {
  icsWithoutNode.forEach(({ value: ics, path }, at) => {
    checkDates(ics.from, ics.to, path, "to", faults);
    const twice = icsWithoutNode.slice(0, at).some(({ value }) => value.code === ics.code && overlap(value, ics));
    if (twice)
      faults.add(
        path,
        `${ics.code} is valid twice on the same days`,
        "end one range (to) before the other begins (from)",
      );
    const node = nodes.find(({ value }) =>
      value.ics.some((code) => code.code === ics.code && overlap(code, ics)),
    )?.value;
    if (node !== undefined) {
      faults.add(
        path,
        `${ics.code} has a node, ${node.id}, on the same days`,
        "take it out here, or give the days without a node",
      );
    }
  });
}

function allCodes({ nodes, icsWithoutNode }: Entries): Entry<DatedCode>[] {
  const served = nodes.flatMap(({ value, path }) =>
    value.ics.map((ics, at) => ({ value: ics, path: [...path, "ics", at] })),
  );
  return [...served, ...icsWithoutNode];
}

function checkSuccessors({ value: ics, path }: Entry<DatedCode>, entries: Entries, faults: Faults): void {
  if (ics.successors === undefined) return;
  if (ics.to === undefined) {
    faults.add(
      [...path, "successors"],
      "are given for a code that is still valid",
      "write its last day as to, or take them out",
    );
    return;
  }
  const { to } = ics;
  ics.successors.forEach((successor, at) => {
    const here = [...path, "successors", at];
    if (!checkKnown(successor, entries.names.icsCodes, here, "ICS", faults)) return;
    const ranges = allCodes(entries).filter(({ value }) => value.code === successor);
    const validThen = ranges.some(({ value }) => value.from <= to && (value.to === undefined || to < value.to));
    if (ranges.length > 0 && !validThen) {
      faults.add(
        here,
        `${successor} is not valid on ${to}`,
        "correct its dates, or name the code that took over that day",
      );
    }
  });
}

function checkAgreement({ value: agreement, path }: Entry<AgreementEntry>, { names }: Entries, faults: Faults): void {
  agreement.members.forEach((member, at) => {
    checkKnown(member, names.nodes, [...path, "members", at], "node", faults);
    if (agreement.members.indexOf(member) < at) {
      faults.add([...path, "members", at], `${quoted(member)} stands twice`, "keep it once");
    }
  });
  agreement.controllers.forEach((controller, at) => {
    const here = [...path, "controllers", at];
    checkKnown(controller.code, names.providers, [...here, "code"], "provider", faults);
    checkDates(controller.joined, controller.left, here, "left", faults);
    const again = agreement.controllers.findIndex(({ code }) => code === controller.code) < at;
    if (again) faults.add([...here, "code"], `${quoted(controller.code)} stands twice`, "keep it once");
  });
  if (agreement.suspendedBy !== undefined && agreement.suspendedBy[0] === agreement.suspendedBy[1]) {
    faults.add([...path, "suspendedBy"], "names one person twice", "two different people suspend an agreement");
  }
}
