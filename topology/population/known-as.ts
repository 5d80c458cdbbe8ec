import type { IdentityRow } from "../people/rows.ts";
import { type Address, INWARD_LETTERS } from "./areas.ts";
import { LAST_DAY, YEAR_DAYS, dayText } from "./calendar.ts";
import type { Draws } from "./draws.ts";
import { alike, mistyped, plain, short } from "./misspelling.ts";
import { type Numbers, withCheckDigit } from "./numbers.ts";
import type { Outlet } from "./outlets.ts";
import type { Person } from "./person.ts";
import { CHOSEN, MEASURED, NEWBORN, NUMBER_KNOWN, PRACTICE_SHARE } from "./rates.ts";

/** Another person's index: of the household where there is one, of the same area otherwise. */
export type AnotherPerson = (draws: Draws, person: Person) => number | undefined;

export interface KnownAsNeeds {
  readonly numbers: Numbers;
  readonly another: AnotherPerson;
}

/** What is decided once about one provider's record of one person. */
interface Writing {
  readonly draws: Draws;
  readonly person: Person;
  readonly outlet: Outlet;
  /** The day of the last contact. */
  readonly day: number;
  /** Of the errors of other systems, the share that happens here. */
  readonly share: number;
  readonly newborn: boolean;
  readonly unknown: boolean;
}

type Names = Pick<IdentityRow, "given_name" | "middle_name" | "family_name">;
type NumberKnown = Pick<IdentityRow, "nhs_number" | "nhs_number_status">;

/** A person's demographics as one provider has them: mostly right, now and then as they once were, or mistaken. */
export function knownAs(draws: Draws, person: Person, outlet: Outlet, day: number, needs: KnownAsNeeds): IdentityRow {
  const practice = outlet.type === "general-practice";
  const urgent = outlet.type === "acute" || outlet.type === "ambulance";
  const writing: Writing = {
    ...{ draws, person, outlet, day, share: practice ? PRACTICE_SHARE : 1 },
    newborn: !practice && day - person.birthDay <= NEWBORN.days,
    unknown: urgent && draws.chance(CHOSEN.unknownPerson),
  };
  const names = namesKnown(writing);
  const number = numberKnown(writing, needs);
  const birth = birthDateKnown(writing);
  const gender = genderKnown(writing);
  const { line1, line2, locality, postcode } = writing.unknown ? NOWHERE : addressKnown(writing);
  return {
    provider: outlet.code,
    local_id: `${LETTERS[outlet.type]}${needs.numbers.localDigits(outlet.number, person.index)}`,
    nhs_number: number.nhs_number,
    nhs_number_status: number.nhs_number_status,
    given_name: names.given_name,
    middle_name: names.middle_name,
    family_name: outlet.type === "ambulance" ? names.family_name.toUpperCase() : names.family_name,
    birth_date: birth,
    gender,
    address_line1: line1,
    address_line2: line2,
    locality,
    postcode,
    phone: writing.unknown || happens(writing, CHOSEN.phoneMissing) ? "" : person.phone,
    recorded_on: dayText(day),
    restricted: String(person.restricted),
  };
}

/** First letter of a provider's own ids: with it they cannot be read as a number of ten digits. */
const LETTERS = {
  "general-practice": "G",
  acute: "H",
  specialist: "H",
  "mental-health": "M",
  community: "C",
  ambulance: "A",
  hospice: "P",
  "local-authority": "S",
  "childrens-social-care": "S",
  "community-pharmacy": "R",
} as const satisfies Record<Outlet["type"], string>;

const NOWHERE: Address = { line1: "", line2: "", locality: "", postcode: "" };

function happens({ draws, share }: Writing, rate: number): boolean {
  return draws.chance(rate * share);
}

function namesKnown(writing: Writing): Names {
  const { draws, person, newborn, unknown } = writing;
  if (unknown)
    return { given_name: person.sex === "male" ? "Male" : "Female", middle_name: "", family_name: "Unknown" };
  if (newborn && !draws.chance(NEWBORN.named)) return newbornNames(draws, person);
  let family =
    person.formerFamilyName !== "" && writing.share === 1 && draws.chance(0.5)
      ? person.formerFamilyName
      : person.familyName;
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
  return community[sex](Number(dayText(birthDay).slice(0, 4))).pick(draws);
}

function newbornNames(draws: Draws, person: Person): Names {
  const given = draws.pick(!person.twin ? ["BABY"] : ["BABY", "BABY OF", "TWIN ONE", "TWIN TWO", "INFANT"]);
  return { given_name: given, middle_name: "", family_name: person.familyName };
}

function numberKnown(writing: Writing, { numbers, another }: KnownAsNeeds): NumberKnown {
  const { draws, person, outlet, newborn, unknown } = writing;
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
  const earlier = person.hadAnotherNumber && writing.share === 1 && draws.chance(0.5);
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

function birthDateKnown(writing: Writing): string {
  const { draws, person, unknown } = writing;
  if (unknown) return draws.chance(0.5) ? "1900-01-01" : "";
  if (happens(writing, CHOSEN.birthDateMissing)) return "";
  if (happens(writing, CHOSEN.birthOn1900)) return "1900-01-01";
  const right = dayText(person.birthDay);
  if (happens(writing, CHOSEN.birthOnFirstJanuary)) return `${right.slice(0, 4)}-01-01`;
  if (happens(writing, MEASURED.dayAndMonthSwapped) && Number(right.slice(8)) <= 12) return swapped(right);
  if (happens(writing, MEASURED.birthDateWrong)) return wrongDay(draws, person.birthDay);
  return right;
}

function swapped(day: string): string {
  const other = `${day.slice(0, 4)}-${day.slice(8)}-${day.slice(5, 7)}`;
  return other > dayText(LAST_DAY) ? day : other;
}

/** Wrong in one part: the day, the month or the year. */
function wrongDay(draws: Draws, day: number): string {
  const by = draws.pick([draws.between(1, 9), 30, 31, Math.round(YEAR_DAYS), Math.round(YEAR_DAYS * 10)]);
  return dayText(Math.min(LAST_DAY, draws.chance(0.5) ? day - by : day + by));
}

function genderKnown(writing: Writing): string {
  const { sex } = writing.person;
  if (happens(writing, CHOSEN.sexMissing)) return "unknown";
  if (!happens(writing, MEASURED.sexWrong)) return sex;
  return sex === "male" ? "female" : "male";
}

function addressKnown(writing: Writing): Address {
  const { draws, person } = writing;
  const { formerAddress } = person;
  const stale = formerAddress !== undefined && draws.chance(writing.share / 2);
  const address = stale ? formerAddress : person.address;
  if (happens(writing, CHOSEN.postcodeUnknown)) return { ...NOWHERE, postcode: "ZZ99 3WZ" };
  if (happens(writing, CHOSEN.postcodeNoAbode)) return { ...NOWHERE, line1: "No fixed abode", postcode: "ZZ99 3VZ" };
  if (happens(writing, CHOSEN.postcodeMissing)) return { ...address, postcode: "" };
  if (happens(writing, CHOSEN.postcodeMistyped)) {
    return { ...address, postcode: address.postcode.slice(0, -1) + INWARD_LETTERS[draws.between(0, 19)] };
  }
  return address;
}
