import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { checkDigit } from "../../node/base/nhs-number.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";
import { providerOf } from "./a-topology.ts";

/** An invented person, and what the areas hold of them. */
export interface TrialPerson {
  readonly nhsNumber: string;
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
  readonly heldAt: readonly Holding[];
}

export interface Holding {
  readonly area: string;
  readonly records: readonly RecordTypeKey[];
  readonly restricted?: true;
  readonly objected?: true;
  /** Where its records are fetched, and as what; a PDF of an invented host unless said otherwise. */
  readonly fetch?: { readonly base: string; readonly format: string };
}

/** A person of their own number, out of the range that is never issued. @param at which: 0 to 9,999. */
export function aPerson(at: number, birthDate: string, heldAt: readonly Holding[] = []): TrialPerson {
  for (let tenth = at * 10; ; tenth++) {
    const digits = `9001${String(tenth).padStart(5, "0")}`;
    const last = checkDigit(digits); // one in eleven has none
    if (last !== 10) return { nhsNumber: `${digits}${last}`, birthDate, heldAt };
  }
}

const IDENTITY_COLUMNS =
  "provider,local_id,nhs_number,nhs_number_status,given_name,middle_name,family_name,birth_date,gender,address_line1,address_line2,locality,postcode,phone,recorded_on,restricted";
const POINTER_COLUMNS = "provider,local_id,record_id,record_type,recorded_on,format,fetch,sensitivity";
const OBJECTION_COLUMNS = "provider,local_id,objection_id,state,received_on,override_in_emergency";
/** Minutes before loading up to which every provider's data are complete. */
const FRESH_MINUTES = 5;

/** Writes a folder of people as `corridor mesh up --people` takes it. */
export function writePeople(folder: string, areas: readonly string[], people: readonly TrialPerson[]): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const freshness = Object.fromEntries(areas.map((area) => [area, { [providerOf(area)]: FRESH_MINUTES }]));
  writeFileSync(join(folder, "freshness.yaml"), stringify(freshness));
  for (const area of areas) {
    const provider = providerOf(area);
    const held = people.flatMap((person, at) =>
      person.heldAt.filter((holding) => holding.area === area).map((holding) => ({ person, holding, id: `P${at}` })),
    );
    writeLines(folder, area, "identities", IDENTITY_COLUMNS, [
      ...held.map(
        ({ person, holding, id }) =>
          `${provider},${id},${person.nhsNumber},01,Robin,,Trial,${person.birthDate},female,1 Trial Road,,Trialby,,,2024-05-01,${holding.restricted === true}`,
      ),
    ]);
    writeLines(folder, area, "pointers", POINTER_COLUMNS, [
      ...held.flatMap(({ holding, id }) =>
        holding.records.map(
          (type, at) => `${provider},${id},${id}-${at},${type},2025-03-02,${fetchOf(holding)}${id}-${at},N`,
        ),
      ),
    ]);
    writeLines(folder, area, "objections", OBJECTION_COLUMNS, [
      ...held
        .filter(({ holding }) => holding.objected === true)
        .map(({ id }) => `${provider},${id},${id}-objection,upheld,2025-01-01,false`),
    ]);
  }
}

function fetchOf({ area, fetch }: Holding): string {
  const { base, format } = fetch ?? { base: `https://records.${area}.example/`, format: "application/pdf" };
  return `${format},${base}`;
}

function writeLines(folder: string, area: string, kind: string, columns: string, lines: readonly string[]): void {
  writeFileSync(join(folder, `${area}.${kind}.csv`), [columns, ...lines, ""].join("\n"));
}
