import type { AccessLevel } from "../base/answer.ts";
import type { SharedFields } from "../base/datasets.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { OrganisationCode, Sensitivity, Setting } from "../base/words.ts";
import type { Agreement } from "../../topology/manifest.ts";
import { custodiansIn, isLess, linesFor, type Narrowing } from "./narrowing.ts";
import { mayKnowCustodian } from "./roles.ts";
import { fieldsUnder, shares } from "./shared-datasets.ts";
import type { AccessTable } from "./table.ts";

/** What decides how much is seen, and for whom it is decided. */
export interface TermsOf {
  readonly table: AccessTable;
  readonly narrowing: Narrowing;
  readonly setting: Setting;
  readonly group: RoleGroup;
  /** Emergency access opens what is sealed, and summaries; never what is none. */
  readonly isEmergency?: boolean | undefined;
  /** Those that hold between the two nodes; absent for the node's own users, who need none. */
  readonly agreements?: readonly Agreement[] | undefined;
}

/** How much is seen of a record type, and what decided that. */
export interface Ruling {
  readonly level: AccessLevel;
  readonly by: "law" | "table" | "agreement" | "narrowing";
  /** Where a reviewer finds it: a line of a file, or the agreements. */
  readonly where: string;
  /** The narrowing's own words; empty for all others. */
  readonly why: string;
}

/** What a role group may see: the same for every patient, so worked out once. */
export interface Terms {
  readonly levelOf: (recordType: RecordTypeKey, custodian?: OrganisationCode) => AccessLevel;
  readonly sealed: readonly RecordTypeKey[];
  readonly notOffered: readonly RecordTypeKey[];
  readonly mayKnowCustodian: (sensitivity: Sensitivity) => boolean;
  /** Of records of a type, the fields that may be shown: all to a node's own users. */
  readonly fieldsOf: (recordType: RecordTypeKey) => SharedFields;
  /** True where everything is none. */
  readonly nothing: boolean;
}

/**
 * Rules on one record type: the table's cell; then nothing, where no agreement names the type; then the lowest of what the
 * node and the custodian narrow it to; then, under emergency access, all of what is left. The one place where this is decided,
 * for questions and for reviewers.
 */
export function ruleOn(recordType: RecordTypeKey, of: TermsOf, custodian?: OrganisationCode): Ruling {
  const { table, narrowing, setting, group, agreements } = of;
  const level = table.levelOf(setting, group, recordType);
  const cell = { level, where: `${table.whereOf(setting, recordType)}, column ${group}`, why: "" };
  if (PROTECTED_RECORD_TYPES.has(recordType)) return { ...cell, by: "law" };
  if (level === "none") return { ...cell, by: "table" };
  if (agreements?.every((agreement) => !shares(agreement, group, recordType)) === true) {
    const where = agreements.map(whereListed).join("; ");
    return { level: "none", by: "agreement", where, why: "" };
  }
  let ruling: Ruling = { ...cell, by: "table" };
  for (const line of linesFor(narrowing, setting, group)) {
    if (line.recordType !== "all" && line.recordType !== recordType) continue;
    if (line.custodian !== "all" && line.custodian !== custodian) continue;
    if (!isLess(line.atMost, ruling.level)) continue;
    ruling = { level: line.atMost, by: "narrowing", where: `${narrowing.file} line ${line.line}`, why: line.why };
  }
  return of.isEmergency === true && ruling.level !== "none" ? { ...ruling, level: "full" } : ruling;
}

/** Where an agreement lists what it shares. */
export function whereListed({ id, datasets }: Agreement): string {
  return `agreement ${id}: ${datasets === undefined ? "recordTypes" : "recordTypes, datasets"}`;
}

/** Works out what a role group may see. */
export function workOutTerms(of: TermsOf): Terms {
  const general = levelsOf(of);
  const named = custodiansIn(linesFor(of.narrowing, of.setting, of.group));
  const custodians = new Map(named.map((custodian) => [custodian, levelsOf(of, custodian)]));
  const inGeneral = (recordType: RecordTypeKey): AccessLevel => general.get(recordType) ?? "none";
  const ofCustodian = (recordType: RecordTypeKey, custodian?: OrganisationCode): AccessLevel =>
    (custodian === undefined ? undefined : custodians.get(custodian))?.get(recordType) ?? inGeneral(recordType);

  // Where only one custodian narrows a type, the notice is everybody's all the same: it must not tell whose patient it is.
  const isSealed = (recordType: RecordTypeKey): boolean =>
    inGeneral(recordType) !== "none" &&
    [general, ...custodians.values()].some((levels) => levels.get(recordType) !== "full");
  const unseen = RECORD_TYPE_KEYS.filter((recordType) => inGeneral(recordType) === "none");
  return Object.freeze({
    levelOf: custodians.size === 0 ? inGeneral : ofCustodian,
    sealed: Object.freeze(RECORD_TYPE_KEYS.filter(isSealed)),
    notOffered: Object.freeze(unseen.filter((recordType) => !PROTECTED_RECORD_TYPES.has(recordType))),
    mayKnowCustodian: (sensitivity: Sensitivity) => mayKnowCustodian(of.group, sensitivity),
    fieldsOf: (recordType: RecordTypeKey) =>
      of.agreements === undefined ? "all" : fieldsUnder(of.agreements, of.group, recordType),
    nothing: unseen.length === RECORD_TYPE_KEYS.length,
  });
}

function levelsOf(of: TermsOf, custodian?: OrganisationCode): ReadonlyMap<RecordTypeKey, AccessLevel> {
  return new Map(RECORD_TYPE_KEYS.map((recordType) => [recordType, ruleOn(recordType, of, custodian).level]));
}
