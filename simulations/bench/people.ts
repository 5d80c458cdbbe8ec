import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";
import { COMMUNITIES, type Community } from "../../topology/population/communities.ts";
import { Draws } from "../../topology/population/draws.ts";

/** The node whose people these are. */
export const HOLDER_ID = "wm-cw";

/** Goes up with every change to what is made here. */
export const PEOPLE_VERSION = 2;

/** One invented person of the filler. */
export interface FilledPerson {
  readonly nhsNumber: string;
  /** `YYYY-MM-DD`; adults only, as the holder covers no others. */
  readonly birthDate: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly gender: "female" | "male";
  readonly addressLine1: string;
  readonly locality: string;
  readonly postcode: string;
  readonly phone: string;
  readonly recordedOn: string;
  /** Code of the provider that knows the person. */
  readonly provider: string;
  /** 1 to 3 records: two on average. */
  readonly records: readonly { readonly recordType: RecordTypeKey; readonly recordedOn: string }[];
}

/** Never-issued NHS numbers begin with 900 000 000 to 999 999 999. */
const FIRST_NINE_DIGITS = 900_000_000;
const NUMBERS = 100_000_000;
/** Without a common factor with {@link NUMBERS}: consecutive places lie far apart, and none comes twice. */
const STRIDE = 61_803_399;

/**
 * The number at a place from 0 up to, not including, 100 million; each place has another. One in eleven has none, because
 * no check digit exists for it.
 */
export function numberAt(place: number): string | undefined {
  const nine = String(FIRST_NINE_DIGITS + ((place * STRIDE) % NUMBERS));
  const digits = nine + checkDigitOf(nine);
  return NhsNumber.parse(digits)?.expose();
}

/** Modulus 11. A 10 makes eleven digits, which are no NHS number. */
function checkDigitOf(nine: string): string {
  let sum = 0;
  for (let place = 0; place < 9; place++) sum += (10 - place) * (nine.charCodeAt(place) - 48);
  return String((11 - (sum % 11)) % 11);
}

const STREETS = ["Canal Road", "Hillcrest Street", "Station Way", "Church Lane", "Mill Close"];
const TOWNS = ["Coventry", "Nuneaton", "Rugby"] as const;
/** Which community a person is of, each as often as it stands here: names are as common as among many people. */
const MIX = [
  ...Array.from({ length: 16 }, () => "british" as const),
  ...(["pakistani", "punjabi", "polish", "gujarati"] as const),
];
/** Letters of the last half of a postcode: with the rest, some 28 people share one. */
const UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ";
const PROVIDERS = ["RKB", "RJC"] as const;
const RECORD_TYPES = ["encounters", "discharge-letter", "medications", "allergies", "problems"] as const;

/** The person at a place: always the same one. `undefined` where the place has no number. */
export function personAt(place: number): FilledPerson | undefined {
  const nhsNumber = numberAt(place);
  if (nhsNumber === undefined) return undefined;
  const draws = new Draws().startAt(PEOPLE_VERSION, 0, 0, place);
  const from = <T>(list: readonly T[]): T => draws.pick(list);
  const whole = (least: number, greatest: number): number => draws.between(least, greatest);
  const day = (firstYear: number, lastYear: number): string =>
    `${whole(firstYear, lastYear)}-${two(whole(1, 12))}-${two(whole(1, 28))}`;

  const gender = from(["female", "male"] as const);
  const community: Community = COMMUNITIES[from(MIX)];
  const birthDate = day(1930, 2006);
  return {
    nhsNumber,
    birthDate,
    givenName: community[gender](Number(birthDate.slice(0, 4))).pick(draws),
    familyName: community.family.pick(draws),
    gender,
    addressLine1: `${whole(1, 199)} ${from(STREETS)}`,
    locality: from(TOWNS),
    postcode: `CV8${whole(0, 9)} ${whole(1, 9)}${from([...UNIT_LETTERS])}${from([...UNIT_LETTERS])}`,
    phone: `06290 ${String(whole(0, 999_999)).padStart(6, "0")}`,
    recordedOn: day(2020, 2025),
    provider: from(PROVIDERS),
    records: Array.from({ length: whole(1, 3) }, () => ({
      recordType: from(RECORD_TYPES),
      recordedOn: day(2015, 2025),
    })),
  };
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
