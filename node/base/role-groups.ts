/**
 * The role groups of the access table, widest work first. National job roles map onto them in `access/roles.ts`;
 * agreements name them. A change here is a change to every file of `access/table/`.
 */
export const ROLE_GROUPS = [
  "doctor",
  "gp",
  "nurse",
  "midwife",
  "allied-health-professional",
  "paramedic",
  "pharmacist",
  "mental-health-professional",
  "approved-mental-health-professional",
  "social-worker",
  "childrens-social-worker",
  "care-home-staff",
  "administrator",
  "privacy-officer",
] as const;
export type RoleGroup = (typeof ROLE_GROUPS)[number];

export function parseRoleGroup(text: string): RoleGroup | undefined {
  return ROLE_GROUPS.find((group) => group === text);
}
