import type { BirthDate } from "../base/birth-date.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { Purpose } from "../base/words.ts";
import type { Withheld } from "../base/withheld.ts";
import type { PermittedPointers } from "../locator/locator.ts";
import { isTelling, personsContradict } from "../mpi/matching.ts";
import type { DemographicSearch, PersonDetails, PersonView, UniqueMatch } from "../mpi/mpi.ts";
import { givenNamesContradict, normaliseName } from "../mpi/names.ts";
import type { Found } from "./answer-locate.ts";
import type { OwnKnowledge } from "./locate.ts";

export interface KnowPersonNeeds {
  readonly personsByNumber: (nhsNumber: NhsNumber) => readonly PersonView[];
  readonly personByDemographics: (search: DemographicSearch) => UniqueMatch;
  readonly numberOf: (personId: string) => NhsNumber | undefined;
  /** What objections on any of these identities withhold. */
  readonly withheldOf: (identities: readonly number[], purpose: Purpose) => Withheld;
  /** Reads that must agree with one another. */
  readonly inOneSnapshot: <Result>(read: () => Result) => Result;
}

export interface FindRecordsNeeds extends Omit<KnowPersonNeeds, "numberOf"> {
  /** What objections on any of these identities withhold. */
  readonly withheldOf: (identities: readonly number[], purpose: Purpose) => Withheld;
  /** Those of whom nobody has said yet whether they are the person of these identities. */
  readonly personsInDoubt: (identities: readonly number[]) => readonly PersonView[];
  /** Whether this role may hear that a record may be the patient's. */
  readonly mayHearOfPossibleMatch: (permit: Permit) => boolean;
  readonly pointersOf: (identities: readonly number[], permit: Permit, withheld: Withheld) => PermittedPointers;
}

/**
 * Finds what the own index may show of the person whom a question names. Restricted and objected are no pointers, exactly
 * as if nothing were held; the difference is in `why` alone.
 *
 * Whether anything may be shown is judged before names are looked at, and over more people than could be shown: a
 * restricted mark or an objection also counts on a record that was never linked.
 *
 * @throws {Failure} `store-unavailable`: a row that bears on the answer is damaged.
 */
export function findRecords(question: Pick<Question, "patient">, permit: Permit, needs: FindRecordsNeeds): Found {
  return needs.inOneSnapshot(() => {
    const { purpose } = permit.claim;
    const { everybody, possible, naming } = personsNamed(question.patient, needs);
    const withheld = needs.withheldOf(identitiesOf(possible), purpose);
    const hidden = whyHidden(possible, withheld);
    if (hidden !== undefined) return { ...nothing(hidden), personId: idsOf(possible) };
    if (naming.kind === "named") {
      const found = foundOf(naming.persons, permit, withheld, needs);
      return found.pointers.length > 0 ? found : withPossibleMatch(found, naming.persons, permit, needs);
    }

    if (everybody.length === 0) return nothing("none-held");
    // Not where the number is also anyone's who is restricted or has objected, be it in part: no answer may set theirs apart.
    const ofAnybody = needs.withheldOf(identitiesOf(everybody), purpose);
    const mayTell = whyHidden(everybody, ofAnybody) === undefined;
    const otherPersonHasRecords =
      mayTell && naming.persons.some((each) => foundOf([each], permit, ofAnybody, needs).why === "held");
    return { ...nothing("other-person"), otherPersonHasRecords };
  });
}

/**
 * True where somebody who has this number is restricted here, or has objected to everything that such a purpose could see:
 * whoever the question names, nothing may be said of them.
 */
export function isHiddenByNumber(
  nhsNumber: NhsNumber,
  purpose: Purpose,
  needs: Pick<FindRecordsNeeds, "personsByNumber" | "withheldOf" | "inOneSnapshot">,
): boolean {
  return needs.inOneSnapshot(() => {
    const persons = needs.personsByNumber(nhsNumber);
    return whyHidden(persons, needs.withheldOf(identitiesOf(persons), purpose)) !== undefined;
  });
}

/**
 * Where nothing of the person's own can be shown: whether somebody is still to say if others here, of whom there are
 * records to show, are the same person. Not where asking for those with the right details would show nothing: where any of
 * them, or anybody who has their number, is restricted or has objected, or nobody could ask for them by birth date.
 */
function withPossibleMatch(
  found: Found,
  persons: readonly PersonView[],
  permit: Permit,
  needs: FindRecordsNeeds,
): Found {
  if (!needs.mayHearOfPossibleMatch(permit)) return found;
  const { purpose } = permit.claim;
  const others = needs.personsInDoubt(identitiesOf(persons)).filter((other) => {
    if (!hasTellingDate(other)) return false;
    return foundOf([other], permit, needs.withheldOf(other.identities, purpose), needs).why === "held";
  });
  if (others.length === 0) return found;
  const numbers = others.flatMap((other) => detailsOf(other).numbers.map((digits) => NhsNumber.parse(digits)));
  const everybody = numbers.flatMap((number) => (number === undefined ? [] : needs.personsByNumber(number)));
  // They may be one: what any of them has objected to is withheld of all.
  const mayBeOne = [...persons, ...others, ...everybody];
  const withheld = needs.withheldOf(identitiesOf(mayBeOne), purpose);
  if (whyHidden(mayBeOne, withheld) !== undefined) return found;
  if (others.every((other) => foundOf([other], permit, withheld, needs).why !== "held")) return found;
  return { ...found, possibleMatch: true, personId: idsOf([...persons, ...others]) };
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
    const { possible, match } = personsPossible(patient, needs);
    if (match !== undefined && match.kind !== "one") throw identityNotKnown(match.kind);
    const hidden = whyHidden(possible, needs.withheldOf(identitiesOf(possible), question.claim.purpose));
    if (hidden === "restricted") return { kind: "restricted" };
    const ask = { kind: "ask", ...(hidden === "objected" && { objected: true as const }) } as const;
    if (patient.by === "number" || match === undefined) return { ...ask, question };
    const nhsNumber = needs.numberOf(match.person.personId);
    if (nhsNumber === undefined) return { ...ask, question };
    const { birthDate, familyName, givenName } = patient;
    const byNumber = { by: "number", nhsNumber, birthDate, familyName, givenName } as const;
    return { ...ask, question: { ...question, patient: byNumber } };
  });
}

function identityNotKnown(found: "none" | "several"): Failure {
  const why = found === "none" ? "nobody here fits these details" : "more than one person here fits these details";
  return new Failure(
    "identity-not-known",
    `Cannot ask yet: identity not known. Here, ${why}: ask with the NHS number and the date of birth.`,
  );
}

type PersonReads = Pick<FindRecordsNeeds, "personsByNumber" | "personByDemographics">;

/** Those who may be the person asked about, as far as number and birth date tell. */
interface Possible {
  /** Everybody who has the number, whatever the birth date. */
  readonly everybody: readonly PersonView[];
  /** Those of them whom the birth date does not rule out. */
  readonly possible: readonly PersonView[];
  /** What a search by demographics found. */
  readonly match?: UniqueMatch;
}

/** Whom the question names. */
interface Naming extends Possible {
  readonly naming:
    /** One person; or several whom nothing that is known tells apart. */
    | { readonly kind: "named"; readonly persons: readonly PersonView[] }
    /** Nobody whom the details fit, or several who cannot be one person. Who it is must be checked, against these. */
    | { readonly kind: "unsure"; readonly persons: readonly PersonView[] };
}

function personsNamed(patient: PatientQuery, needs: PersonReads): Naming {
  const possible = personsPossible(patient, needs);
  if (possible.match !== undefined) {
    const persons = possible.match.kind === "one" ? [possible.match.person] : [];
    return { ...possible, naming: { kind: persons.length === 0 ? "unsure" : "named", persons } };
  }
  const born = possible.possible.filter((person) => isBornOn(person, patient.birthDate));
  if (born.length === 0) return { ...possible, naming: { kind: "unsure", persons: nameable(possible.everybody) } };
  const persons = tellApart(born, patient.givenName?.expose() ?? "");
  return { ...possible, naming: persons.length === 0 ? { kind: "unsure", persons: born } : { kind: "named", persons } };
}

function personsPossible(patient: PatientQuery, needs: PersonReads): Possible {
  if (patient.by === "number") {
    const everybody = needs.personsByNumber(patient.nhsNumber);
    return { everybody, possible: notRuledOut(everybody, patient.birthDate) };
  }
  const match = needs.personByDemographics(patient);
  if (match.kind !== "one") return { everybody: [], possible: [], match };
  const numbers = detailsOf(match.person).numbers.map((digits) => NhsNumber.parse(digits));
  const everybody = [match.person];
  for (const number of numbers) {
    if (number === undefined) continue;
    everybody.push(...needs.personsByNumber(number).filter(({ personId }) => personId !== match.person.personId));
  }
  return { everybody, possible: notRuledOut(everybody, patient.birthDate), match };
}

/**
 * Those whose birth date is the one asked with, is missing, partial or a default; and those with another birth date whose
 * number is verified where the number of one born on the day asked for is too: then one of the dates is a mistake.
 */
function notRuledOut(persons: readonly PersonView[], birthDate: BirthDate): PersonView[] {
  const bornVerified = persons.some((person) => isBornOn(person, birthDate) && hasVerifiedNumber(person));
  return persons.filter(
    (person) => isBornOn(person, birthDate) || !hasTellingDate(person) || (bornVerified && hasVerifiedNumber(person)),
  );
}

/**
 * Of those with this number and birth date, the ones of the given name asked with; nobody where it is none of theirs, or
 * where those left cannot be one person: a twin's record under the wrong number.
 */
function tellApart(born: readonly PersonView[], givenName: string): readonly PersonView[] {
  const otherwise = born.filter((person) => isNamedOtherwise(person, givenName));
  // A record that might as well be one of those ruled out (an initial, no name yet) is nobody's for certain.
  const persons = born.filter((one) => otherwise.every((other) => other !== one && areApart(one, other)));
  return persons.some((one) => persons.some((other) => areApart(one, other))) ? [] : persons;
}

/** Those whom the right birth date would name. Where nobody's date is known, no date is right, and all are alike. */
function nameable(persons: readonly PersonView[]): readonly PersonView[] {
  const dated = persons.filter(hasTellingDate);
  return dated.length > 0 ? dated : persons;
}

function areApart(one: PersonView, other: PersonView): boolean {
  return one !== other && personsContradict(detailsOf(one), detailsOf(other));
}

/**
 * True where the given name asked with can be none of this person's, their middle names among them. Twins share number
 * slips, birth date and family name, so that it counts alone; a family name, which people change, does not. Twins often
 * share the initial too: it speaks for the person only where no record has more.
 */
function isNamedOtherwise(person: PersonView, givenName: string): boolean {
  const { givenNames, middleNames } = detailsOf(person);
  if (givenName === "" || givenNames.length === 0) return false;
  const known = [...givenNames, ...middleNames, ...middleNames.flatMap((name) => name.split(/\s+/u))];
  const inFull = known.filter((name) => normaliseName(name).length > 1);
  return (inFull.length > 0 ? inFull : known).every((name) => givenNamesContradict(name, givenName));
}

/** Why nothing may be shown where any of these may be the person: the most restrictive wins. */
function whyHidden(persons: readonly PersonView[], { everything }: Withheld): "restricted" | "objected" | undefined {
  if (persons.some(({ restricted }) => restricted)) return "restricted";
  return everything ? "objected" : undefined;
}

/** @param withheld by the objections of all who may be one of them. */
function foundOf(
  persons: readonly PersonView[],
  permit: Permit,
  withheld: Withheld,
  needs: Pick<FindRecordsNeeds, "pointersOf">,
): Found {
  const { shown, more, held } = needs.pointersOf(identitiesOf(persons), permit, withheld);
  const why = shown.length > 0 ? "held" : held ? "filtered" : "none-held";
  const found = { personId: idsOf(persons), pointers: shown, otherPersonHasRecords: false, why } as const;
  return more > 0 ? { ...found, more } : found;
}

function nothing(why: Found["why"]): Found {
  return { personId: undefined, pointers: [], otherPersonHasRecords: false, why };
}

function isBornOn(person: PersonView, birthDate: BirthDate): boolean {
  return detailsOf(person).birthDates.includes(birthDate.expose());
}

function hasTellingDate(person: PersonView): boolean {
  return detailsOf(person).birthDates.some(isTelling);
}

function hasVerifiedNumber(person: PersonView): boolean {
  return detailsOf(person).verifiedNumbers.length > 0;
}

function identitiesOf(persons: readonly PersonView[]): number[] {
  return persons.flatMap(({ identities }) => identities);
}

function idsOf(persons: readonly PersonView[]): string {
  return persons.map(({ personId }) => personId).join(" ");
}

function detailsOf(person: PersonView): PersonDetails {
  return person.details.expose();
}
