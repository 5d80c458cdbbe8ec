import type { DoublePerson } from "./pds-people.ts";

/** The rules of the search, as its specification has them. */

const KNOWN = new Set([
  ...["family", "given", "gender", "birthdate", "death-date", "address-postalcode", "address-postcode"],
  ...["general-practitioner", "email", "phone", "_fuzzy-match", "_exact-match", "_history", "_max-results"],
]);

export interface SearchRefusal {
  readonly status: number;
  readonly code: string;
  readonly diagnostics: string;
}

export function refusalOf(query: URLSearchParams): SearchRefusal | undefined {
  const has = (name: string): boolean => query.has(name);
  const invalid = (code: string, diagnostics: string, status = 400): SearchRefusal => ({ status, code, diagnostics });
  const unknown = [...query.keys()].find((name) => !KNOWN.has(name));
  if (unknown !== undefined)
    return invalid("ADDITIONAL_PROPERTIES", `Additional properties are not allowed - '${unknown}'`);
  if (query.size === 0) return invalid("UNSUPPORTED_SERVICE", "No search parameters provided");
  if (has("address-postalcode") && has("address-postcode")) return invalid("INVALID_SEARCH_DATA", "Both postcodes");
  if (Number(query.get("_max-results") ?? "1") !== 1)
    return invalid("INVALID_VALUE", "Invalid value - '_max-results'", 403);
  for (const date of [...query.getAll("birthdate"), ...query.getAll("death-date")]) {
    if (!/^(?:eq|ge|le)\d{4}-\d{2}-\d{2}$/.test(date))
      return invalid("INVALID_VALUE", "Invalid value in field 'birthdate'");
  }
  if (has("gender") && !["male", "female", "other", "unknown"].includes(query.get("gender")!)) {
    return invalid("INVALID_VALUE", `Invalid value - '${query.get("gender")}' in field 'gender'`);
  }
  if (!has("birthdate"))
    return invalid("MISSING_VALUE", "Missing value - 'birth_date/birth_date_range_start/birth_date_range_end'");
  const names = [query.get("family"), ...query.getAll("given"), query.get("address-postalcode")].map(
    (text) => text ?? "",
  );
  if (names.some((text) => /^.?\*/.test(text)))
    return invalid("INVALID_SEARCH_DATA", "Wildcard in the first two characters");
  return isFuzzy(query)
    ? fuzzyRefusal(query, names)
    : has("family")
      ? undefined
      : invalid("INVALID_SEARCH_DATA", "Too few parameters");
}

function fuzzyRefusal(query: URLSearchParams, names: readonly string[]): SearchRefusal | undefined {
  const refusal = { status: 400, code: "INVALID_SEARCH_DATA", diagnostics: "Invalid combination" };
  if (names.some((text) => text.includes("*")) || query.get("_exact-match") === "true") return refusal;
  if (query.has("family") && query.has("given")) return undefined;
  const oneName = query.has("family") || query.has("given");
  return oneName && query.has("gender") && query.has("address-postalcode") ? undefined : refusal;
}

export function searchOf(
  query: URLSearchParams,
  people: readonly DoublePerson[],
): { readonly person: DoublePerson; readonly score: number }[] {
  const byPlace = query.has("address-postalcode") || query.has("address-postcode") || query.has("general-practitioner");
  const found = new Map<DoublePerson, number>();
  for (const each of people) {
    if (each.invalidated === true) continue;
    // A record that was superseded leads to the one that took its place.
    const person = people.find(({ number }) => number === each.supersededBy) ?? each;
    if (byPlace && person.restricted === true) continue;
    const score = scoreOf(query, person);
    if (score > 0 && (query.get("_exact-match") !== "true" || score === 1)) found.set(person, score);
  }
  return [...found].map(([person, score]) => ({ person, score })).toSorted((one, other) => other.score - one.score);
}

function scoreOf(query: URLSearchParams, person: DoublePerson): number {
  const fuzzy = isFuzzy(query);
  const former = fuzzy || query.get("_history") === "true" ? (person.formerNames ?? []) : [];
  const names = [
    ...person.names.map((name) => ({ ...name, weight: 1 })),
    ...former.map((name) => ({ ...name, weight: 0.9 })),
  ];
  const [family, given] = [query.get("family"), query.getAll("given")];
  const nameScores = names.map((name) => {
    const straight = all([
      family === null ? 1 : alike(family, name.family, fuzzy),
      ...given.map((each) => best(each, name.given, fuzzy)),
    ]);
    const swapped =
      fuzzy && family !== null && given.length > 0
        ? all([best(family, name.given, false), alike(given[0]!, name.family, false)])
        : 0;
    return Math.max(straight, swapped * 0.9) * name.weight;
  });
  const rest = [
    ...query.getAll("birthdate").map((date) => person.born !== undefined && compares(date, person.born)),
    !query.has("gender") || query.get("gender") === person.gender,
    !query.has("phone") || query.get("phone") === person.phone,
    !query.has("email") || query.get("email")!.toLowerCase() === person.email,
    fuzzy || !query.has("general-practitioner") || query.get("general-practitioner") === person.practice,
    fuzzy || !query.has("death-date") || (person.died !== undefined && compares(query.get("death-date")!, person.died)),
  ];
  const postcode = query.get("address-postalcode") ?? query.get("address-postcode");
  const place = postcode === null ? 1 : alike(postcode, person.postcode ?? "", false);
  const mismatch =
    fuzzy && query.has("general-practitioner") && query.get("general-practitioner") !== person.practice ? 0.9 : 1;
  return rest.every(Boolean) ? Math.round(Math.max(0, ...nameScores) * place * mismatch * 10_000) / 10_000 : 0;
}

function isFuzzy(query: URLSearchParams): boolean {
  return query.get("_fuzzy-match") === "true";
}

function best(asked: string, values: readonly string[], fuzzy: boolean): number {
  return Math.max(0, ...values.map((value) => alike(asked, value, fuzzy)));
}

function all(scores: readonly number[]): number {
  return scores.includes(0) ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function alike(asked: string, value: string, fuzzy: boolean): number {
  const [one, other] = [asked.toLowerCase(), value.toLowerCase()];
  if (one === other) return 1;
  const pattern = one
    .split("*")
    .map((piece) => piece.replace(/[^\w ]/g, "\\$&"))
    .join(".*");
  if (one.includes("*") && new RegExp(`^${pattern}$`).test(other)) return 0.95;
  return fuzzy && soundex(one) === soundex(other) ? 0.9 : 0;
}

const CODES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["bfpv", "1"],
    ["cgjkqsxz", "2"],
    ["dt", "3"],
    ["l", "4"],
    ["mn", "5"],
    ["r", "6"],
  ].flatMap(([letters = "", code = ""]) => [...letters].map((letter) => [letter, code])),
);

function soundex(name: string): string {
  const letters = [...name.toLowerCase()].filter((letter) => /[a-z]/.test(letter));
  let [code, last] = [letters[0] ?? "", CODES[letters[0] ?? ""] ?? ""];
  for (const letter of letters.slice(1)) {
    const next = CODES[letter] ?? "";
    if (next !== "" && next !== last) code += next;
    if (!"hw".includes(letter)) last = next;
  }
  return code.padEnd(4, "0").slice(0, 4);
}

function compares(asked: string, date: string): boolean {
  const [comparison, wanted] = [asked.slice(0, 2), asked.slice(2)];
  if (comparison === "ge") return date >= wanted;
  return comparison === "le" ? date <= wanted : date === wanted;
}
