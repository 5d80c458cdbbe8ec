import { stringify } from "yaml";

import type { DatasetKey } from "../../node/base/datasets.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";
import type { RoleGroup } from "../../node/base/role-groups.ts";
import type { Purpose } from "../../node/base/words.ts";

/** One area of a small invented network: a node, and one provider that feeds it. */
export interface AreaOrder {
  readonly id: string;
  /** In plain words, as a clinician reads it. */
  readonly name: string;
  readonly collaborative: string;
  readonly region: string;
  /** Whole years from which on the node holds people; 0 unless said otherwise. */
  readonly agesFrom?: number;
  readonly status?: "live" | "joining" | "suspended";
}

export interface AgreementOrder {
  readonly between: readonly string[];
  readonly purposes?: readonly Exclude<Purpose, "OTHER">[];
  readonly roleGroups?: readonly RoleGroup[];
  /** All unless said otherwise. */
  readonly recordTypes?: readonly RecordTypeKey[];
  readonly datasets?: readonly {
    readonly dataset: DatasetKey;
    readonly roleGroups: readonly RoleGroup[];
    readonly fields: readonly string[] | "all";
  }[];
  readonly adultsOnly?: boolean;
  /** Questions without an NHS number may be asked. */
  readonly byName?: boolean;
}

export interface TopologyOrder {
  readonly areas: readonly AreaOrder[];
  readonly agreements: readonly AgreementOrder[];
  /** Names of areas that the directory knows and nobody answers for. */
  readonly withoutNode?: readonly string[];
  /** Areas whose Caldicott Guardians have signed for presence filters; absent: everybody is asked. */
  readonly signedOff?: readonly string[];
}

const SINCE = "2024-04-01";
const PHONE = "01632 960000"; // kept for drama: nobody's

/** The text of a topology file. */
export function topologyText({ areas, agreements, withoutNode = [], signedOff }: TopologyOrder): string {
  return stringify({
    network: {
      name: "Trial record network",
      domain: "trial.corridor.example",
      authority: "Trial Authority (invented)",
    },
    collaboratives: [...new Set(areas.map(({ collaborative }) => collaborative))].map((id) => ({ id, name: id })),
    nodes: areas.map(nodeEntry),
    providers: areas.map((area) => ({
      code: providerOf(area.id),
      name: hospitalOf(area),
      type: "acute",
      phone: PHONE,
      feeds: [{ node: area.id, state: "feeding", recordTypes: "all" }],
    })),
    icsWithoutNode: withoutNode.map((name, at) => ({ code: `Z9${at}`, name, region: "Elsewhere", from: SINCE })),
    agreements: agreements.map(agreementEntry),
    ...(signedOff && {
      presenceFilters: {
        dpia: "DPIA-TRIAL-2 (invented)",
        signOffs: signedOff.map((node) => ({ node, guardian: "Invented Guardian", signedOn: SINCE })),
      },
    }),
  });
}

/** The code of the one provider that feeds a node of this network. */
export function providerOf(areaId: string): string {
  return `${areaId.toUpperCase()}H`;
}

/** Its name, as answers show it. */
export function hospitalOf({ name }: Pick<AreaOrder, "name">): string {
  return `${name} Hospital`;
}

function nodeEntry({ id, name, collaborative, region, agesFrom = 0, status = "live" }: AreaOrder, at: number) {
  return {
    ...{ id, name, collaborative, region, population: 500_000, ages: { from: agesFrom }, status },
    ics: [{ code: `Z1${at}`, name, from: SINCE }],
    coverageContact: { name: `${name} record desk`, phone: PHONE, hours: "24 hours" },
  };
}

function agreementEntry(order: AgreementOrder, at: number) {
  const {
    between,
    purposes = ["TREAT", "ETREAT", "CAREMGT"],
    roleGroups = "all",
    recordTypes = "all",
    datasets,
    adultsOnly = false,
    byName = false,
  } = order;
  return {
    id: `agreement-${at}`,
    title: `Direct care between ${between.join(" and ")}`,
    members: between,
    controllers: between.map((id) => ({ code: providerOf(id), joined: SINCE })),
    processors: [],
    dpo: "Data protection officer of the trial (invented)",
    lawfulBasis: "UK GDPR article 6(1)(e) and article 9(2)(h)",
    dpia: "DPIA-TRIAL (invented)",
    ...{ purposes, recordTypes, roleGroups, consentModel: "implied", adultsOnly, demographicQuestions: byName },
    ...(datasets && { datasets }),
    reviewDate: "2099-01-01",
  };
}
