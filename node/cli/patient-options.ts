import type { Command } from "commander";

import { BirthDate } from "../base/birth-date.ts";
import { type Clock, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery } from "../base/question.ts";

/** Whom a command asks about, as its options. */
export interface PatientOptions {
  readonly nhsNumber?: string;
  readonly birthDate: string;
  readonly family?: string;
  readonly given?: string;
  readonly postcode?: string;
}

export interface PatientNeeds {
  readonly clock: Clock;
  readonly readStdin: () => Promise<string>;
}

/** Adds {@link PatientOptions}, but for the postcode. */
export function withPatientOptions(command: Command): Command {
  return command
    .option("--nhs-number <number>", "the person's NHS number; - reads it from standard input")
    .requiredOption("--birth-date <date>", "the person's date of birth, YYYY-MM-DD")
    .option("--family <name>", "family name")
    .option("--given <name>", "given name");
}

/** @throws {Failure} `invalid-input`: an option is wrong. */
export async function parsePatient(options: PatientOptions, needs: PatientNeeds): Promise<PatientQuery> {
  const birthDate = BirthDate.parse(options.birthDate, today(needs.clock));
  if (birthDate === undefined) throw wrong("--birth-date", "must be a real day as YYYY-MM-DD, not in the future");
  const familyName = named(options.family);
  const givenName = named(options.given);
  if (options.nhsNumber !== undefined) {
    const text = options.nhsNumber === "-" ? (await needs.readStdin()).trim() : options.nhsNumber;
    const nhsNumber = NhsNumber.parse(text);
    if (nhsNumber === undefined) throw wrong("--nhs-number", "is not a valid NHS number: check each digit");
    return {
      by: "number",
      nhsNumber,
      birthDate,
      ...(familyName && { familyName }),
      ...(givenName && { givenName }),
    };
  }
  if (familyName === undefined || givenName === undefined) {
    throw wrong("--nhs-number", "is missing: give it, or both --family and --given");
  }
  const postcode = named(options.postcode);
  return { by: "demographics", familyName, givenName, birthDate, ...(postcode && { postcode }) };
}

function named(text: string | undefined): Concealed<string> | undefined {
  return text === undefined ? undefined : new Concealed(text);
}

function wrong(option: string, what: string): Failure {
  return new Failure("invalid-input", `${option} ${what}.`);
}
