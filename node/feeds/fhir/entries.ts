import { Concealed } from "../../base/concealed.ts";
import type { Rejection } from "../../requests/load-batch.ts";
import { isJson, type Json, reject } from "./elements.ts";

/** Longest line, and longest entry of a Bundle that fills a file, in bytes. */
export const FHIR_BYTES_MAX = 16 * 1024 * 1024;

/** The source of longer ones is not kept for the rejects file: line and entry say where it stands. */
const SOURCE_CHARACTERS_MAX = 64 * 1024;

/** One resource where it stands, or why there is none. */
export type Entry = {
  readonly line: number;
  /** Its place in its Bundle, from 0; absent where it came alone. */
  readonly entry?: number;
  readonly source: Concealed<string>;
} & ({ readonly resource: Json; readonly fullUrl: string } | { readonly rejected: Rejection });

export const sourceOf = (text: string): Concealed<string> =>
  new Concealed(text.length > SOURCE_CHARACTERS_MAX ? "" : text);

/** Makes an entry of one element of `Bundle.entry`. */
export function toEntry(line: number, entry: number, element: unknown, source: Concealed<string>): Entry {
  const where = { line, entry, source };
  if (!isJson(element)) return { ...where, ...reject("Bundle.entry", "not an object") };
  const { fullUrl, resource, request } = element;
  const method = isJson(request) ? request["method"] : undefined;
  if (method !== undefined && method !== "POST" && method !== "PUT" && method !== "GET") {
    return { ...where, ...reject("Bundle.entry.request.method", "not one that brings a resource") };
  }
  if (!isJson(resource)) return { ...where, ...reject("Bundle.entry.resource", "missing") };
  return { ...where, resource, fullUrl: typeof fullUrl === "string" ? fullUrl : "" };
}

export const NO_ENTRY = reject("Bundle.entry", "there is none");

/** The entries of a Bundle that has been parsed whole. */
export function entriesOf(line: number, bundle: Json): readonly Entry[] {
  const elements = bundle["entry"];
  if (!Array.isArray(elements) || elements.length === 0) {
    return [{ line, source: new Concealed(""), ...NO_ENTRY }];
  }
  return elements.map((element, place) => toEntry(line, place, element, sourceOf(stringOf(element))));
}

/** As JSON; empty where it is nested so deep that it cannot be written. */
function stringOf(element: unknown): string {
  try {
    return JSON.stringify(element) ?? "";
  } catch {
    return "";
  }
}
