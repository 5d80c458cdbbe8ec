import type { StoredIdentity } from "./identity-record.ts";
import { areVariants } from "./linkage/given-name-variants.ts";
import { isOneSlipApart } from "./linkage/likeness.ts";
import { soundOf } from "./linkage/sound.ts";
import { normaliseName, normalisePostcode } from "./names.ts";
import { type Pattern, phoneOf, type SearchTerms } from "./search-terms.ts";

/** What one identity says of its patient: values of one kind, normalised, the former ones apart. */
export interface Said {
  readonly family: readonly string[];
  /** The parts of double names. */
  readonly familyParts: readonly string[];
  /** Every given and middle name, whole and word by word. */
  readonly given: readonly string[];
  readonly born: readonly string[];
  readonly gender: readonly string[];
  readonly postcode: readonly string[];
  readonly phone: readonly string[];
}

/** How well an identity fits a search. */
export interface Fit {
  /** 0 to 1, four digits; 1 only where every term fits exactly what is so now. */
  readonly score: number;
  /** False where the search names a place and this is elsewhere. */
  readonly fitsPlace: boolean;
}

/** How much a term that fits in such a way counts; what does not fit at all counts nothing and ends it. */
const EXACT = 1;
const BY_PATTERN = 0.95;
const BY_RANGE = 0.95;
const VARIANT = 0.85;
const SOUNDS_ALIKE = 0.8;
const PART_OF_NAME = 0.8;
const ONE_SLIP = 0.75;
/** Family and given name in each other's place. */
const TRANSPOSED = 0.6;
/** What was so once. */
const FORMER = 0.9;
const LESS_THAN_EXACT = 0.9999;

/** Shorter names are one letter apart too often. */
const SLIP_LETTERS_MIN = 5;

const WEIGHT = { family: 3, given: 3, born: 3, gender: 1, postcode: 2, phone: 2 } as const;

type Quality = (value: string) => number;

/**
 * Judges one identity. Every term must fit, so that another term never finds anybody more.
 *
 * @param former what the identity said in earlier versions; absent where history is not searched.
 * @returns `undefined` where a term other than a place does not fit.
 */
export function fitOf(terms: SearchTerms, fuzzy: boolean, now: Said, former?: Said): Fit | undefined {
  const best = (field: keyof Said, quality: Quality): number =>
    Math.max(0, ...now[field].map(quality), ...(former?.[field].map((value) => quality(value) * FORMER) ?? []));
  const names = Math.max(namesFit(terms, fuzzy, best), fuzzy ? transposedFit(terms, best) : 0);
  const born = best("born", bornQuality(terms.born));
  // A former sex is nobody's business: only what is recorded now counts.
  const gender = terms.gender === undefined ? EXACT : Number(now.gender.includes(terms.gender));
  if (names === 0 || born === 0 || gender === 0) return undefined;
  const postcode = terms.postcode === undefined ? EXACT : best("postcode", patternQuality(terms.postcode));
  const phone = terms.phone === undefined ? EXACT : best("phone", (value) => (value === terms.phone ? EXACT : 0));

  const parts: [quality: number, weight: number][] = [
    [names, (terms.family === undefined ? 0 : WEIGHT.family) + (terms.given.length === 0 ? 0 : WEIGHT.given)],
    [born, WEIGHT.born],
    [gender, terms.gender === undefined ? 0 : WEIGHT.gender],
    [postcode, terms.postcode === undefined ? 0 : WEIGHT.postcode],
    [phone, terms.phone === undefined ? 0 : WEIGHT.phone],
  ];
  const weight = parts.reduce((sum, [, each]) => sum + each, 0);
  const score = parts.reduce((sum, [quality, each]) => sum + quality * each, 0) / weight;
  return {
    score: score === 1 ? 1 : Math.min(Math.round(score * 10_000) / 10_000, LESS_THAN_EXACT),
    fitsPlace: postcode > 0 && phone > 0,
  };
}

type Best = (field: keyof Said, quality: Quality) => number;

/** The mean over the names asked with; 0 where one of them fits nothing. */
function namesFit({ family, given }: SearchTerms, fuzzy: boolean, best: Best): number {
  const familyQuality = family && (fuzzy ? familyFit(family, best) : best("family", patternQuality(family)));
  const givenQualities = given.map((name) => best("given", fuzzy ? goesBy(name) : patternQuality(name)));
  return meanOfAll(familyQuality, givenQualities);
}

function familyFit(family: Pattern, best: Best): number {
  return Math.max(best("family", soundsLike(family)), best("familyParts", patternQuality(family)) * PART_OF_NAME);
}

function transposedFit({ family, given }: SearchTerms, best: Best): number {
  if (family === undefined || given.length === 0) return 0;
  const asGiven = best("given", patternQuality(family));
  const asFamily = given.map((name) => best("family", patternQuality(name)));
  // Of several given names one is enough: the others stay given names.
  const swapped = Math.max(0, ...asFamily);
  return meanOfAll(asGiven, [swapped]) * TRANSPOSED;
}

/** Family name and given names count alike, however many of the latter there are. */
function meanOfAll(family: number | undefined, given: readonly number[]): number {
  if (family === 0 || given.includes(0)) return 0;
  const mean = given.reduce((sum, each) => sum + each, 0) / given.length;
  if (given.length === 0) return family ?? 0;
  return family === undefined ? mean : (family + mean) / 2;
}

function patternQuality(pattern: Pattern): Quality {
  return (value) => {
    if (!fitsPattern(value, pattern)) return 0;
    return pattern.length === 1 ? EXACT : BY_PATTERN;
  };
}

/** Piece after piece, each behind the one before it: its time is that of reading the value once. */
function fitsPattern(value: string, [first, ...rest]: Pattern): boolean {
  if (rest.length === 0) return value === first;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest.slice(0, -1)) {
    const found = value.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  const last = rest.at(-1) ?? "";
  return value.length - last.length >= at && value.endsWith(last);
}

function soundsLike([name]: Pattern): Quality {
  const sound = soundOf(name);
  return (value) => {
    if (value === name) return EXACT;
    if (soundOf(value) === sound) return SOUNDS_ALIKE;
    const isLong = Math.min(value.length, name.length) >= SLIP_LETTERS_MIN;
    return isLong && isOneSlipApart(value, name) ? ONE_SLIP : 0;
  };
}

function goesBy(pattern: Pattern): Quality {
  const alike = soundsLike(pattern);
  return (value) => Math.max(alike(value), areVariants(value, pattern[0]) ? VARIANT : 0);
}

function bornQuality({ from, to }: SearchTerms["born"]): Quality {
  const whole = from === to ? EXACT : BY_RANGE;
  return (value) => (value.length === from.length && value >= from && value <= to ? whole : 0);
}

/** What versions of one identity say together. */
export function saidBy(versions: readonly StoredIdentity[]): Said {
  const each = (read: (version: StoredIdentity) => readonly string[]): string[] =>
    [...new Set(versions.flatMap(read))].filter((value) => value !== "");
  return {
    family: each(({ familyName }) => [normaliseName(familyName)]),
    familyParts: each(({ familyName }) => wordsIn(familyName)),
    given: each(({ givenName, middleName }) => [
      ...[normaliseName(givenName), normaliseName(middleName), normaliseName(givenName + middleName)],
      ...[...wordsIn(givenName), ...wordsIn(middleName)],
    ]),
    born: each(({ birthDate }) => [birthDate]),
    gender: each(({ gender }) => [gender]),
    postcode: each(({ postcode }) => [normalisePostcode(postcode)]),
    phone: each(({ phone }) => [phoneOf(phone)]),
  };
}

function wordsIn(name: string): string[] {
  return name.split(/[^\p{L}\p{M}'’]+/u).map(normaliseName);
}
