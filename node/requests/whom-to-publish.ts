import { BirthDate } from "../base/birth-date.ts";
import { type Clock, today } from "../base/clock.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { PersonView } from "../mpi/mpi.ts";
import type { PdsAnswer } from "./pds-events.ts";

export interface WhomToPublishNeeds {
  readonly clock: Clock;
  readonly personsByNumber: (nhsNumber: NhsNumber) => readonly PersonView[];
  readonly numberOf: (personId: string) => NhsNumber | undefined;
  /** False where the number is under protection, two people's or withdrawn, or its patient has died. A number as the index has it. */
  readonly mayStandFor: (nhsNumber: number) => boolean;
  /** True where such a question would be answered with records. */
  readonly wouldShow: (patient: PatientQuery, permit: Permit) => boolean;
  /** What those see for whom the locator is: a pointer that leads them to nothing would tell that something is withheld. */
  readonly reader: Permit | undefined;
  /** Whether this node answers for people of this age, in whole years. */
  readonly coversAge: (age: number) => boolean;
  /** Reads that must agree with one another. */
  readonly inOneSnapshot: <Result>(read: () => Result) => Result;
}

/** For whom the locator is: whoever treats somebody whom they do not know. */
const READER = { role: "R8000", setting: "emergency" } as const;

/** What an emergency department's doctor may see here by an ordinary question; `undefined` where nothing. */
export function nationalReader(
  organisation: OrganisationCode,
  decideAccess: (asked: { readonly requestId: string; readonly claim: Claim }) => Decision,
): Permit | undefined {
  const who = { ...READER, userId: "", organisation, assurance: "smartcard", purpose: "TREAT" } as const;
  const why = { relationship: { kind: "attendance" }, trigger: "automatic" } as const;
  const decision = decideAccess({ requestId: "", claim: { ...who, ...why } });
  return decision.kind === "permitted" ? decision.permit : undefined;
}

/**
 * The person of whom the National Record Locator is to say that this shared care record knows them; `undefined` where it is to
 * say nothing of the number. Only where the number is verified, this one person's and theirs alone, and an ordinary question of
 * its readers would be answered with records: so nobody who is restricted, has objected or has died.
 *
 * @throws {Failure} `store-unavailable`: a row that bears on it is damaged.
 */
export function personToPublish(nhsNumber: NhsNumber, needs: WhomToPublishNeeds): PersonView | undefined {
  return needs.inOneSnapshot(() => {
    const [person, another] = needs.personsByNumber(nhsNumber);
    if (person === undefined || another !== undefined || person.restricted) return undefined;
    if (!isTheirOwn(nhsNumber, person, needs)) return undefined;
    return isShown(nhsNumber, person, needs) ? person : undefined;
  });
}

/** The number is verified and the person's one number, and none that they ever had stands under protection. */
function isTheirOwn(nhsNumber: NhsNumber, { personId, details }: PersonView, needs: WhomToPublishNeeds): boolean {
  const { numbers, verifiedNumbers } = details.expose();
  if (!verifiedNumbers.includes(nhsNumber.expose())) return false;
  if (needs.numberOf(personId)?.equals(nhsNumber) !== true) return false;
  return numbers.every((digits) => needs.mayStandFor(Number(digits)));
}

function isShown(nhsNumber: NhsNumber, { details }: PersonView, needs: WhomToPublishNeeds): boolean {
  const day = today(needs.clock);
  const patients = details.expose().birthDates.flatMap((text): PatientQuery[] => {
    const birthDate = BirthDate.parse(text, day);
    const isAsked = birthDate !== undefined && needs.coversAge(birthDate.ageOn(day));
    return isAsked ? [{ by: "number", nhsNumber, birthDate }] : [];
  });
  const { reader, wouldShow } = needs;
  return reader !== undefined && patients.some((patient) => wouldShow(patient, reader));
}

/**
 * Whether the national demographics service bears out that the number is this person's, who lives and is not protected.
 *
 * @param said of the number by the service.
 */
export function isBorneOut(
  nhsNumber: NhsNumber,
  said: PdsAnswer,
  { personsByNumber }: Pick<WhomToPublishNeeds, "personsByNumber">,
): boolean {
  if (said.kind !== "found" || said.patient.restricted) return false;
  const { birthDate, died } = said.patient.details.expose();
  const known = personsByNumber(nhsNumber).flatMap(({ details }) => details.expose().birthDates);
  return died === "" && birthDate !== "" && known.some((date) => date.startsWith(birthDate));
}
