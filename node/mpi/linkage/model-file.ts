import { readFileSync } from "node:fs";

import { z } from "zod";

import { Failure } from "../../base/failure.ts";
import { FIELDS, type Field, LEVELS } from "./levels.ts";
import type { LinkModel } from "./model.ts";

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
 * Reads a model that somebody has trained.
 *
 * @throws {Failure} `configuration`: it cannot be read, or lacks a field or a level.
 */
export function readModelFile(path: string): LinkModel {
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
