/** Names, compared. Pure; the original spelling is never altered, only looked at. */

/** Shortest name, in letters, in which one slip of the pen is forgiven: short names are one letter apart too often. */
const SLIP_LETTERS_MIN = 6;

/**
 * Given names that are one name in several spellings and share an initial, beyond what a shared beginning or one slip
 * of the pen already covers. Kept short: a missed variant costs a link that scoring finds later, a wrong one costs more.
 */
const VARIANTS: readonly (readonly string[])[] = [
  ["mohammed", "mohammad", "muhammad", "muhammed", "mohamed", "mohamad", "mohd", "md"],
  ["catherine", "catharine", "cathryn", "cathy", "cath", "cate"],
  ["katherine", "katharine", "kathryn", "kate", "katie", "kathy", "kath", "kay"],
  ["elizabeth", "elisabeth", "eliza", "ellie"],
  ["margaret", "maggie", "meg", "madge"],
  ["michael", "mike", "mick", "mickey"],
  ["stephen", "steven", "steve", "stevie"],
  ["james", "jim", "jimmy", "jamie"],
  ["john", "johnny", "jon"],
  ["joseph", "joe", "joey"],
  ["thomas", "tom", "tommy"],
  ["susan", "sue", "susie", "suzie"],
  ["david", "dave", "davey"],
  ["patricia", "pat", "patsy", "patty", "pattie"],
  ["geoffrey", "geoff"],
  ["lewis", "louis", "lou"],
  ["mark", "marc"],
  ["sean", "shaun", "shawn"],
  ["graham", "graeme"],
  ["alan", "allan", "allen"],
  ["ahmed", "ahmad"],
  ["hussain", "hussein", "husain"],
  ["yusuf", "yousef", "yousuf"],
];

const GROUP_OF = new Map(VARIANTS.flatMap((names, group) => names.map((name) => [name, group] as const)));

/** First words of what stands in a name field when there is no name yet, or none known. */
const PLACEHOLDER_FIRST_WORDS = new Set(
  "baby babe bby infant newborn neonate foetus fetus twin triplet boy girl male female unknown unk unkn nk".split(" "),
);
const PLACEHOLDERS = new Set(
  "notknown notstated notgiven notrecorded noname none nil na tbc anon anonymous".split(" "),
);

/** Letters that are letters of their own rather than a plain one with a mark. */
const PLAIN_LETTERS: Readonly<Record<string, string>> = {
  ...{ ł: "l", ø: "o", đ: "d", ð: "d", ı: "i", ß: "ss", æ: "ae", œ: "oe", þ: "th" },
};

/** Letters only, without marks, in lower case: `O'Brien` and `OBRIEN` are one, `José` and `Jose` too, `Łukasz` and `Lukasz`. */
export function normaliseName(name: string): string {
  if (/^[A-Za-z]*$/.test(name)) return name.toLowerCase();
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[łøđðıßæœþ]/g, (letter) => PLAIN_LETTERS[letter] ?? letter)
    .replace(/[^\p{L}]/gu, "");
}

/** Letters and digits in capitals: `b1 1aa` and `B11AA` are one. */
export function normalisePostcode(postcode: string): string {
  return postcode.toUpperCase().replace(/[^A-Z0-9]/g, "");
}

/** True for `BABY`, `TWIN ONE`, `UNKNOWN` and their like: a name that names nobody. */
export function isPlaceholder(givenName: string): boolean {
  const firstWord = /\p{L}+/u.exec(givenName.toLowerCase())?.[0] ?? "";
  return PLACEHOLDER_FIRST_WORDS.has(firstWord) || PLACEHOLDERS.has(normaliseName(givenName));
}

/** The first letter, normalised; empty where there is none, or where the name is a placeholder. */
export function initialOf(givenName: string): string {
  if (isPlaceholder(givenName)) return "";
  const [first = ""] = normaliseName(givenName);
  return first;
}

/**
 * True where two given names cannot well be the same person's: both there, neither a placeholder, and neither the
 * beginning of the other (an initial is one), nor a known variant, nor one slip of the pen away.
 */
export function givenNamesContradict(one: string, other: string): boolean {
  if (isPlaceholder(one) || isPlaceholder(other)) return false;
  const [a, b] = [normaliseName(one), normaliseName(other)];
  if (a.startsWith(b) || b.startsWith(a)) return false; // an empty name is the beginning of every name
  const group = GROUP_OF.get(a);
  if (group !== undefined && group === GROUP_OF.get(b)) return false;
  return !oneSlipApart(a, b);
}

/** True where two family names are both there, neither part of the other (`Khan-Ali`, `Ali`), nor one slip away. */
export function familyNamesContradict(one: string, other: string): boolean {
  const [a, b] = [normaliseName(one), normaliseName(other)];
  return !a.includes(b) && !b.includes(a) && !oneSlipApart(a, b);
}

/** One letter changed, added, left out, or two neighbours swapped, in names of {@link SLIP_LETTERS_MIN} letters or more. */
function oneSlipApart(a: string, b: string): boolean {
  if (Math.min(a.length, b.length) < SLIP_LETTERS_MIN || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  if (restA.length !== restB.length) return restA.slice(1) === restB || restB.slice(1) === restA;
  if (restA.slice(1) === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}
