import type { Comparable } from "./comparable.ts";
import { areVariants } from "./given-name-variants.ts";
import { soundOf } from "./sound.ts";
import { isOneSlipApart, jaroWinkler, wordsShared } from "./likeness.ts";

/**
 * How two records compare, field by field: of each field the level at which it agrees, from the closest on. What one of the
 * two does not have is no level at all, and counts neither way.
 */
export const LEVELS = {
  number: ["same", "slip", "different"],
  otherId: ["same", "slip", "different"],
  /** Another id at the same sender says nothing: many register a patient twice. */
  localId: ["same"],
  given: ["same", "variant", "slip", "initial", "part", "similar", "different"],
  middle: ["same", "initial", "different"],
  family: ["same", "slip", "part", "similar", "different", "different, woman"],
  /** Whether given and family name had to be swapped to agree. */
  order: ["swapped"],
  birth: ["same", "day and month swapped", "slip", "only the year given", "one part different", "near", "different"],
  sex: ["same", "different"],
  /** Address, postcode and town in one: they depend on one another, and counted apart would count twice. */
  place: [
    "same address",
    "same address, another postcode",
    "same postcode",
    "much the same address",
    "next postcode",
    "same town",
    "same area",
    "different",
  ],
  phone: ["same", "different"],
  email: ["same", "near", "different"],
} as const;

export type Field = keyof typeof LEVELS;

export const FIELDS = Object.keys(LEVELS) as Field[];

/** The level's place in {@link LEVELS}; `undefined` where one of the two records lacks the field. */
export type Comparison = { readonly [F in Field]?: number | undefined };

export function levelOf<F extends Field>(field: F, name: (typeof LEVELS)[F][number]): number {
  return (LEVELS[field] as readonly string[]).indexOf(name);
}

/** How alike, by Jaro and Winkler, two names are that are more than chance and less than a slip. */
const SIMILAR_MIN = 0.85;
/** How alike two given names must be, by their letters, that sound the same: `Amy` and `Emma` do as well. */
const SOUND_MIN = 0.8;
const SOUND_OF_KNOWN_MIN = 0.9;
/** Shortest name in which one slip of the pen is nothing else: shorter ones are one letter apart too often. */
const SLIP_LETTERS_MIN = 4;
const GIVEN_SLIP_LETTERS_MIN = 6;
/** Furthest apart, in days, of two dates that a few slips may have made of one. */
const NEAR_DAYS = 372;

/**
 * Symmetric.
 *
 * @param isKnownName true for given names that many have: one known name is no slip for another.
 */
export function compare(one: Comparable, other: Comparable, isKnownName: (name: string) => boolean): Comparison {
  const names = compareNames(one, other, isKnownName);
  return {
    number: compareDigits(one.number, other.number),
    otherId: compareDigits(one.otherId, other.otherId),
    localId: one.localId !== "" && one.localId === other.localId ? 0 : undefined,
    ...names,
    middle: compareMiddle(one, other),
    birth: compareBirth(one, other),
    sex: one.sex === "" || other.sex === "" ? undefined : one.sex === other.sex ? 0 : 1,
    place: comparePlace(one, other),
    phone: one.phone === "" || other.phone === "" ? undefined : one.phone === other.phone ? 0 : 1,
    email: compareEmail(one.email, other.email),
  };
}

function compareDigits(one: string, other: string): number | undefined {
  if (one === "" || other === "") return undefined;
  return one === other ? 0 : isOneSlipApart(one, other) ? 1 : 2;
}

function compareNames(
  one: Comparable,
  other: Comparable,
  isKnownName: (name: string) => boolean,
): Pick<Comparison, "given" | "family" | "order"> {
  const given = compareGiven(one, other, isKnownName);
  const family = compareFamily(one, other);
  const straight = { given, family };
  const isStraight = (given ?? 9) < levelOf("given", "similar") || (family ?? 9) < levelOf("family", "similar");
  if (isStraight || one.given === "" || other.given === "" || one.family === "" || other.family === "") return straight;
  // Either of the two may be the one that was swapped, and what is a slip of a given name is none of a family name.
  const [there, back] = [compareSwapped(one, other, isKnownName), compareSwapped(other, one, isKnownName)];
  const swapped = back === undefined || (there !== undefined && isCloser(there, back)) ? there : back;
  return swapped === undefined ? straight : { ...swapped, order: 0 };
}

interface NameLevels {
  readonly given: number;
  readonly family: number;
}

/** @returns how the names agree when those of the second are swapped; `undefined` where they do not. */
function compareSwapped(
  one: Comparable,
  other: Comparable,
  isKnownName: (name: string) => boolean,
): NameLevels | undefined {
  const crossed = { ...other, given: other.family, givenWhole: other.family, family: other.givenWhole };
  const given = compareGiven(one, crossed, isKnownName) ?? Infinity;
  const family = compareFamily(one, { ...crossed, familyParts: [other.givenWhole] }) ?? Infinity;
  const agrees = given <= levelOf("given", "slip") && family <= levelOf("family", "slip");
  return agrees ? { given, family } : undefined;
}

function isCloser(one: NameLevels, other: NameLevels): boolean {
  return one.given === other.given ? one.family <= other.family : one.given < other.given;
}

function compareGiven(one: Comparable, other: Comparable, isKnownName: (name: string) => boolean): number | undefined {
  const [a, b] = [one.given, other.given];
  if (a === "" || b === "") return undefined;
  if (one.givenWhole === other.givenWhole || a === b) return levelOf("given", "same");
  if (areVariants(a, b)) return levelOf("given", "variant");
  const likeness = jaroWinkler(a, b);
  const areTwoNames = isKnownName(a) && isKnownName(b);
  const soundMin = areTwoNames ? SOUND_OF_KNOWN_MIN : SOUND_MIN;
  if (likeness >= soundMin && soundOf(a) === soundOf(b)) return levelOf("given", "variant");
  if (!areTwoNames && (isGivenSlip(a, b) || isGivenSlip(one.givenWhole, other.givenWhole))) {
    return levelOf("given", "slip");
  }
  if ((a.length === 1 || b.length === 1) && a[0] === b[0]) return levelOf("given", "initial");
  if (isPart(a, b) || one.middle === b || other.middle === a) return levelOf("given", "part");
  const isAlike = likeness >= SIMILAR_MIN || isOneSlipApart(a, b);
  return isAlike ? levelOf("given", "similar") : levelOf("given", "different");
}

function compareFamily(one: Comparable, other: Comparable): number | undefined {
  const [a, b] = [one.family, other.family];
  if (a === "" || b === "") return undefined;
  if (a === b) return levelOf("family", "same");
  if (isSlip(a, b)) return levelOf("family", "slip");
  if (one.familyParts.some((part) => part.length > 1 && other.familyParts.includes(part)) || isPart(a, b)) {
    return levelOf("family", "part");
  }
  if (jaroWinkler(a, b) >= SIMILAR_MIN) return levelOf("family", "similar");
  const isWoman = one.sex !== "m" && other.sex !== "m" && (one.sex === "f" || other.sex === "f");
  return levelOf("family", isWoman && (one.adult || other.adult) ? "different, woman" : "different");
}

/** A slip of the pen, or two in a long name. */
function isSlip(one: string, other: string): boolean {
  const letters = Math.min(one.length, other.length);
  if (letters < SLIP_LETTERS_MIN) return letters > 2 && one.length === other.length && isTurned(one, other);
  return isOneSlipApart(one, other) || (letters > 5 && jaroWinkler(one, other) >= 0.94);
}

/** Short names of two people are one letter apart too often (`Amina`, `Amira`), and so are rhymes (`Jayden`, `Hayden`). */
function isGivenSlip(one: string, other: string): boolean {
  const isShort = Math.min(one.length, other.length) < GIVEN_SLIP_LETTERS_MIN;
  return isShort || one[0] !== other[0] ? one.length > 2 && isTurned(one, other) : isSlip(one, other);
}

/** The same letters in another order. */
function isTurned(one: string, other: string): boolean {
  return isOneSlipApart(one, other) && [...one].toSorted().join("") === [...other].toSorted().join("");
}

/** The one is the beginning of the other, or a long enough end of it. */
function isPart(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return short.length >= 3 && (long.startsWith(short) || (short.length >= 5 && long.endsWith(short)));
}

function compareMiddle({ middle: one }: Comparable, { middle: other }: Comparable): number | undefined {
  if (one === "" || other === "") return undefined;
  if (one === other) return levelOf("middle", "same");
  const isInitial = (one.length === 1 || other.length === 1) && one[0] === other[0];
  return levelOf("middle", isInitial || isSlip(one, other) ? "initial" : "different");
}

function compareBirth(one: Comparable, other: Comparable): number | undefined {
  if (one.year === "" || other.year === "") return undefined;
  const sameYear = one.year === other.year;
  const isPartial = one.day === "" || other.day === "";
  if (isPartial) {
    const sameMonth = one.month === "" || other.month === "" || one.month === other.month;
    return levelOf("birth", sameYear && sameMonth ? "only the year given" : "different");
  }
  const [sameMonth, sameDay] = [one.month === other.month, one.day === other.day];
  if (sameYear && sameMonth && sameDay) return levelOf("birth", "same");
  if (sameYear && one.month === other.day && one.day === other.month) return levelOf("birth", "day and month swapped");
  const [a, b] = [one.year + one.month + one.day, other.year + other.month + other.day];
  if (isOneSlipApart(a, b)) return levelOf("birth", "slip");
  if (sameYear && (one.dayByDefault || other.dayByDefault)) return levelOf("birth", "only the year given");
  if (Number(sameYear) + Number(sameMonth) + Number(sameDay) === 2) return levelOf("birth", "one part different");
  return Math.abs(daysOf(one) - daysOf(other)) <= NEAR_DAYS ? levelOf("birth", "near") : levelOf("birth", "different");
}

/** Days, roughly, of dates that need not be days of the calendar. */
function daysOf({ year, month, day }: Comparable): number {
  return Number(year) * 365.25 + Number(month) * 30.4 + Number(day);
}

function comparePlace(one: Comparable, other: Comparable): number | undefined {
  const hasPostcodes = one.postcode !== "" && other.postcode !== "";
  const samePostcode = hasPostcodes && one.postcode === other.postcode;
  const hasAddresses = one.addressWords.length > 0 && other.addressWords.length > 0;
  const shared = hasAddresses ? likenessOfAddresses(one.addressWords, other.addressWords) : 0;
  const isNextPostcode = hasPostcodes && isNext(one.postcode, other.postcode);
  if (shared >= 0.75) {
    const isElsewhere = hasPostcodes && !samePostcode && !isNextPostcode;
    return levelOf("place", isElsewhere ? "same address, another postcode" : "same address");
  }
  if (samePostcode) return levelOf("place", "same postcode");
  if (shared >= 0.5) return levelOf("place", "much the same address");
  if (isNextPostcode) return levelOf("place", "next postcode");
  const hasTowns = one.locality !== "" && other.locality !== "";
  if (hasTowns && (one.locality === other.locality || isSlip(one.locality, other.locality))) {
    return levelOf("place", "same town");
  }
  const hasRegions = one.region !== "" && other.region !== "";
  if (hasPostcodes && areaOf(one.postcode) === areaOf(other.postcode)) return levelOf("place", "same area");
  if (!hasPostcodes && hasRegions && one.region === other.region) return levelOf("place", "same area");
  return hasPostcodes || hasAddresses || hasTowns ? levelOf("place", "different") : undefined;
}

/** Shared words, a word with a slip in it included; and whole lines that only spaces part. */
function likenessOfAddresses(ones: readonly string[], others: readonly string[]): number {
  if (jaroWinkler(ones.join(""), others.join("")) >= 0.95) return 1;
  const matched = ones.map(
    (word) => others.find((o) => o === word || (word.length > 3 && isOneSlipApart(o, word))) ?? word,
  );
  return wordsShared(matched, others);
}

function isNext(one: string, other: string): boolean {
  return isOneSlipApart(one, other) || (one.length > 4 && one.slice(0, -2) === other.slice(0, -2));
}

/** Its first half: `B17 9QY` and `B17 0AA` are of one area. */
function areaOf(postcode: string): string {
  return postcode.length > 4 ? postcode.slice(0, -3) : postcode.slice(0, 2);
}

function compareEmail(one: string, other: string): number | undefined {
  if (one === "" || other === "") return undefined;
  if (one === other) return levelOf("email", "same");
  const [a = "", b = ""] = [one.split("@")[0], other.split("@")[0]];
  const isNear = (a.length > 4 && a === b) || isOneSlipApart(one, other) || jaroWinkler(one, other) >= 0.94;
  return levelOf("email", isNear ? "near" : "different");
}
