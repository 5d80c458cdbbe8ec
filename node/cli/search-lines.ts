import { toPlainText } from "../base/plain-text.ts";
import type { SearchTold } from "../requests/search-people.ts";

type Person = SearchTold["persons"][number];

const WARNINGS = {
  "same-name": "Another person found has this name: check the date of birth and the address.",
  household: "Another person of this household was found: check the given name.",
} as const satisfies Record<Person["warnings"][number], string>;

/** What a search found, as lines for a terminal, best match first. */
export function searchLines({ result, persons, askForMore }: SearchTold): string[] {
  return [...headLines(result, persons.length, askForMore), ...persons.flatMap(personLines)].map(toPlainText);
}

function headLines(result: SearchTold["result"], count: number, askForMore: boolean): string[] {
  switch (result) {
    case "none":
      return [
        "Nobody in this area's index fits this search. They may be known here under other details, or elsewhere.",
      ];
    case "too-many":
      return ["Too many people fit. Add given names, postcode or telephone number."];
    case "found":
      return [
        count === 1 ? "1 person fits." : `${count} people fit, the best match first.`,
        ...(askForMore ? ["Add given names, postcode or telephone number before you choose."] : []),
      ];
  }
}

function personLines({ score, restricted, warnings, details }: Person): string[] {
  const { nhsNumber, verified, names, birthDates, genders, addressLines, postcode, phone, died, deathRegistered } =
    details.expose();
  const [name, ...otherNames] = names.map(
    ({ family, given, middle }) => `${family.toUpperCase()}, ${words(given, middle)}`,
  );
  const born = birthDates.length === 0 ? "date of birth not known" : `born ${birthDates.join(" or ")}`;
  const home = [...addressLines, postcode].filter((line) => line !== "").join(", ");
  return [
    "",
    `  ${score.toFixed(4)}  ${[name ?? "name not known", born, genders.join(" or ")].filter((text) => text !== "").join("   ")}`,
    `          ${numberText(nhsNumber, verified)}`,
    ...(otherNames.length === 0 ? [] : [`          also ${otherNames.join("; ")}`]),
    ...(died === "" ? [] : [`          Died ${died} (${deathRegistered ? "registered" : "not yet registered"}).`]),
    ...(restricted ? ["          Restricted record: location protected."] : []),
    ...[home, phone].filter((line) => line !== "").map((line) => `          ${line}`),
    ...warnings.map((warning) => `          ! ${WARNINGS[warning]}`),
  ];
}

function numberText(nhsNumber: string, verified: boolean): string {
  if (nhsNumber === "") return "no one NHS number known";
  const grouped = nhsNumber.replace(/^(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3");
  return `NHS number ${grouped} (${verified ? "verified" : "not verified"})`;
}

function words(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join(" ");
}
