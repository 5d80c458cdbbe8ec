import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { jobRoleOf, roleGroupOf } from "./roles.ts";

/** What an organisation calls a job of its own, whose staff have no smartcard, and the national job role that it is. */
export interface LocalRole {
  readonly organisation: string;
  readonly name: string;
  readonly role: string;
}

/** The national job role that an organisation's own name for a job stands for; `undefined` where it stands for none. */
export function nationalRoleOf(mappings: readonly LocalRole[], organisation: string, name: string): string | undefined {
  const key = keyOf({ organisation, name });
  return mappings.find((mapping) => keyOf(mapping) === key)?.role;
}

/**
 * Puts the national job role in the place of an organisation's own name for a job. Whoever claims neither is left as they
 * are, and refused where roles are judged.
 */
export function withNationalRole<Asked extends { readonly claim: Claim }>(
  asked: Asked,
  mappings: readonly LocalRole[],
): Asked {
  const { claim } = asked;
  const role = nationalRoleOf(mappings, claim.organisation, claim.role);
  return role === undefined ? asked : { ...asked, claim: { ...claim, role, localRole: claim.role } };
}

/** @throws {Failure} `configuration`: a mapping that could not be used, or not in one way only; with what is wrong. */
export function checkLocalRoles(mappings: readonly LocalRole[]): void {
  for (const [at, mapping] of mappings.entries()) {
    const { organisation, name, role } = mapping;
    const where = `access.localRoles.${at}`;
    if (roleGroupOf(role) === undefined) throw wrong(where, `"${role}" is no job role of the access table`);
    if (jobRoleOf(name) !== undefined) throw wrong(where, `"${name}" is a national job role already`);
    const isTwice = mappings.findIndex((other) => keyOf(other) === keyOf(mapping)) < at;
    if (isTwice) throw wrong(where, `"${name}" of ${organisation} is mapped twice`);
  }
}

/** Whoever types a name does not mind its case. */
function keyOf({ organisation, name }: Omit<LocalRole, "role">): string {
  return `${organisation}\n${name.trim().toLowerCase()}`;
}

function wrong(where: string, what: string): Failure {
  return new Failure("configuration", `A local role is wrong: ${what}.`, { where });
}
