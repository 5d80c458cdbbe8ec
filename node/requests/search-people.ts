import type { SearchQuota } from "../access/search-quota.ts";
import type { PersonToShow, SearchDecision, SearchLook } from "../audit/audit.ts";
import { BirthDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { FoundPerson, SearchOutcome } from "../mpi/search.ts";
import { fieldsOf, type Pattern, type Search } from "../mpi/search-terms.ts";

/** Above so many people found, the user should be asked for more fields before choosing. */
export const PERSONS_EASILY_TOLD_APART = 5;

/** A search of this node's own index, parsed. */
export interface PersonSearchQuestion {
  readonly requestId: string;
  /** The application that asks, by its certificate's name. */
  readonly caller: string;
  readonly claim: Claim;
  readonly search: Search;
}

export interface SearchAnswer {
  readonly result: SearchOutcome["kind"];
  /** Best first. */
  readonly persons: readonly FoundPerson[];
  /** So many were found that more fields should be asked for. */
  readonly askForMore: boolean;
}

/** The answer as a caller has it: the index's own ids of persons stay here. */
export interface SearchTold extends Omit<SearchAnswer, "persons"> {
  readonly persons: readonly Omit<FoundPerson, "personId">[];
}

/** The few things this story needs; the composition root hands it the real ones. */
export interface SearchPeopleNeeds {
  readonly decideAccess: (question: PersonSearchQuestion) => Decision;
  /** Durable in the audit when it resolves. */
  readonly recordSearch: (look: SearchLook, decision: SearchDecision) => Promise<void>;
  readonly quota: SearchQuota;
  readonly searchIndex: (search: Search) => SearchOutcome;
  /** An entry for every person found, or that nobody was; durable in the audit when it resolves. */
  readonly recordFound: (
    look: SearchLook,
    permit: Permit,
    persons: readonly PersonToShow[],
    result: SearchOutcome["kind"],
  ) => Promise<void>;
}

/**
 * Searches this node's own index for people. Nobody else is asked: an unknown patient is looked for here, or nowhere.
 *
 * The search is durable in the audit before the index is read, and everybody whom it found before anybody is shown.
 *
 * @throws {Failure} `purpose-refused`, `role-refused`, `not-permitted`: nothing was read; the refusal is audited.
 * @throws {Failure} `over-quota`: the user has searched too often, with the time after which to search again; likewise.
 * @throws {Failure} `store-unavailable`: the audit could not be written, or a row is damaged; nobody was shown.
 */
export async function searchPeople(question: PersonSearchQuestion, needs: SearchPeopleNeeds): Promise<SearchAnswer> {
  const decision = needs.decideAccess(question);
  const look = lookOf(question);
  if (decision.kind === "refused") {
    await needs.recordSearch(look, decision);
    const isOwn = decision.code === "purpose-refused" || decision.code === "role-refused";
    throw new Failure(isOwn ? decision.code : "not-permitted", decision.reason);
  }
  const searcher = { caller: question.caller, userId: question.claim.userId };
  const tooMany = needs.quota.admit(searcher);
  if (tooMany !== undefined) {
    await needs.recordSearch(look, { kind: "refused", code: "over-quota", reason: tooMany.message });
    throw tooMany;
  }
  await needs.recordSearch(look, decision);
  const outcome = needs.searchIndex(question.search);
  const persons = outcome.kind === "found" ? outcome.persons : [];
  needs.quota.noteShown(searcher, persons.length);
  await needs.recordFound(look, decision.permit, persons.map(toShow), outcome.kind);
  return { result: outcome.kind, persons, askForMore: persons.length > PERSONS_EASILY_TOLD_APART };
}

function toShow({ personId, score, details }: FoundPerson): PersonToShow {
  return { personId, score, nhsNumber: new Concealed(details.expose().nhsNumber) };
}

function lookOf({ requestId, claim, search }: PersonSearchQuestion): SearchLook {
  const { fuzzy, exact, history, maxResults } = search;
  const how = { fields: fieldsOf(search.terms.expose()), fuzzy, exact, history, maxResults };
  return { requestId, claim, how, patient: patientOf(search) };
}

/** Whom a search names in full, so that who looked for somebody is known even where nobody was found. */
function patientOf({ terms }: Search): PatientQuery | undefined {
  const { family, given, born, postcode } = terms.expose();
  const [familyName, givenName] = [wholeOf(family), wholeOf(given[0])];
  const birthDate = born.from === born.to ? BirthDate.parse(born.from, born.to) : undefined;
  if (familyName === undefined || givenName === undefined || birthDate === undefined) return undefined;
  const place = wholeOf(postcode);
  return { by: "demographics", familyName, givenName, birthDate, ...(place !== undefined && { postcode: place }) };
}

function wholeOf(pattern: Pattern | undefined): Concealed<string> | undefined {
  return pattern?.length === 1 ? new Concealed(pattern[0]) : undefined;
}
