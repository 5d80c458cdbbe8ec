import { readFileSync } from "node:fs";

import { parse } from "csv-parse/sync";

import { check } from "../../base/check.ts";

/** One line of `protected-codes.csv`. */
export interface ProtectedCode {
  readonly system: "snomed" | "icd-10" | "opcs-4" | "loinc" | "act-code";
  readonly code: string;
  /** `prefix`: the code, and every code that begins with it. */
  readonly match: "exact" | "prefix";
  readonly kind: "fertility" | "gender-recognition" | "sexual-health" | "termination";
  readonly display: string;
  readonly source: string;
}

/** Codes of record content that the law protects, or that general practice never shares. The file says where each is from. */
export const PROTECTED_CODES: readonly ProtectedCode[] = readCodes(
  readFileSync(new URL("../protected-codes.csv", import.meta.url), "utf8"),
);

function readCodes(text: string): readonly ProtectedCode[] {
  const codes = parse<ProtectedCode>(text, { columns: true });
  check(codes.length > 0, "the list of protected codes has been read");
  return codes;
}

type System = ProtectedCode["system"];

const EXACT = new Set(PROTECTED_CODES.filter(({ match }) => match === "exact").map(keyOf));
const PREFIXES = PROTECTED_CODES.filter(({ match }) => match === "prefix");

function keyOf({ system, code }: { readonly system: System; readonly code: string }): string {
  return `${system}|${code}`;
}

/**
 * True where a coding is of a legally protected kind. A code without a system, or of one that is not known here, counts
 * where it reads as a SNOMED CT code of the list: those are too long to be anything else by chance.
 */
export function isProtectedCoding(system: unknown, code: string): boolean {
  const name = systemOf(system);
  const plain = code.trim().toUpperCase();
  if (name === "snomed" || name === undefined) {
    // Expressions are codes with words and signs between them.
    const codes = /^\d{6,18}$/.test(plain) ? [plain] : (plain.match(/\d{6,18}/g) ?? []);
    return codes.some((each) => EXACT.has(`snomed|${each}`));
  }
  if (EXACT.has(keyOf({ system: name, code: plain }))) return true;
  return PREFIXES.some((each) => each.system === name && withoutDots(plain).startsWith(withoutDots(each.code)));
}

/** `Z31.2` and `Z312` are one code. */
function withoutDots(code: string): string {
  return code.replaceAll(".", "");
}

function systemOf(system: unknown): System | undefined {
  if (typeof system !== "string") return undefined;
  if (/snomed\.info|2\.16\.840\.1\.113883\.6\.96/i.test(system)) return "snomed";
  if (/icd-?10|2\.16\.840\.1\.113883\.6\.(3|90)$/i.test(system)) return "icd-10";
  if (/opcs/i.test(system)) return "opcs-4";
  if (/loinc/i.test(system)) return "loinc";
  return /v3-ActCode|2\.16\.840\.1\.113883\.5\.4$/i.test(system) ? "act-code" : undefined;
}
