import { NhsNumber } from "../../base/nhs-number.ts";
import { isPlaceholder, normaliseName } from "../names.ts";

/**
 * What of a record is compared, as a provider sent it. Empty text = not given. Nothing but a number says that a record is
 * complete: any of the fields may be missing.
 */
export interface MatchInput {
  readonly nhsNumber: string;
  /** `01` = verified. */
  readonly nhsNumberStatus: string;
  /** Another number that belongs to the person, such as a national one of another country. */
  readonly otherId?: string;
  /** The sender's own id, together with who the sender is: another sender's equal id is somebody else's. */
  readonly localId?: string;
  readonly givenName: string;
  readonly middleName: string;
  readonly familyName: string;
  /** `YYYY-MM-DD`, or as much of it as is known; need not be a day of the calendar. */
  readonly birthDate: string;
  readonly gender: string;
  readonly addressLine1: string;
  readonly addressLine2: string;
  readonly locality: string;
  readonly region?: string;
  readonly postcode: string;
  readonly phone: string;
  readonly email?: string;
  /** `YYYY-MM-DD`: tells a child from an adult. */
  readonly recordedOn: string;
}

/** A record made ready to be compared: normalised, and without what stands there only because nothing is known. */
export interface Comparable {
  /** Ten digits with a valid check digit, or empty. */
  readonly number: string;
  readonly verified: boolean;
  readonly otherId: string;
  readonly localId: string;
  /** Letters only, the first word's and all words'; empty for a placeholder such as `BABY`. */
  readonly given: string;
  readonly givenWhole: string;
  /** Of a newborn who has no name yet and is one of several: which, or `?` where that is not said; otherwise empty. */
  readonly ofSeveral: string;
  readonly middle: string;
  readonly family: string;
  /** The parts of a double name, particles left out: `de la Cruz-Khan` has `cruz` and `khan`. */
  readonly familyParts: readonly string[];
  readonly year: string;
  readonly month: string;
  readonly day: string;
  /** True for 1 January: often what stands there when only the year is known. */
  readonly dayByDefault: boolean;
  readonly sex: "" | "f" | "m";
  /** Eighteen or over when it was recorded, as far as is known. */
  readonly adult: boolean;
  /** Of the first line, which has the house and the street as a rule. */
  readonly streetWords: readonly string[];
  readonly addressWords: readonly string[];
  readonly locality: string;
  readonly region: string;
  readonly postcode: string;
  readonly phone: string;
  readonly email: string;
}

const PARTICLES = new Set("de la le da del della den der di dos du el van von bin ibn bint al ul ur st".split(" "));

/** Words that are shortened in addresses more often than not; a street's kind may stand without a space before it. */
const SHORT_FORMS: readonly (readonly [RegExp, string])[] = [
  [/street$/, "st"],
  [/road$/, "rd"],
  [/avenue$/, "ave"],
  [/drive$/, "dr"],
  [/lane$/, "ln"],
  [/court$/, "ct"],
  [/crescent$/, "cres"],
  [/close$/, "cl"],
  [/place$/, "pl"],
  [/terrace$/, "ter"],
  [/gardens$/, "gdns"],
  [/square$/, "sq"],
  [/^(?:apartment|apt)$/, "flat"],
];

/** Dates that stand where none is known. */
const DEFAULT_DATES = new Set(["1900-01-01", "1800-01-01", "1901-01-01", "1111-11-11", "9999-12-31", "0001-01-01"]);

/** Not places: no fixed abode, not known, abroad, and the blocks that the national address register keeps for them. */
export function isPseudoPostcode(postcode: string): boolean {
  return postcode.startsWith("ZZ99") || /^(?:UNKNOWN|NK|NA|NONE|NFA|XX99|X+)/.test(postcode);
}

export function toComparable(input: MatchInput): Comparable {
  const isNameless = isPlaceholder(input.givenName);
  const givenWords = isNameless ? [] : wordsOf(input.givenName);
  const familyWords = wordsOf(input.familyName.replaceAll("'", "")).filter(isTelling);
  const birth = birthParts(input.birthDate);
  const postcode = input.postcode
    .slice(0, 20)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "");
  const number = NhsNumber.parse(input.nhsNumber)?.expose() ?? "";
  return {
    number,
    verified: number !== "" && input.nhsNumberStatus === "01",
    otherId: (input.otherId ?? "").toUpperCase().replace(/[^A-Z0-9]/g, ""),
    localId: input.localId ?? "",
    given: givenWords[0] ?? "",
    givenWhole: givenWords.join(""),
    ofSeveral: isNameless ? birthOrderOf(input.givenName) : "",
    middle: [...givenWords.slice(1), ...wordsOf(input.middleName)].join(""),
    family: familyWords.length === 0 ? "" : familyWords.join(""),
    familyParts: familyWords.filter((word) => !PARTICLES.has(word)),
    ...birth,
    sex: input.gender === "female" ? "f" : input.gender === "male" ? "m" : "",
    adult: isAdult(birth.year, input.recordedOn),
    streetWords: addressWords(input.addressLine1),
    addressWords: addressWords(`${input.addressLine1} ${input.addressLine2}`),
    locality: normaliseName(input.locality.slice(0, NAME_LETTERS_MAX)),
    region: normaliseName((input.region ?? "").slice(0, NAME_LETTERS_MAX)),
    postcode: isPseudoPostcode(postcode) ? "" : postcode,
    phone: phoneOf(input.phone),
    email: (input.email ?? "").trim().toLowerCase().slice(0, NAME_LETTERS_MAX),
  };
}

/** Letters of a name that are looked at: what is longer is no name, and comparing it would take for ever. */
const NAME_LETTERS_MAX = 100;

function wordsOf(name: string): string[] {
  return name
    .slice(0, NAME_LETTERS_MAX)
    .split(/[^\p{L}\p{M}'’]+/u)
    .map(normaliseName)
    .filter((word) => word !== "");
}

const BIRTH_ORDERS: readonly RegExp[] = [
  /\b(?:one|1|i|a|first)\b/,
  /\b(?:two|2|ii|b|second)\b/,
  /\b(?:three|3|iii|c|third)\b/,
];

/** `TWIN TWO` and `TRIPLET C` are one of several, and say which. */
function birthOrderOf(placeholder: string): string {
  const name = placeholder.toLowerCase();
  if (!/\b(?:twin|triplet|quad)/.test(name)) return "";
  const order = BIRTH_ORDERS.findIndex((words) => words.test(name));
  return order === -1 ? "?" : String(order + 1);
}

/** A family name that says that there is none known. */
function isTelling(word: string): boolean {
  return !/^(?:unknown|unk|notknown|nk|xx+)$/.test(word);
}

function birthParts(birthDate: string): Pick<Comparable, "year" | "month" | "day" | "dayByDefault"> {
  const [, year = "", month = "", day = ""] = /^(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?/.exec(birthDate.trim()) ?? [];
  if (DEFAULT_DATES.has(`${year}-${month}-${day}`)) return { year: "", month: "", day: "", dayByDefault: false };
  return { year, month, day, dayByDefault: month === "01" && day === "01" };
}

function isAdult(year: string, recordedOn: string): boolean {
  if (year === "" || recordedOn === "") return true;
  return Number(recordedOn.slice(0, 4)) - Number(year) >= 18;
}

const ADDRESS_LETTERS_MAX = 200;

function addressWords(address: string): string[] {
  return address
    .slice(0, ADDRESS_LETTERS_MAX)
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .map((word) => SHORT_FORMS.reduce((short, [long, form]) => short.replace(long, form), word));
}

/** The last nine digits: the rest is how one dials. */
function phoneOf(phone: string): string {
  const digits = phone.replace(/\D/g, "");
  return digits.length < 7 || /^(\d)\1*$/.test(digits) ? "" : digits.slice(-9);
}
