import type { AccessLevel } from "../base/answer.ts";
import type { SharedFields } from "../base/datasets.ts";
import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { OrganisationCode, Purpose, Sensitivity, Setting } from "../base/words.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { isAdult } from "./agreements.ts";
import { judgeAge, judgeBetween, judgeClaim, type Refused } from "./judge.ts";
import { custodiansIn, isLess, type Narrowing, NO_NARROWING } from "./narrowing.ts";
import { custodianLevelOf, mayKnowCustodian } from "./roles.ts";
import { fieldsUnder } from "./shared-datasets.ts";
import type { AccessTable } from "./table.ts";
import { ruleOn, type Ruling, type TermsOf } from "./terms.ts";

/** A question as a reviewer puts it: nobody in particular asks about nobody in particular. */
export interface Supposed {
  /** National job role. */
  readonly role: string;
  readonly setting: Setting;
  readonly purpose: Purpose;
  /** Of the patient, in whole years. */
  readonly age: number;
  /** False where the patient is named without an NHS number. */
  readonly byNumber: boolean;
  /** Whose records; absent for those of a custodian that narrows nothing. */
  readonly custodian?: OrganisationCode | undefined;
  /** Of that custodian or its service; normal where absent. */
  readonly sensitivity?: Sensitivity | undefined;
}

/** What is in force where the question is answered. */
export interface InForce {
  readonly table: AccessTable;
  /** Absent where nothing is narrowed. */
  readonly narrowing?: Narrowing | undefined;
  /** The two ends and what they have agreed; absent for a node's own users. */
  readonly between?: {
    /** Node id. */
    readonly asker: string;
    readonly holder: Pick<Member, "id" | "ages">;
    readonly agreements: readonly Agreement[];
    /** `YYYY-MM-DD`. */
    readonly day: string;
  };
}

export type Explanation =
  | ({ readonly kind: "refused" } & Refused)
  | {
      readonly kind: "permitted";
      readonly group: RoleGroup;
      /** Ids of the agreements that it rests on; none for a node's own users. */
      readonly agreements: readonly string[];
      readonly rulings: ReadonlyMap<RecordTypeKey, Explained>;
      /** Of a record of this type that is opened, the fields that the agreements share. */
      readonly fieldsOf: (recordType: RecordTypeKey) => SharedFields;
      /** Custodians of whose records less is shown than the rulings say; none where the question is about one custodian. */
      readonly custodians: readonly CustodianRuling[];
    };

/** What is shown of one custodian's records of a type. */
export interface CustodianRuling extends Ruling {
  readonly custodian: OrganisationCode;
  readonly recordType: RecordTypeKey;
}

/** A ruling; or that the custodian is above what the role group may know of, so that its records are withheld whole. */
export type Explained = Omit<Ruling, "by"> & { readonly by: Ruling["by"] | "sensitivity" };

/**
 * Says what would be decided about such a question, and by which line of which file: by the same functions as when
 * somebody asks, so that the two cannot come apart.
 */
export function explain(supposed: Supposed, { table, narrowing = NO_NARROWING, between }: InForce): Explanation {
  const { setting, purpose, age, byNumber, custodian, sensitivity = "N" } = supposed;
  const claim = judgeClaim(supposed, table);
  if (claim.refused !== undefined) return { kind: "refused", ...claim.refused };
  const { group } = claim;
  let agreements: readonly Agreement[] | undefined;
  if (between !== undefined) {
    const { asker, holder, day } = between;
    const outsideAges = judgeAge(holder, age);
    if (outsideAges !== undefined) return { kind: "refused", ...outsideAges };
    const asked = { asker, holder: holder.id, purpose, roleGroup: group, byNumber, isAdult: isAdult(age), day };
    const judged = judgeBetween(between.agreements, setting, asked, table, narrowing);
    if ("refusal" in judged) return { kind: "refused", ...judged };
    ({ agreements } = judged);
  }
  const of = { table, narrowing, setting, group, isEmergency: purpose === "BTG", agreements };
  const rulings = new Map(
    RECORD_TYPE_KEYS.map((key): [RecordTypeKey, Explained] => {
      const ruling = ruleOn(key, of, custodian);
      const withheld = ruling.level !== "none" && !mayKnowCustodian(group, sensitivity);
      return [key, withheld ? { ...WITHHELD, where: custodianWhere(group) } : ruling];
    }),
  );
  const fieldsOf = (recordType: RecordTypeKey): SharedFields =>
    agreements === undefined ? "all" : fieldsUnder(agreements, group, recordType);
  const custodians = custodian === undefined ? custodianRulings(of) : [];
  return { kind: "permitted", group, agreements: agreements?.map(({ id }) => id) ?? [], rulings, fieldsOf, custodians };
}

function custodianRulings(of: TermsOf): readonly CustodianRuling[] {
  return custodiansIn(of.narrowing.lines).flatMap((custodian) =>
    RECORD_TYPE_KEYS.map((recordType) => ({ custodian, recordType, ...ruleOn(recordType, of, custodian) })).filter(
      ({ recordType, level }) => isLess(level, ruleOn(recordType, of).level),
    ),
  );
}

const WITHHELD = { level: "none", by: "sensitivity", why: "" } as const;

function custodianWhere(group: RoleGroup): string {
  return `node/access/roles.ts: ${group} sees custodians and services up to ${custodianLevelOf(group)}`;
}

/** How much is seen of a record type in all: a refusal shows nothing. */
export function levelIn(explanation: Explanation, recordType: RecordTypeKey): AccessLevel {
  return explanation.kind === "refused" ? "none" : (explanation.rulings.get(recordType)?.level ?? "none");
}
