import { makePermit } from "../base/permit-maker.ts";
import type { Permit } from "../base/permit.ts";
import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import {
  type NodeId,
  type OrganisationCode,
  type Sensitivity,
  SENSITIVITIES,
  type Setting,
  SETTINGS,
} from "../base/words.ts";
import type { Agreement } from "../../topology/manifest.ts";
import { judgeBetween } from "./judge.ts";
import type { Narrowing } from "./narrowing.ts";
import { mayHearOfPossibleMatch } from "./possible-match.ts";
import { aRoleOf } from "./roles.ts";
import type { AccessTable } from "./table.ts";
import type { Terms } from "./terms.ts";

/** All that the users of one node may see at another by ordinary direct care, emergency access left out. */
export interface OrdinaryPermits {
  /** What any of them may see, put together: whoever it shows nothing of is shown to none of them. */
  readonly together: Permit;
  /** Each that differs from the others, the one that shows most first. */
  readonly each: readonly Permit[];
  /** Equal for two askers who may see the same. */
  readonly key: string;
}

export interface OrdinaryOf {
  readonly table: AccessTable;
  readonly narrowing: Narrowing;
  readonly agreements: readonly Agreement[];
  readonly asker: NodeId;
  readonly holder: NodeId;
  readonly isAdult: boolean;
  /** `YYYY-MM-DD` */
  readonly day: string;
}

const ORDINARY_PURPOSES = ["TREAT", "ETREAT", "CAREMGT"] as const;

/** `undefined` where no user of the asker may see anything by ordinary direct care. */
export function ordinaryPermits(of: OrdinaryOf): OrdinaryPermits | undefined {
  const named = of.narrowing.lines.flatMap(({ custodian }) => (custodian === "all" ? [] : [custodian]));
  const custodians = [...new Set(named)];
  const kinds = new Map<string, Kind>();
  for (const setting of SETTINGS) {
    for (const group of ROLE_GROUPS) {
      if (!of.table.admits(setting, group)) continue;
      for (const purpose of ORDINARY_PURPOSES) {
        const { asker, holder, isAdult, day } = of;
        const asked = { asker, holder, purpose, roleGroup: group, byNumber: true, isAdult, day };
        const judged = judgeBetween(of.agreements, setting, asked, of.table, of.narrowing);
        if ("refusal" in judged) continue;
        const hears = mayHearOfPossibleMatch({ role: aRoleOf(group), setting });
        const key = keyOf(judged.terms, hears, custodians);
        if (!kinds.has(key)) kinds.set(key, { setting, group, hears, terms: judged.terms });
      }
    }
  }
  const all = [...kinds.values()].sort((one, other) => breadthOf(other) - breadthOf(one));
  if (all.length === 0) return undefined;
  return {
    together: permitOf(of, togetherOf(all)),
    each: all.map((kind) => permitOf(of, kind)),
    key: [...kinds.keys()].sort().join("\n"),
  };
}

/** One setting and role group, of all that may see the same. */
interface Kind {
  readonly setting: Setting;
  readonly group: RoleGroup;
  /** Of possible matches. */
  readonly hears: boolean;
  readonly terms: Pick<Terms, "levelOf" | "mayKnowCustodian">;
}

function permitOf({ asker }: OrdinaryOf, { setting, group, terms }: Kind): Permit {
  return makePermit({
    ...{ permitId: "", requestId: "", kind: "answer", asker, ...terms, sealed: [], notOffered: [] },
    fieldsOf: () => "all", // nothing is opened by such a permit
    claim: {
      ...{ userId: "", role: aRoleOf(group), setting, organisation: "" as OrganisationCode, assurance: "smartcard" },
      ...{ purpose: "TREAT", relationship: { kind: "registered" }, trigger: "person" },
    },
  });
}

function togetherOf(kinds: readonly Kind[]): Kind {
  const one = kinds.find(({ hears }) => hears) ?? kinds[0]!;
  const terms: Kind["terms"] = {
    levelOf: (recordType, custodian) =>
      kinds.some((kind) => isShown(kind.terms, recordType, custodian)) ? "full" : "none",
    mayKnowCustodian: (sensitivity) => kinds.some((kind) => kind.terms.mayKnowCustodian(sensitivity)),
  };
  return { ...one, terms };
}

function isShown({ levelOf }: Kind["terms"], recordType: RecordTypeKey, custodian?: OrganisationCode): boolean {
  const level = levelOf(recordType, custodian);
  return level === "full" || level === "summary";
}

function breadthOf({ terms }: Kind): number {
  return RECORD_TYPE_KEYS.filter((recordType) => isShown(terms, recordType)).length;
}

/** All that decides whether a person is shown to this kind of user. */
function keyOf(terms: Terms, hears: boolean, custodians: readonly OrganisationCode[]): string {
  const shown = (custodian?: OrganisationCode): string =>
    RECORD_TYPE_KEYS.map((recordType) => (isShown(terms, recordType, custodian) ? "1" : "0")).join("");
  const known = SENSITIVITIES.filter((sensitivity: Sensitivity) => terms.mayKnowCustodian(sensitivity)).join("");
  return [
    known,
    hears ? "hears" : "",
    shown(),
    ...custodians.map((custodian) => `${custodian}:${shown(custodian)}`),
  ].join(" ");
}
