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
  return `${system}|${bare(code)}`;
}

/**
 * True where a coding is of a legally protected kind. A code without a system, or of one that is not known here, counts
 * where it reads as a SNOMED CT code of the list: those are too long to be anything else by chance. What a sender may
 * write otherwise than FHIR says (numbers, spaces, other letters for the same, lists) makes no code another one.
 */
export function isProtectedCoding(system: unknown, code: unknown): boolean {
  if (Array.isArray(code)) return code.some((each) => isProtectedCoding(system, each));
  if (typeof code === "number") return !isExact(code) || isProtectedCoding(system, String(code));
  if (typeof code !== "string") return false;
  const name = systemOf(system);
  const plain = plainOf(code);
  // Expressions, and pairs of codes, are codes with words and signs between them.
  const codes = [plain, ...plain.split(/[^A-Z0-9.-]+/), ...(plain.match(/\d{6,18}/g) ?? [])].map(bare);
  if (name === "snomed" || name === undefined) return codes.some((each) => EXACT.has(`snomed|${each}`));
  return codes.some(
    (each) =>
      EXACT.has(`${name}|${each}`) ||
      PREFIXES.some((prefix) => prefix.system === name && each.startsWith(bare(prefix.code))),
  );
}

/** Of a longer number JSON has lost digits: which code it was cannot be known. */
const isExact = (code: number): boolean => Math.abs(code) <= Number.MAX_SAFE_INTEGER;

/** One spelling of what reads alike. */
function plainOf(words: string): string {
  return words
    .normalize("NFKC")
    .replace(/\p{Cf}/gu, "")
    .toUpperCase();
}

/** `Z31.2`, `Z31 .2` and `Z312` are one code. */
function bare(code: string): string {
  return code.replace(/[^A-Z0-9]/g, "");
}

/** How systems are named: by their owners' addresses, by OID, of one version or edition or none. */
const SYSTEMS: readonly (readonly [System, RegExp])[] = [
  ["snomed", /SNOMED|\b2\.16\.840\.1\.113883\.6\.96\b/],
  // The WHO's own address has its version elsewhere, and codes of other revisions are of other forms.
  ["icd-10", /(?<![A-Z])(ICD|I10)|\b2\.16\.840\.1\.113883\.6\.(3|4|90|135)\b/],
  ["opcs-4", /OPCS/],
  ["loinc", /LOINC|\b2\.16\.840\.1\.113883\.6\.1\b/],
  ["act-code", /ACT-?CODE|\b2\.16\.840\.1\.113883\.5\.4\b/],
];

function systemOf(system: unknown): System | undefined {
  if (typeof system !== "string") return undefined;
  const plain = plainOf(system).replace(/\s/g, "");
  return SYSTEMS.find(([, pattern]) => pattern.test(plain))?.[0];
}
