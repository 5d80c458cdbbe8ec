import type { Permit } from "./permit.ts";

/** What a permit says, without the proof that only its maker can give. */
type PermitTerms = Omit<Permit, Extract<keyof Permit, symbol>>;

/** Makes a permit, frozen. Imported by `access/` alone; the architecture test sees to it. */
export function makePermit(terms: PermitTerms): Permit {
  return Object.freeze({ ...terms }) as Permit;
}
