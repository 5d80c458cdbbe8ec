import type { BirthDate } from "../base/birth-date.ts";
import { Failure } from "../base/failure.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { Purpose } from "../base/words.ts";
import type { PermittedPointers } from "../locator/locator.ts";
import type { DemographicSearch, PersonView, UniqueMatch } from "../mpi/mpi.ts";
import { familyNamesContradict, givenNamesContradict } from "../mpi/names.ts";
import type { Found } from "./answer-locate.ts";
import type { OwnKnowledge } from "./locate.ts";

type NumberQuery = Extract<PatientQuery, { readonly by: "number" }>;

export interface KnowPersonNeeds {
  readonly personsByNumber: (nhsNumber: NhsNumber) => readonly PersonView[];
  readonly personByDemographics: (search: DemographicSearch) => UniqueMatch;
  readonly numberOf: (personId: string) => NhsNumber | undefined;
  /** Reads that must agree with one another. */
  readonly inOneSnapshot: <Result>(read: () => Result) => Result;
}

export interface FindRecordsNeeds extends Omit<KnowPersonNeeds, "numberOf"> {
  readonly isObjected: (identities: readonly number[], purpose: Purpose) => boolean;
  readonly pointersOf: (identities: readonly number[], permit: Permit) => PermittedPointers;
}

/**
 * Finds what the own index may show of the person whom a question names. Restricted and objected are no pointers, exactly
 * as if nothing were held; the difference is in `why` alone.
 *
 * @throws {Failure} `store-unavailable`: a row that bears on the answer is damaged.
 */
export function findRecords(question: Question, permit: Permit, needs: FindRecordsNeeds): Found {
  return needs.inOneSnapshot(() => {
    const naming = personsNamed(question.patient, needs);
    switch (naming.kind) {
      case "named":
        return foundOf(naming.persons, permit, needs);
      case "in-doubt": {
        // Where one of them is restricted or objected, the right details would show nothing: so do these.
        const found = foundOf(naming.persons, permit, needs);
        return found.why === "held" ? { ...nothing("other-person"), otherPersonHasRecords: true } : found;
      }
      case "nobody": {
        // Not where the number is anyone's who is restricted or has objected: no answer may set theirs apart.
        const whys = new Set(naming.others.map((person) => foundOf([person], permit, needs).why));
        const otherPersonHasRecords = whys.has("held") && !whys.has("restricted") && !whys.has("objected");
        return { ...nothing(naming.others.length === 0 ? "none-held" : "other-person"), otherPersonHasRecords };
      }
    }
  });
}

/**
 * What the asker's own index says about the person before anybody is asked: restricted here, or which question to put to
 * the others. A question by demographics becomes one by number where exactly one person here fits it and has one.
 *
 * @throws {Failure} `identity-not-known`: nobody here fits the demographics, or several do.
 * @throws {Failure} `store-unavailable`: a row that bears on the answer is damaged.
 */
export function knowPerson(question: Question, needs: KnowPersonNeeds): OwnKnowledge {
  const { patient } = question;
  return needs.inOneSnapshot(() => {
    if (patient.by === "number") {
      const persons = needs.personsByNumber(patient.nhsNumber).filter((person) => isBornOn(person, patient.birthDate));
      return persons.some(({ restricted }) => restricted) ? { kind: "restricted" } : { kind: "ask", question };
    }
    const match = needs.personByDemographics(patient);
    if (match.kind !== "one") throw identityNotKnown(match.kind);
    if (match.person.restricted) return { kind: "restricted" };
    const nhsNumber = needs.numberOf(match.person.personId);
    if (nhsNumber === undefined) return { kind: "ask", question };
    const { birthDate, familyName, givenName } = patient;
    const byNumber = { by: "number", nhsNumber, birthDate, familyName, givenName } as const;
    return { kind: "ask", question: { ...question, patient: byNumber } };
  });
}

function identityNotKnown(found: "none" | "several"): Failure {
  const why = found === "none" ? "nobody here fits these details" : "more than one person here fits these details";
  return new Failure(
    "identity-not-known",
    `Cannot ask yet: identity not known. Here, ${why}: ask with the NHS number and the date of birth.`,
  );
}

/** Whom the question names. */
type Naming =
  /** One person; or several whom nothing that is known tells apart. */
  | { readonly kind: "named"; readonly persons: readonly PersonView[] }
  /** Several with this number and date of birth whose given names contradict: a twin's record under the wrong number. */
  | { readonly kind: "in-doubt"; readonly persons: readonly PersonView[] }
  /** Nobody; others may have the number. */
  | { readonly kind: "nobody"; readonly others: readonly PersonView[] };

function personsNamed(
  patient: PatientQuery,
  needs: Pick<FindRecordsNeeds, "personsByNumber" | "personByDemographics">,
): Naming {
  if (patient.by === "demographics") {
    const match = needs.personByDemographics(patient);
    return match.kind === "one" ? { kind: "named", persons: [match.person] } : { kind: "nobody", others: [] };
  }
  const persons = needs.personsByNumber(patient.nhsNumber);
  const fitting = persons.filter((person) => isBornOn(person, patient.birthDate) && !isNamedOtherwise(person, patient));
  if (fitting.length === 0) return { kind: "nobody", others: persons };
  if (fitting.length === 1) return { kind: "named", persons: fitting };

  // The given name asked with may tell them apart; if not, they must at least be nameable as one person.
  const asked = patient.givenName?.expose() ?? "";
  const likely = fitting.filter((person) => !everyContradicts(givenNamesOf(person), asked, givenNamesContradict));
  const names = likely.flatMap(givenNamesOf);
  const apart = likely.length === 0 || names.some((one) => names.some((other) => givenNamesContradict(one, other)));
  return apart ? { kind: "in-doubt", persons: fitting } : { kind: "named", persons: likely };
}

function foundOf(
  persons: readonly PersonView[],
  permit: Permit,
  needs: Pick<FindRecordsNeeds, "isObjected" | "pointersOf">,
): Found {
  const personId = persons.map((person) => person.personId).join(" ");
  const identities = persons.flatMap((person) => person.identities);
  if (persons.some(({ restricted }) => restricted)) return { ...nothing("restricted"), personId };
  if (needs.isObjected(identities, permit.claim.purpose)) return { ...nothing("objected"), personId };
  const { shown, withheld } = needs.pointersOf(identities, permit);
  const why = shown.length > 0 ? "held" : withheld > 0 ? "filtered" : "none-held";
  return { personId, pointers: shown, otherPersonHasRecords: false, why };
}

function nothing(why: Found["why"]): Found {
  return { personId: undefined, pointers: [], otherPersonHasRecords: false, why };
}

function isBornOn(person: PersonView, birthDate: BirthDate): boolean {
  return person.details.expose().birthDates.includes(birthDate.expose());
}

/** True where the asker gave both names and neither can be this person's: the number is somebody else's. */
function isNamedOtherwise(person: PersonView, { familyName, givenName }: NumberQuery): boolean {
  return (
    everyContradicts(person.details.expose().familyNames, familyName?.expose() ?? "", familyNamesContradict) &&
    everyContradicts(givenNamesOf(person), givenName?.expose() ?? "", givenNamesContradict)
  );
}

function everyContradicts(
  known: readonly string[],
  asked: string,
  contradict: (one: string, other: string) => boolean,
): boolean {
  return asked !== "" && known.length > 0 && known.every((name) => contradict(name, asked));
}

function givenNamesOf(person: PersonView): readonly string[] {
  return person.details.expose().givenNames;
}
