import { NhsNumber } from "../../node/base/nhs-number.ts";
import { seededRandom } from "../../node/base/random.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";

/** The node whose people these are. */
export const HOLDER_ID = "wm-cw";

/** Goes up with every change to what is made here. */
export const PEOPLE_VERSION = 1;

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

const GIVEN = {
  female: ["Margaret", "Susan", "Claire", "Amelia", "Parveen", "Fatima", "Agnieszka", "Mei", "Siobhán", "Grace"],
  male: ["David", "Keith", "Andrew", "Oliver", "Mohammed", "Gurpreet", "Piotr", "Wei", "Declan", "Emmanuel"],
} as const;
const FAMILY = ["Smith", "Whitehouse", "Hadley", "Begum", "Khan", "Kaur", "Singh", "Kowalski", "O'Brien", "Okafor"];
const STREETS = ["Canal Road", "Hillcrest Street", "Station Way", "Church Lane", "Mill Close"];
const TOWNS = [
  ["Coventry", "CV80"],
  ["Nuneaton", "CV82"],
  ["Rugby", "CV83"],
] as const;
const PROVIDERS = ["RKB", "RJC"] as const;
const RECORD_TYPES = ["encounters", "discharge-letter", "medications", "allergies", "problems"] as const;

/** The person at a place: always the same one. `undefined` where the place has no number. */
export function personAt(place: number): FilledPerson | undefined {
  const nhsNumber = numberAt(place);
  if (nhsNumber === undefined) return undefined;
  const { fraction } = seededRandom(place);
  const from = <T>(list: readonly T[]): T => list[Math.floor(fraction() * list.length)]!;
  const whole = (least: number, greatest: number): number => least + Math.floor(fraction() * (greatest - least + 1));
  const day = (firstYear: number, lastYear: number): string =>
    `${whole(firstYear, lastYear)}-${two(whole(1, 12))}-${two(whole(1, 28))}`;

  const gender = from(["female", "male"] as const);
  const [locality, district] = from(TOWNS);
  return {
    nhsNumber,
    birthDate: day(1930, 2006),
    givenName: from(GIVEN[gender]),
    familyName: from(FAMILY),
    gender,
    addressLine1: `${whole(1, 199)} ${from(STREETS)}`,
    locality,
    postcode: `${district} ${whole(1, 9)}${from(["AB", "DQ", "JN", "XY"])}`,
    phone: `07700 900${String(whole(0, 999)).padStart(3, "0")}`,
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
