import { z } from "zod";

import { parseOrganisationCode } from "../base/words.ts";

const CODE = "give an organisation's code";
const codes = z.array(z.string("give a code").min(1, "give a code").max(60, "give a code of at most 60 characters"));

/** The national codes, as they are and as older systems write them: 01, NSTS01. */
const NUMBER_STATUS = Object.fromEntries(
  ["01", "02", "03", "04", "05", "06", "07", "08"].flatMap((code) => [
    [code, code],
    [`NSTS${code}`, code],
  ]),
);

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** One feed of HL7 v2.4 ADT: who sends it, for whom it speaks, and how it uses the fields that each hospital uses differently. */
export const hl7FeedSchema = z.strictObject({
  /** ODS code of the provider for which it speaks. */
  provider: z.string(CODE).refine((text) => parseOrganisationCode(text) !== undefined, CODE),
  /** Name of the caller's certificate by which it comes: it has the right to feed for the provider. */
  sender: z.string("give the name of the caller's certificate").min(1, "give the name of the caller's certificate"),
  /** What it is called in dead letters and the history; the provider's code in small letters where absent. */
  name: z
    .string("give a name")
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, "use 1 to 40 lower-case letters, digits and inner hyphens")
    .optional(),
  /** MSH-3 of its messages; any where absent. */
  application: z.string("give MSH-3 of its messages").min(1, "give MSH-3 of its messages").optional(),
  /** MSH-4 of its messages; the provider's code where absent. */
  facility: z.string("give MSH-4 of its messages").min(1, "give MSH-4 of its messages").optional(),
  /** MSH-11 of messages that are taken. Never T or D where people are real. */
  processing: z
    .array(z.enum(["P", "T", "D"], "use P, T or D"))
    .min(1, "name at least P")
    .default(["P"]),
  /** MSH-18 of messages that do not say. */
  characterSet: z.enum(["ASCII", "8859/1", "UNICODE UTF-8"], "use ASCII, 8859/1 or UNICODE UTF-8").default("ASCII"),
  /** Of times without an offset. */
  timeZone: z.string().refine(isTimeZone, "give a zone such as Europe/London").default("Europe/London"),
  /** CX.4 of the provider's own patient numbers in PID-3 and MRG-1; its code where absent. */
  localAuthorities: codes.optional(),
  /** CX.5 of the same. */
  localTypes: codes.default(["PI", "MR", "MRN"]),
  /** CX.4 of NHS numbers. */
  nhsAuthorities: codes.default(["NHS"]),
  /** CX.5 of NHS numbers. */
  nhsTypes: codes.default(["NH", "NHS"]),
  /** What its codes in PID-32 say of the NHS number: a status from 01 to 08 for each. */
  numberStatus: z.record(z.string(), z.string().regex(/^0[1-8]$/, "use a status from 01 to 08")).default(NUMBER_STATUS),
  /** Its codes in PID-32 for patients whose location is protected; PD1-12 says so too. */
  restrictedCodes: codes.default([]),
  /** Classes of PV1-2 that are shown as encounters. */
  encounterClasses: z
    .array(z.enum(["E", "I", "O", "P", "R", "B"], "use codes of PV1-2: E, I, O, P, R, B"))
    .default(["E", "I", "O", "P", "R", "B"]),
  /** True where its visit numbers are its own: another feed of the provider uses the same ones for other visits. */
  ownVisits: z.boolean("write true or false").default(false),
  /** Services of PV1-10 whose visits are never held: legally protected kinds. By default national codes. */
  withheldServices: codes.default(["360", "504"]),
});

type Given = z.infer<typeof hl7FeedSchema>;

/** One feed, with everything said. */
export interface Hl7Feed extends Omit<Given, "name" | "facility" | "localAuthorities"> {
  readonly name: string;
  readonly facility: string;
  readonly localAuthorities: readonly string[];
}

/** Fills in what follows from the provider. */
export function toHl7Feed(given: Given): Hl7Feed {
  const { provider, name = provider.toLowerCase(), facility = provider, localAuthorities = [provider] } = given;
  return Object.freeze({ ...given, name, facility, localAuthorities });
}
