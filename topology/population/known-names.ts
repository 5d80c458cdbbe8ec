import type { IdentityRow } from "../people/rows.ts";
import type { Draws } from "./draws.ts";
import { alike, mistyped, plain, short } from "./misspelling.ts";
import { birthYear } from "./naming.ts";
import type { Person } from "./person.ts";
import { CHOSEN, MEASURED, NEWBORN } from "./rates.ts";
import { type Writing, happens } from "./writing.ts";

type Names = Pick<IdentityRow, "given_name" | "middle_name" | "family_name">;

/** The names under which a provider has somebody. */
export function namesKnown(writing: Writing): Names {
  const { draws, person, newborn, unknown, practice } = writing;
  if (unknown)
    return { given_name: person.sex === "male" ? "Male" : "Female", middle_name: "", family_name: "Unknown" };
  if (newborn && !draws.chance(NEWBORN.named)) return newbornNames(draws, person);
  let family =
    person.formerFamilyName !== "" && !practice && draws.chance(0.5) ? person.formerFamilyName : person.familyName;
  let given = person.givenName;
  let middle = person.middleName;
  if (happens(writing, CHOSEN.middleNameInitial)) middle = middle.slice(0, 1);
  if (happens(writing, MEASURED.givenNameAlike)) given = alike(given);
  if (happens(writing, MEASURED.givenNameShortOrMistyped))
    given = draws.chance(0.6) ? short(given) : mistyped(draws, given);
  if (happens(writing, MEASURED.givenNameAnother)) given = middle.length > 1 ? middle : givenOfOwn(draws, person);
  if (happens(writing, CHOSEN.givenNamePlaceholder)) given = draws.pick(["UNKNOWN", "Unknown", "NOT KNOWN", "X"]);
  if (happens(writing, MEASURED.surnameAlike)) family = alike(family);
  if (happens(writing, MEASURED.surnameMistyped)) family = mistyped(draws, family);
  if (happens(writing, CHOSEN.spelledPlain)) [given, family] = [plain(given), plain(family)];
  if (given !== "" && happens(writing, CHOSEN.namesSwapped)) [given, family] = [family, given];
  return { given_name: given, middle_name: middle, family_name: family };
}

function givenOfOwn(draws: Draws, { community, sex, birthDay }: Person): string {
  return community[sex](birthYear(birthDay)).pick(draws);
}

function newbornNames(draws: Draws, person: Person): Names {
  const given = draws.pick(person.twin ? ["TWIN ONE", "TWIN TWO", "BABY"] : ["BABY", "BABY OF", "INFANT"]);
  return { given_name: given, middle_name: "", family_name: person.familyName };
}
