import type { IdentityRow } from "../people/rows.ts";
import type { Draws } from "./draws.ts";
import { type Numbers, withCheckDigit } from "./numbers.ts";
import type { Person } from "./person.ts";
import { CHOSEN, NEWBORN, NUMBER_KNOWN } from "./rates.ts";
import { type Writing, happens } from "./writing.ts";

type NumberKnown = Pick<IdentityRow, "nhs_number" | "nhs_number_status">;

/** Another person's index: of the household where there is one, of the same area otherwise. */
export type AnotherPerson = (draws: Draws, person: Person) => number | undefined;

export interface NumberNeeds {
  readonly numbers: Numbers;
  readonly another: AnotherPerson;
}

/** The NHS number that a provider has for somebody, and how sure it is of it. */
export function numberKnown(writing: Writing, { numbers, another }: NumberNeeds): NumberKnown {
  const { draws, person, outlet, newborn, unknown, practice } = writing;
  if (unknown) return { nhs_number: "", nhs_number_status: "03" };
  if (newborn && !draws.chance(NEWBORN.numberPresent)) return { nhs_number: "", nhs_number_status: "08" };
  const { present, verified } = NUMBER_KNOWN[outlet.type];
  if (!draws.chance(present)) return { nhs_number: "", nhs_number_status: draws.pick(MISSING_STATUS) };
  const status = draws.chance(verified) ? "01" : draws.pick(UNVERIFIED_STATUS);
  if (happens(writing, CHOSEN.numberMistyped)) {
    return { nhs_number: mistypedNumber(draws, numbers.nhsNumber(person.index)), nhs_number_status: "02" };
  }
  const other = happens(writing, CHOSEN.numberOfAnother) ? another(draws, person) : undefined;
  if (other !== undefined) return { nhs_number: numbers.nhsNumber(other), nhs_number_status: status };
  const earlier = person.hadAnotherNumber && !practice && draws.chance(0.5);
  return {
    nhs_number: earlier ? numbers.earlierNhsNumber(person.index) : numbers.nhsNumber(person.index),
    nhs_number_status: status,
  };
}

/** Where there is no number: trace required; none found, or several; not required. */
const MISSING_STATUS = ["03", "03", "04", "07"] as const;

/** Where there is one: not traced, mostly; conflict; in progress. */
const UNVERIFIED_STATUS = ["02", "02", "02", "02", "02", "05", "06"] as const;

/** One digit wrong, and a check digit that fits all the same: of others, no system would take it. */
function mistypedNumber(draws: Draws, number: string): string {
  for (;;) {
    const at = draws.between(3, 8);
    const nine = `${number.slice(0, at)}${draws.between(0, 9)}${number.slice(at + 1, 9)}`;
    const mistaken = withCheckDigit(Number(nine));
    if (mistaken !== undefined && mistaken !== number) return mistaken;
  }
}
