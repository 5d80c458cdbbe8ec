import type { Area, HolderAnswer, PointerView } from "../base/answer.ts";
import type { Concealed } from "../base/concealed.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import { PROTECTED_RECORD_TYPES, type RecordTypeKey } from "../base/record-types.ts";
import type { OrganisationCode, Purpose } from "../base/words.ts";
import { givenNamesContradict } from "../mpi/names.ts";
import type { Coding, NationalPointer, Nrl } from "../nrl/nrl.ts";

/** How the locator stands in a locate: beside the areas of the directory, in the whole network's scope alone. */
export const NRL_AREA: Area = { name: "National Record Locator", icsCodes: [], scopes: ["network"], contact: "" };

/** What the national demographics service says of a number: as its client reads it, of which this is what counts here. */
type Person =
  | {
      readonly kind: "found" | "superseded";
      readonly patient: {
        readonly nhsNumber: NhsNumber;
        readonly restricted: boolean;
        readonly details: Concealed<{
          readonly names: readonly { readonly given: readonly string[] }[];
          readonly birthDate: string;
        }>;
      };
    }
  | { readonly kind: "invalidated" | "not-found" };

export interface AskNrlNeeds {
  readonly nrl: Pick<Nrl, "search">;
  /** Throws a Failure where it cannot be asked now. */
  readonly readPerson: (nhsNumber: NhsNumber) => Promise<Person>;
  /**
   * True where somebody of that number is restricted here or has objected to everything here: whatever date of birth they were asked
   * with, and whatever number they had before. A withdrawn number may be that of somebody under protection.
   */
  readonly isHiddenHere: (nhsNumber: NhsNumber, purpose: Purpose) => boolean;
  /** By what a type says itself: by its category alone a whole folder of papers would be a care plan. */
  readonly recordTypeOf: (types: readonly Coding[]) => RecordTypeKey | undefined;
  /** True of an organisation whose shared care record is an area of this network, this node's own included. */
  readonly isOfNetwork: (organisation: OrganisationCode) => boolean;
  /** So many pointers were of kinds of which nobody can say who may see them, and were not shown. */
  readonly unknownTypes: (count: number) => void;
}

/**
 * Asks the National Record Locator for one person's pointers, as one more area of a locate. It knows people by number alone,
 * so the demographics service is asked at the same time whose the number is: with another date of birth or given name nothing
 * is shown, and where anything would have been, that who this is must be checked.
 *
 * Its pointers are shown by the access table, like every record; none can be opened from here. Pointers to shared care records
 * that are areas of this network are left out: each of those answers for itself, and might have nothing to show.
 *
 * @param signal aborts when nobody waits any more.
 * @throws {Failure} the locator or the demographics service could not be asked: nothing is known.
 */
export async function askNrl(
  { patient, claim }: Pick<Question, "patient" | "claim">,
  permit: Permit,
  signal: AbortSignal,
  needs: AskNrlNeeds,
): Promise<HolderAnswer> {
  const skipped = whyNrlIsNotAsked({ patient, claim });
  if (skipped !== undefined || patient.by !== "number") return { ...NOTHING, ...NO_NUMBER, ...skipped };

  const asking = needs.nrl.search(patient.nhsNumber, signal);
  const [person, underAsked] = await Promise.all([needs.readPerson(patient.nhsNumber), asking]);
  const now = person.kind === "superseded" ? person.patient.nhsNumber : patient.nhsNumber;
  const underNow = person.kind === "superseded" ? await needs.nrl.search(now, signal) : [];
  // After all have answered, so that the time tells nothing of why.
  const isHidden = "patient" in person ? person.patient.restricted : person.kind === "invalidated";
  if (isHidden || [patient.nhsNumber, now].some((number) => needs.isHiddenHere(number, claim.purpose)))
    return answerWith([], permit);
  const found = [...new Map([...underAsked, ...underNow].map((pointer) => [pointer.id, pointer])).values()];
  const pointers = shownOf(found, permit, needs);
  if (isThePerson(person, patient)) return answerWith(pointers, permit);
  return pointers.length === 0 ? answerWith([], permit) : { ...answerWith([], permit), outcome: "identity-check" };
}

const NOTHING = { pointers: [], sealed: [], notOffered: [], morePointers: 0 } as const;

const NO_NUMBER = { outcome: "not-covered", reason: "no-number" } as const;

/** Why the locator is not asked such a question, whoever the patient is: by how the user has signed in, and whether there is a number. */
export function whyNrlIsNotAsked({
  patient,
  claim,
}: Pick<Question, "patient" | "claim">):
  { readonly outcome: "refused" | "not-covered"; readonly reason: string } | undefined {
  const refusal = refusalOf(claim);
  if (refusal !== undefined) return { outcome: "refused", reason: refusal };
  return patient.by === "number" ? undefined : NO_NUMBER;
}

/** The locator is for people who have signed in nationally; only producers may come without one. */
function refusalOf({ assurance, trigger }: Claim): string | undefined {
  if (trigger !== "person") return "automatic";
  return assurance === "smartcard" ? undefined : "sign-in";
}

function answerWith(pointers: readonly PointerView[], { sealed, notOffered }: Permit): HolderAnswer {
  const outcome = pointers.length === 0 ? "nothing-to-show" : "records";
  return { outcome, reason: "", pointers, sealed, notOffered, morePointers: 0 };
}

/** By the date of birth, of which the service may have a part alone; and the given name, where one was asked with. */
function isThePerson(person: Person, asked: PatientQuery): boolean {
  if (!("patient" in person)) return false;
  const { birthDate, names } = person.patient.details.expose();
  if (birthDate === "" || !asked.birthDate.expose().startsWith(birthDate)) return false;
  const givenName = asked.givenName?.expose() ?? "";
  const known = names.flatMap(({ given }) => given);
  return givenName === "" || known.length === 0 || known.some((name) => !givenNamesContradict(name, givenName));
}

function shownOf(found: readonly NationalPointer[], permit: Permit, needs: AskNrlNeeds): PointerView[] {
  let unknown = 0;
  const shown = found.flatMap((pointer) => {
    const recordType = typeOf(pointer, needs);
    if (recordType === undefined) unknown++;
    return recordType === undefined ? [] : viewOf(pointer, recordType, permit, needs);
  });
  if (unknown > 0) needs.unknownTypes(unknown);
  return shown;
}

/** National codes of imaging: some thousand, and each of them imaging. */
const NICIP = "https://nicip.nhs.uk";

function typeOf({ types }: NationalPointer, { recordTypeOf }: AskNrlNeeds): RecordTypeKey | undefined {
  return types.some(({ system }) => system === NICIP) ? "imaging-report" : recordTypeOf(types);
}

function viewOf(
  { id, custodian, sensitivity, updatedAtMs }: NationalPointer,
  recordType: RecordTypeKey,
  permit: Permit,
  { isOfNetwork }: AskNrlNeeds,
): PointerView[] {
  if (recordType === "clinical-summary" && isOfNetwork(custodian.code)) return [];
  if (PROTECTED_RECORD_TYPES.has(recordType) || !permit.mayKnowCustodian(sensitivity)) return [];
  const level = permit.levelOf(recordType, custodian.code);
  if (level !== "full" && level !== "summary") return [];
  const holder = { ...custodian, phone: "" };
  return [
    {
      ...{ pointerId: id, recordType, custodian: holder, recordedOn: "", updatedAtMs, format: "" },
      ...{ access: level, sources: [] },
    },
  ];
}
