import { closeSync, openSync, writeSync } from "node:fs";

import { personAt } from "./people.ts";

const COLUMNS = [
  ...["provider", "local_id", "nhs_number", "nhs_number_status", "given_name", "middle_name", "family_name"],
  ...["birth_date", "gender", "address_line1", "address_line2", "locality", "postcode", "phone", "recorded_on"],
  "restricted",
];
/** Every so many people are known to a second provider too, whose record links to the first. */
const SECOND_RECORD_EVERY = 3;
const PROVIDERS = ["RKB", "RJC"] as const;
const LINES_AT_ONCE = 5_000;

/** One identity record as a feed has it: its fields in the order of {@link COLUMNS}. */
export type IdentityLine = readonly string[];

/** Identity records of the people from a place on, without end. */
export function* identityLines(fromPlace: number): Generator<IdentityLine, never> {
  for (let place = fromPlace, people = 0; ; place++) {
    const person = personAt(place);
    if (person === undefined) continue;
    const { nhsNumber, givenName, familyName, birthDate, gender } = person;
    const line = (provider: string): IdentityLine => [
      ...[provider, `B${place}`, nhsNumber, "01", givenName, "", familyName, birthDate, gender],
      ...[person.addressLine1, "", person.locality, person.postcode, person.phone, person.recordedOn, "false"],
    ];
    yield line(person.provider);
    if (people++ % SECOND_RECORD_EVERY !== 0) continue;
    yield line(PROVIDERS.find((code) => code !== person.provider)!);
  }
}

/** The fields of a line by their names in the file. */
export function fieldsOf(line: IdentityLine): Record<string, string> {
  return Object.fromEntries(COLUMNS.map((column, at) => [column, line[at]!]));
}

/** Writes so many identity records as CSV, in the form that `corridor load` takes. */
export function writeIdentityFile(path: string, fromPlace: number, records: number): void {
  const file = openSync(path, "w", 0o600);
  try {
    writeSync(file, `${COLUMNS.join(",")}\n`);
    const lines = identityLines(fromPlace);
    for (let left = records; left > 0; left -= LINES_AT_ONCE) {
      const some = Array.from({ length: Math.min(left, LINES_AT_ONCE) }, () => lines.next().value.join(","));
      writeSync(file, `${some.join("\n")}\n`);
    }
  } finally {
    closeSync(file);
  }
}
