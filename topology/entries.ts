import { z } from "zod";

import { quoted, suggestion } from "./faults.ts";
import type { Faults, Path } from "./faults.ts";

/** One entry of a file that has the right shape, and where it stands. */
export interface Entry<T> {
  readonly value: T;
  readonly path: Path;
}

/** Reads one entry; notes its faults and gives nothing where it has any. */
export function readEntry<T>(schema: z.ZodType<T>, raw: unknown, path: Path, faults: Faults): Entry<T> | undefined {
  const result = schema.safeParse(raw, { reportInput: true });
  if (result.success) return { value: result.data, path };
  for (const issue of result.error.issues) noteIssue(issue, schema, raw, path, faults);
  return undefined;
}

/** Reads a list entry by entry, so that one wrong entry does not hide the faults of the others. */
export function readEntries<T>(schema: z.ZodType<T>, raw: unknown, path: Path, faults: Faults): Entry<T>[] {
  if (!Array.isArray(raw)) {
    faults.add(
      path,
      raw === undefined ? "is missing" : `is ${quoted(raw)}`,
      "write a list, one entry after each hyphen",
    );
    return [];
  }
  return raw.flatMap((item, at) => readEntry(schema, item, [...path, at], faults) ?? []);
}

/** Notes every key of a map that is not among those known. */
export function noteUnknownKeys(given: object, path: Path, known: readonly string[], faults: Faults): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    faults.addKey(path, key, "is not a known key", `take it out, or correct it: ${suggestion(key, known)}`);
  }
}

function noteIssue(issue: z.core.$ZodIssue, schema: z.ZodType, raw: unknown, path: Path, faults: Faults): void {
  const inner = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  const at = [...path, ...inner];
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, inner);
    for (const key of issue.keys) {
      faults.addKey(at, key, "is not a known key", `take it out, or correct it: ${suggestion(key, known)}`);
    }
    return;
  }
  const given = valueAt(raw, inner);
  faults.add(at, given === undefined ? "is missing" : `is ${quoted(given)}`, issue.message);
}

function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined,
    raw,
  );
}

/** The keys that a schema knows at a path inside it. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let at: unknown = unwrap(schema);
  for (const part of path) {
    if (at instanceof z.ZodObject) at = unwrap((at.shape as Record<string, unknown>)[part]);
    else if (at instanceof z.ZodArray) at = unwrap(at.element);
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: unknown): unknown {
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapped ? unwrap(schema.unwrap()) : schema;
}
