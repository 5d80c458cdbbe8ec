import { z } from "zod";

import type { Claim } from "../base/question.ts";
import { type OrganisationCode, parseOrganisationCode } from "../base/words.ts";

/** One of a user's roles, as the national sign-in (CIS2) has it. */
const roleSchema = z.object({
  person_roleid: z.string().max(40),
  org_code: z.string().max(80),
  role_code: z.string().max(40),
});

/** Who signed in, by the claims of the national sign-in (CIS2): the user, their roles, and the one that was chosen. */
export const signInSchema = z.object({
  nhsid_useruid: z.string().min(1).max(100).optional(),
  selected_roleid: z.string().max(40).optional(),
  nhsid_nrbac_roles: z.array(roleSchema).min(1).max(50),
  authentication_assurance_level: z.union([z.string(), z.number()]).optional(),
});

export type SignIn = z.infer<typeof signInSchema>;

/** The role in which somebody acts, and how sure it is who they are. */
export interface ActingRole extends Pick<Claim, "role" | "assurance"> {
  readonly organisation: OrganisationCode;
}

/** @returns the role that was chosen, or what is wrong with the claims, in words that name them and hold nothing of them. */
export function actingRoleOf(said: SignIn): ActingRole | { readonly wrong: string } {
  const { nhsid_nrbac_roles: roles, selected_roleid: selected } = said;
  const role = selected === undefined ? roles[0] : roles.find(({ person_roleid: id }) => id === selected);
  if (role === undefined) return { wrong: "selected_roleid is none of nhsid_nrbac_roles" };
  if (selected === undefined && roles.length > 1) return { wrong: "selected_roleid is missing" };
  const organisation = parseOrganisationCode(role.org_code);
  if (organisation === undefined) return { wrong: "org_code of the selected role is not an organisation's code" };
  // S8000:G8000:R8000 and R8000 alike; the middle dots of CIS2's own form are colons here.
  return { role: role.role_code, organisation, assurance: assuranceOf(said.authentication_assurance_level) };
}

/** Levels of the national sign-in: 3 is a smartcard or its like. */
function assuranceOf(level: string | number | undefined): Claim["assurance"] {
  if (String(level) === "3") return "smartcard";
  return String(level) === "2" ? "two-factor" : "local";
}
