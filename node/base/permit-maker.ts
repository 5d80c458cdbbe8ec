import type { Permit } from "./permit.ts";

/** Makes a permit. Imported by `access/` alone; the architecture test sees to it. */
export function makePermit(
  terms: Omit<Permit, keyof { [K in keyof Permit as K extends symbol ? K : never]: 0 }>,
): Permit {
  return Object.freeze({ ...terms }) as Permit;
}
