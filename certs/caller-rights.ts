import { z } from "zod";

import { SETTINGS, parseOrganisationCode } from "../node/base/words.ts";
import { DER, readExtension, readOnly } from "./der.ts";
import { CALLER_RIGHTS_OID, LEAF_DER_BYTES_MAX } from "./profile.ts";

/** What a caller's certificate lets it claim. Anything it does not list is refused, except in a sandbox. */
export const callerRightsSchema = z.strictObject({
  /** National job roles: an R code, or S:G:R. */
  roles: z
    .array(z.string().regex(/^(?:S\d{4}:G\d{4}:)?R\d{4}$/, "an R code, or S:G:R"))
    .max(100)
    .readonly(),
  settings: z.array(z.enum(SETTINGS)).max(SETTINGS.length).readonly(),
  organisations: z
    .array(z.string().refine((text) => parseOrganisationCode(text) !== undefined, "an organisation code"))
    .max(100)
    .readonly(),
  /** May load identities, pointers and objections. */
  feed: z.boolean(),
  /** May run the node: health, membership, reports without patients. */
  operate: z.boolean(),
  /** May see who is in doubt, and decide who is whom by hand. Absent = may not. */
  review: z.boolean().optional(),
  /** May claim any role, setting and organisation, at a node that is itself a sandbox. */
  sandbox: z.boolean(),
});

export type CallerRights = z.infer<typeof callerRightsSchema>;

/**
 * Reads what a caller may claim from its certificate, which OpenSSL has verified before.
 *
 * @returns `undefined` where the extension is absent, twice there, unreadable, or the certificate is over 8 KiB.
 */
export function readCallerRights(der: Uint8Array): CallerRights | undefined {
  if (der.length > LEAF_DER_BYTES_MAX) return undefined;
  const value = readExtension(der, CALLER_RIGHTS_OID);
  const json = value && readOnly(value, DER.utf8);
  return json && parseRights(json);
}

function parseRights(json: Uint8Array): CallerRights | undefined {
  try {
    return callerRightsSchema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json))).data;
  } catch {
    return undefined;
  }
}
