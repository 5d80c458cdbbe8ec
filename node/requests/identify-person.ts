import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import type { Deadline } from "../base/deadline.ts";
import { asFailure, Failure } from "../base/failure.ts";
import { inTime } from "../base/in-time.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { Pds, PdsPatient } from "../mpi/pds.ts";
import { isTelling } from "../mpi/matching.ts";
import type { PersonView } from "../mpi/mpi.ts";
import { isPlaceholder, normaliseName } from "../mpi/names.ts";
import { knowPerson, type KnowPersonNeeds } from "./find-records.ts";
import type { OwnKnowledge } from "./locate.ts";

export interface IdentifyPersonNeeds extends KnowPersonNeeds {
  readonly clock: Clock;
  /** Absent where there is no connection to the national service. */
  readonly pds?: Pick<Pds, "search"> | undefined;
  /** The service could not be asked: the operator must know. */
  readonly pdsFailed: (failure: Failure) => void;
  /** What other nodes, by agreement, say of whom nobody here and no national service knows. Never rejects. */
  readonly discover: (question: Question, deadline: Deadline) => Promise<NhsNumber | undefined>;
}

/** Of the time that is left, what the national service may take: the other areas need the rest. */
const PDS_SHARE = 0.5;

/**
 * As {@link knowPerson}; and where the question has no NHS number, and the own index knows none or not whose, the national
 * service is asked for the one person whom all details fit exactly; and where nobody here fits and that service has nobody
 * either, those other nodes whose agreement allows it.
 *
 * @throws {Failure} `identity-not-known`: none of them knows who it is. Nobody has been asked for records.
 * @throws {Failure} `timed-out`, `unreachable`: the own index does not know who it is, and the service could not be asked.
 * @throws {Failure} `store-unavailable`: a row that bears on the answer is damaged.
 */
export async function identifyPerson(
  question: Question,
  deadline: Deadline,
  needs: IdentifyPersonNeeds,
): Promise<OwnKnowledge> {
  const own = ownKnowledge(question, needs);
  const { patient } = question;
  if (patient.by === "number" || isSettled(own)) return orThrow(own);

  const found = await askPds(patient, deadline, needs);
  if (found === undefined || found instanceof Failure) {
    const byPeer = own instanceof Failure ? await askPeers(question, patient, deadline, needs) : undefined;
    if (byPeer !== undefined) return byPeer;
    if (found instanceof Failure && own instanceof Failure) throw alsoNotAsked(own, found);
    return orThrow(own);
  }
  const { nhsNumber, restricted } = found;
  const known = restricted
    ? ({ kind: "restricted" } as const)
    : knowPerson(withNumber(question, patient, nhsNumber), needs);
  // Whoever is restricted is not found by place, and that they were is not told either.
  if (known.kind === "restricted") return patient.postcode === undefined ? known : orThrow(own);
  // The own index has the one whom it knows without a number; the others are asked by the number.
  return { ...known, byPds: true, ...(!(own instanceof Failure) && { here: question }) };
}

/**
 * Whom other nodes know. Nobody where somebody here fits the details too, or has that number and another birth date: what
 * a stranger says is held against the own index first.
 */
async function askPeers(
  question: Question,
  patient: Demographics,
  deadline: Deadline,
  needs: IdentifyPersonNeeds,
): Promise<OwnKnowledge | undefined> {
  if (needs.personByDemographics(patient).kind !== "none") return undefined;
  const nhsNumber = await needs.discover(question, deadline);
  if (nhsNumber === undefined) return undefined;
  const known = knowPerson(withNumber(question, patient, nhsNumber), needs);
  if (known.kind === "restricted") return patient.postcode === undefined ? known : undefined;
  const isElse = (person: PersonView): boolean =>
    !person.details.expose().birthDates.includes(patient.birthDate.expose());
  return needs.personsByNumber(nhsNumber).some(isElse) ? undefined : { ...known, byPeer: true };
}

function withNumber(question: Question, patient: Demographics, nhsNumber: NhsNumber): Question {
  const { birthDate, familyName, givenName } = patient;
  return { ...question, patient: { by: "number", nhsNumber, birthDate, familyName, givenName } };
}

/** True where the service is not to be asked: the own index says enough, or an objection goes no further than this node. */
function isSettled(own: OwnKnowledge | Failure): boolean {
  if (own instanceof Failure) return false;
  return own.kind === "restricted" || own.objected === true || own.question.patient.by === "number";
}

function ownKnowledge(question: Question, needs: KnowPersonNeeds): OwnKnowledge | Failure {
  try {
    return knowPerson(question, needs);
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === "identity-not-known") return thrown;
    throw thrown;
  }
}

function orThrow(own: OwnKnowledge | Failure): OwnKnowledge {
  if (own instanceof Failure) throw own;
  return own;
}

type Demographics = Extract<PatientQuery, { by: "demographics" }>;

/** The one person whom the service has of all these details, if there is one; or why it could not be asked. */
async function askPds(
  patient: Demographics,
  deadline: Deadline,
  { pds, clock, pdsFailed }: IdentifyPersonNeeds,
): Promise<PdsPatient | Failure | undefined> {
  const [family, given, postcode] = [patient.familyName, patient.givenName, patient.postcode].map((text) =>
    text?.expose(),
  );
  // What names nobody finds nobody; and to the service an asterisk stands for any letters, which would be a wider search.
  const namesSomebody = !isPlaceholder(given ?? "") && isTelling(patient.birthDate.expose());
  if (!namesSomebody || [family, given, postcode].some((text) => text?.includes("*"))) return undefined;
  if (pds === undefined) return undefined;
  const asked = new Concealed({
    ...{ family: family ?? "", given: [given ?? ""], birthDate: [patient.birthDate.expose()] },
    ...{ fuzzy: false, exact: true, history: false, ...(postcode !== undefined && { postcode }) },
  });
  try {
    const share = deadline.keepingBack(deadline.remainingMs() * (1 - PDS_SHARE));
    const found = await inTime(pds.search(asked), share, clock);
    if (found === "too-late") throw new Failure("timed-out", "The national service took too long.");
    return found.kind === "found" && fits(found.patient, patient) ? found.patient : undefined;
  } catch (thrown) {
    const failure = asFailure(thrown);
    pdsFailed(failure);
    return failure;
  }
}

/** Whoever asks holds the answer against the question. */
function fits({ details }: PdsPatient, { familyName, givenName, birthDate }: Demographics): boolean {
  const { names, birthDate: born } = details.expose();
  const [family, given] = [normaliseName(familyName.expose()), normaliseName(givenName.expose())];
  const isNamed = names.some(
    (name) => normaliseName(name.family) === family && name.given.some((each) => normaliseName(each) === given),
  );
  return born === birthDate.expose() && isNamed;
}

function alsoNotAsked({ message }: Failure, { code }: Failure): Failure {
  const why = code === "timed-out" ? "did not answer in time" : "could not be asked";
  return new Failure(
    code === "timed-out" ? "timed-out" : "unreachable",
    `${message} The national demographics service, which may know more, ${why}.`,
  );
}
