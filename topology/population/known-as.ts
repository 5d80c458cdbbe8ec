import { isCalendarDate } from "../../node/base/birth-date.ts";
import type { IdentityRow } from "../people/rows.ts";
import { type Address, INWARD_LETTERS } from "./areas.ts";
import { LAST_DAY, dayText } from "./calendar.ts";
import type { Draws } from "./draws.ts";
import { namesKnown } from "./known-names.ts";
import { type NumberNeeds, numberKnown } from "./known-number.ts";
import type { Outlet } from "./outlets.ts";
import type { Person } from "./person.ts";
import { CHOSEN, MEASURED, NEWBORN } from "./rates.ts";
import { type Writing, happens } from "./writing.ts";

/** A person's demographics as one provider has them: mostly right, now and then as they once were, or mistaken. */
export function knownAs(draws: Draws, person: Person, outlet: Outlet, day: number, needs: NumberNeeds): IdentityRow {
  const practice = outlet.type === "general-practice";
  const urgent = outlet.type === "acute" || outlet.type === "ambulance";
  const writing: Writing = {
    ...{ draws, person, outlet, practice },
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

function birthDateKnown(writing: Writing): string {
  const { draws, person, unknown } = writing;
  if (unknown) return draws.chance(0.5) ? "1900-01-01" : "";
  if (happens(writing, CHOSEN.birthDateMissing)) return "";
  if (happens(writing, CHOSEN.birthOn1900)) return "1900-01-01";
  const right = dayText(person.birthDay);
  if (happens(writing, CHOSEN.birthOnFirstJanuary)) return `${right.slice(0, 4)}-01-01`;
  if (happens(writing, MEASURED.dayAndMonthSwapped) && Number(right.slice(8)) <= 12) return swapped(right);
  if (happens(writing, MEASURED.birthDateWrong)) return wrongInPart(draws, right);
  return right;
}

function swapped(day: string): string {
  const other = `${day.slice(0, 4)}-${day.slice(8)}-${day.slice(5, 7)}`;
  return other > dayText(LAST_DAY) ? day : other;
}

/** Wrong in one part: the day, the month or the year. */
function wrongInPart(draws: Draws, right: string): string {
  const [year, month, day] = right.split("-") as [string, string, string];
  for (;;) {
    const wrong = draws.pick([
      `${year}-${month}-${twoDigits(draws.between(1, 31))}`,
      `${year}-${twoDigits(draws.between(1, 12))}-${day}`,
      `${Number(year) + draws.pick([-10, -1, 1, 10])}-${month}-${day}`,
    ]);
    if (wrong !== right && isCalendarDate(wrong) && wrong <= dayText(LAST_DAY)) return wrong;
  }
}

const twoDigits = (part: number): string => String(part).padStart(2, "0");

function genderKnown(writing: Writing): string {
  const { sex } = writing.person;
  if (happens(writing, CHOSEN.sexMissing)) return "unknown";
  if (!happens(writing, MEASURED.sexWrong)) return sex;
  return sex === "male" ? "female" : "male";
}

function addressKnown(writing: Writing): Address {
  const { draws, person } = writing;
  const { formerAddress } = person;
  const stale = formerAddress !== undefined && happens(writing, 0.5);
  const address = stale ? formerAddress : person.address;
  if (happens(writing, CHOSEN.postcodeUnknown)) return { ...NOWHERE, postcode: "ZZ99 3WZ" };
  if (happens(writing, CHOSEN.postcodeNoAbode)) return { ...NOWHERE, line1: "No fixed abode", postcode: "ZZ99 3VZ" };
  if (happens(writing, CHOSEN.postcodeMissing)) return { ...address, postcode: "" };
  if (happens(writing, CHOSEN.postcodeMistyped)) {
    return { ...address, postcode: address.postcode.slice(0, -1) + INWARD_LETTERS[draws.between(0, 19)] };
  }
  return address;
}
