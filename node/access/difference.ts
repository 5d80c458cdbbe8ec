import { ACCESS_LEVELS, type AccessLevel } from "../base/answer.ts";
import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import { PURPOSES, type Purpose, SETTINGS, type Setting } from "../base/words.ts";
import type { Agreement, Manifest, Member } from "../../topology/manifest.ts";
import { datasetWords } from "../../topology/manifest-differences.ts";
import { ADULT, type Decided, decideAll } from "./decision-table.ts";
import type { InForce } from "./explain.ts";
import { isLess } from "./narrowing.ts";

/** What one change of a table or a manifest does to those who are alike in it: every combination of the lists. */
export interface Change {
  readonly kind: "gains" | "loses";
  readonly from: AccessLevel;
  readonly to: AccessLevel;
  /** `wm-bsol asks wm-cw`; empty where two tables are compared. */
  readonly between: readonly string[];
  /** `adults by number` and the like; empty where two tables are compared. */
  readonly about: readonly string[];
  readonly groups: readonly RoleGroup[];
  readonly settings: readonly Setting[];
  readonly purposes: readonly Purpose[];
  readonly recordTypes: readonly RecordTypeKey[];
}

/** Of what was told to different people, what came to the same. In this order, so that the longest lists come last. */
const LISTS = ["purposes", "about", "recordTypes", "between", "settings", "groups"] as const;

/** Who gains and who loses what by the step from one access table to another. */
export function compareTables(old: Pick<InForce, "table">, now: Pick<InForce, "table">): readonly Change[] {
  return merge(changesBetween(decideAll(old), decideAll(now)));
}

/** Of whom agreements and members may make a difference. */
const ABOUT = [
  { name: "adults by number", ...ADULT },
  { name: "adults by name", age: ADULT.age, byNumber: false },
  { name: "children by number", age: 10, byNumber: true },
  { name: "children by name", age: 10, byNumber: false },
] as const;

/**
 * Who gains and who loses what by the step from one manifest to another: for every two members, in each direction.
 *
 * @param day on which both are read, `YYYY-MM-DD`.
 */
export function compareManifests(
  old: Manifest,
  now: Manifest,
  table: InForce["table"],
  day: string,
): readonly Change[] {
  const ids = [...new Set([...old.members, ...now.members].map(({ id }) => id))].sort();
  const changes: Change[] = [];
  /** Pairs whose agreements say the same need be looked at once. */
  const known = new Map<string, readonly Change[]>();
  for (const asker of ids) {
    for (const holder of ids) {
      if (asker === holder) continue;
      const [before, after] = [standingOf(old, asker, holder), standingOf(now, asker, holder)];
      const key = JSON.stringify([before, after]);
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      let found = known.get(key);
      if (found === undefined) known.set(key, (found = compareStandings(before, after, table, day)));
      changes.push(...found.map((change) => ({ ...change, between: [`${asker} asks ${holder}`] })));
    }
  }
  return merge(changes);
}

/** Fields of datasets that role groups gain or lose under an agreement, in words; one that is new or gone counts whole. */
export function compareFields(old: Manifest, now: Manifest): readonly string[] {
  const ids = [...new Set([...old.agreements, ...now.agreements].map(({ id }) => id))].sort();
  return ids.flatMap((id) => {
    const [before, after] = [old, now].map(({ agreements }) =>
      datasetWords(agreements.find((each) => each.id === id) ?? {}),
    ) as [readonly string[], readonly string[]];
    return [
      ...after.filter((word) => !before.includes(word)).map((word) => `gains: ${word}; agreement ${id}`),
      ...before.filter((word) => !after.includes(word)).map((word) => `loses: ${word}; agreement ${id}`),
    ];
  });
}

/** What a manifest says of two members, without their names, so that pairs that stand alike compare equal. */
interface Standing {
  readonly ages: Member["ages"];
  readonly agreements: readonly Agreement[];
}

/** Nothing where either is no live member: nobody asks them, and they ask nobody. */
function standingOf(manifest: Manifest, asker: string, holder: string): Standing | undefined {
  const isLive = (id: string): boolean => manifest.members.some((each) => each.id === id && each.status === "live");
  const member = manifest.members.find(({ id }) => id === holder);
  if (member === undefined || !isLive(asker) || !isLive(holder)) return undefined;
  const shared = manifest.agreements.filter(({ members }) => members.includes(asker) && members.includes(holder));
  return { ages: member.ages, agreements: shared.map(withoutNames) };
}

/** Only what decides: pairs whose agreements differ in names alone stand alike. */
function withoutNames(agreement: Agreement): Agreement {
  const controllers = agreement.controllers.map((each) => ({ ...each, code: "", name: "" }));
  const texts = { id: "", title: "", dpo: "", lawfulBasis: "", dpia: "", processors: [] };
  return { ...agreement, ...texts, controllers, members: ["asker", "holder"] };
}

function compareStandings(
  before: Standing | undefined,
  after: Standing | undefined,
  table: InForce["table"],
  day: string,
): readonly Change[] {
  const changes = ABOUT.flatMap(({ name, ...supposed }) => {
    const [old, now] = [before, after].map((standing) =>
      decideAll({ table, between: betweenOf(standing, day) }, supposed),
    );
    return changesBetween(old ?? [], now ?? []).map((change) => ({ ...change, about: [name] }));
  });
  return merge(changes);
}

function betweenOf(standing: Standing | undefined, day: string): NonNullable<InForce["between"]> {
  const { ages, agreements } = standing ?? { ages: { from: 0 }, agreements: [] };
  return { asker: "asker", holder: { id: "holder", ages }, agreements, day };
}

/** Cell by cell. Both are in one order: that of settings, role groups and purposes. */
export function changesBetween(old: readonly Decided[], now: readonly Decided[]): readonly Change[] {
  return now.flatMap(({ setting, group, purpose, levelOf }, at) =>
    RECORD_TYPE_KEYS.flatMap((recordType): Change[] => {
      const [from, to] = [old[at]?.levelOf(recordType) ?? "none", levelOf(recordType)];
      if (from === to) return [];
      const kind = isLess(from, to) ? "gains" : "loses";
      const lists = { groups: [group], settings: [setting], purposes: [purpose], recordTypes: [recordType] };
      return [{ kind, from, to, between: [], about: [], ...lists }];
    }),
  );
}

/** Says in one change what is alike in all but one list, list after list. */
export function merge(changes: readonly Change[]): readonly Change[] {
  let merged = changes;
  for (const list of LISTS) {
    const alike = new Map<string, Change>();
    for (const change of merged) {
      const key = JSON.stringify({ ...change, [list]: [] });
      const known = alike.get(key);
      alike.set(key, known === undefined ? change : { ...known, [list]: [...known[list], ...change[list]] });
    }
    merged = [...alike.values()];
  }
  return merged.toSorted((one, other) => rankOf(one) - rankOf(other));
}

/** Gains first: they are what a reviewer is there for. */
function rankOf({ kind, to }: Change): number {
  return (kind === "gains" ? 0 : ACCESS_LEVELS.length) + ACCESS_LEVELS.indexOf(to);
}

/** So many pairs are named in a line; a whole network's would fill a page. */
const PAIRS_NAMED = 6;

/** One line for each change, in plain words. */
export function changeLines(changes: readonly Change[]): string[] {
  return changes.map(({ kind, from, to, between, about, groups, settings, purposes, recordTypes }) =>
    [
      `${kind}: ${allOf(groups, ROLE_GROUPS)}`,
      `in ${allOf(settings, SETTINGS)}`,
      `for ${allOf(purposes, PURPOSES)}`,
      ...(between.length === 0 ? [] : [`where ${firstOf(between)}`]),
      ...(about.length === 0 ? [] : [`about ${about.length === ABOUT.length ? "anybody" : about.join(", ")}`]),
      `${from} → ${to} of ${allOf(recordTypes, RECORD_TYPE_KEYS)}`,
    ].join("; "),
  );
}

function firstOf(pairs: readonly string[]): string {
  const more = pairs.length - PAIRS_NAMED;
  return more <= 0 ? pairs.join(", ") : `${pairs.slice(0, PAIRS_NAMED).join(", ")} and ${more} more pairs`;
}

function allOf(some: readonly string[], all: readonly string[]): string {
  return some.length === all.length ? "all" : some.join(", ");
}
