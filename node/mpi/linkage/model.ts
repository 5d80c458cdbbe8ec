import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Field } from "./levels.ts";

export const OWN_MODEL = join(import.meta.dirname, "model.json");

/** How often a field agrees at each of its levels among pairs of one person (m) and among pairs of two (u). */
export interface FieldModel {
  readonly m: readonly number[];
  readonly u: readonly number[];
}

/** The parameters of the linker: trained, versioned, and the same for whatever is linked with them. */
export interface LinkModel {
  /** Stands in every event that the model decided. */
  readonly version: string;
  readonly fields: { readonly [F in Field]: FieldModel };
  /** Bits beyond the logarithm of how many people there may be, from which a pair is one person's. */
  readonly linkBits: number;
  /** Bits below that, from which a pair is for somebody to look at. */
  readonly reviewBits: number;
  /** Bits by which the best person must be ahead of another whose record it cannot be as well. */
  readonly marginBits: number;
  /** Bits that the pairs between two persons must have on average before they are taken for one. */
  readonly meanBits: number;
  /** Shares of the commonest names of the country, normalised; all others are rare. */
  readonly common: { readonly given: Shares; readonly family: Shares };
}

export type Shares = Readonly<Record<string, number>>;

/**
 * The product's own model. Its file is part of the program, which a test holds against the schema of other models
 * (`model-file.ts`): a writer's thread need not carry the schema's library for it.
 */
export function ownModel(): LinkModel {
  return JSON.parse(readFileSync(OWN_MODEL, "utf8")) as LinkModel;
}
