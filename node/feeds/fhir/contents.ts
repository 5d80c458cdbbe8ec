import { isProtectedCoding } from "./protected-codes.ts";

/** How deep a resource may be nested; FHIR's own examples stay below 20. */
const DEPTH_MAX = 100;

/** With these, what a resource says may be the opposite of what it seems to say. */
export const MODIFIERS = ["modifierExtension", "implicitRules"];

/** What is found anywhere in a resource, whatever element it stands in. */
export interface Contents {
  /** True where a coding or a label is of a legally protected kind, or where it goes deeper than this looks. */
  readonly isProtected: boolean;
  /** Every reference to another resource. */
  readonly references: readonly string[];
  /** True where it goes deeper than this looks. */
  readonly tooDeep: boolean;
  /** True where something in it changes the meaning of the rest, in a way that is not known here. */
  readonly isModified: boolean;
}

/** Looks through a whole resource, extensions, contained resources and elements of other versions included. */
export function lookThrough(resource: unknown): Contents {
  const references: string[] = [];
  let isProtected = false;
  let isModified = false;
  let level: unknown[] = [resource];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) return { isProtected: true, references, tooDeep: true, isModified };
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      if (!Array.isArray(value)) {
        const { code, system, reference } = value as Readonly<Record<string, unknown>>;
        if (isProtectedCoding(system, code)) isProtected = true;
        if (MODIFIERS.some((name) => Object.hasOwn(value, name))) isModified = true;
        if (typeof reference === "string") references.push(reference);
      }
      for (const inner of Object.values(value)) if (typeof inner === "object") next.push(inner);
    }
    level = next;
  }
  return { isProtected, references, tooDeep: false, isModified };
}
