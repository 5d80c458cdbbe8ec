import { z } from "zod";

import { parseOrganisationCode, SETTINGS } from "../base/words.ts";

const ISSUER = "use the EPR's FHIR address, https://host/path, without a slash at its end";
const CODES = "list organisations' codes";

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.search !== "" || url.hash !== "" || text.endsWith("/")) return false;
  // Without TLS only on this machine: a double.
  return url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "127.0.0.1");
}

/** An EPR that opens pages by SMART on FHIR, and what its users may claim. */
export const smartEhrSchema = z.strictObject({
  /** Its FHIR address: `iss` of its launches. */
  issuer: z.string(ISSUER).refine(isIssuer, ISSUER),
  /** As the audit's reason names it. */
  name: z.string("name the EPR").trim().min(1, "name the EPR").max(60, "use at most 60 characters"),
  /** Under which this node is registered there. */
  clientId: z.string("give the client id").min(1, "give the client id").max(200, "use at most 200 characters"),
  /** File with the private key whose public half is registered there, RSA or EC (P-384), PEM, for its owner alone. */
  key: z.string("give the path of the key").min(1, "give the path of the key"),
  /** Care setting of its users. */
  setting: z.enum(SETTINGS, `use one of ${SETTINGS.join(", ")}`),
  /** What its users may act for and as: nothing else is believed of it. */
  organisations: z
    .array(
      z.string(CODES).refine((text) => parseOrganisationCode(text) !== undefined, CODES),
      CODES,
    )
    .min(1, CODES),
  roles: z
    .array(z.string().regex(/^R\d{4}$/, "use national job roles, for example R8000"), "list national job roles")
    .min(1),
});

/** As the file has it, its path absolute. */
export type SmartEhrSettings = Readonly<Omit<z.infer<typeof smartEhrSchema>, "key">> & { readonly keyPath: string };

/** @param from makes a path of the file absolute. */
export function toSmartEhr(
  { key, ...ehr }: z.infer<typeof smartEhrSchema>,
  from: (target: string) => string,
): SmartEhrSettings {
  return { ...ehr, keyPath: from(key) };
}
