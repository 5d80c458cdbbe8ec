import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { Failure } from "../../base/failure.ts";
import { FIELDS, type Field, LEVELS } from "./levels.ts";

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

/** A probability that is no certainty: its logarithm is a number. */
const probability = z.number().gt(0).lte(1);

const MODEL = z.strictObject({
  version: z.string().regex(/^[\w.-]{1,40}$/),
  fields: z.strictObject(
    Object.fromEntries(FIELDS.map((field) => [field, fieldSchema(field)])) as Record<
      Field,
      ReturnType<typeof fieldSchema>
    >,
  ),
  linkBits: z.number(),
  reviewBits: z.number().min(0),
  marginBits: z.number().min(0),
  meanBits: z.number(),
  common: z.strictObject({
    given: z.record(z.string(), probability),
    family: z.record(z.string(), probability),
  }),
});

function fieldSchema(field: Field) {
  const levels = z.array(probability).length(LEVELS[field].length);
  return z.strictObject({ m: levels, u: levels });
}

/**
 * Reads a model.
 *
 * @param path the product's own model unless given.
 * @throws {Failure} `configuration`: it cannot be read, or lacks a field or a level.
 */
export function readModel(path: string = join(import.meta.dirname, "model.json")): LinkModel {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Failure("configuration", "The linking model cannot be read: it is no JSON file.", { where: path, cause });
  }
  const read = MODEL.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Failure("configuration", `The linking model is not whole: ${issue?.path.join(".")}: ${issue?.message}`, {
    where: path,
  });
}
