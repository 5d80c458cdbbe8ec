import { datasetOf, parseDataset, type SharedFields } from "../base/datasets.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import type { RoleGroup } from "../base/role-groups.ts";
import type { Agreement } from "../../topology/manifest.ts";

type AgreedDataset = NonNullable<Agreement["datasets"]>[number];

/** True where a list of keys names this one, or is the one word `all`. */
export function names(list: readonly string[], key: string): boolean {
  return list.includes("all") || list.includes(key);
}

/** The datasets that an agreement gives to a role group. */
export function datasetsFor({ datasets = [] }: Agreement, group: RoleGroup): readonly AgreedDataset[] {
  return datasets.filter(({ roleGroups }) => names(roleGroups, group));
}

/** True where an agreement gives a role group anything at all. */
export function isFor(agreement: Agreement, group: RoleGroup): boolean {
  return names(agreement.roleGroups, group) || datasetsFor(agreement, group).length > 0;
}

/** True where an agreement lets a role group see records of a type: by its own lists, or by a dataset. */
export function shares(agreement: Agreement, group: RoleGroup, recordType: RecordTypeKey): boolean {
  return (
    sharesWhole(agreement, group, recordType) || datasetsFor(agreement, group).some((each) => holds(each, recordType))
  );
}

function sharesWhole({ roleGroups, recordTypes }: Agreement, group: RoleGroup, recordType: RecordTypeKey): boolean {
  return names(roleGroups, group) && names(recordTypes, recordType);
}

function holds({ dataset }: AgreedDataset, recordType: RecordTypeKey): boolean {
  const known = parseDataset(dataset);
  return known !== undefined && datasetOf(known).recordTypes.includes(recordType);
}

/**
 * Of records of a type, the fields that a role group may see under these agreements: all where one shares the type whole, else
 * those that their datasets name together.
 */
export function fieldsUnder(
  agreements: readonly Agreement[],
  group: RoleGroup,
  recordType: RecordTypeKey,
): SharedFields {
  if (agreements.some((agreement) => sharesWhole(agreement, group, recordType))) return "all";
  const agreed = agreements.flatMap((agreement) => datasetsFor(agreement, group));
  const lists = agreed.filter((each) => holds(each, recordType)).map(({ fields }) => fields);
  return lists.some((fields) => fields.includes("all")) ? "all" : new Set(lists.flat());
}
