import { Concealed } from "../base/concealed.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import type { FoundPerson, SearchOutcome } from "../mpi/search.ts";
import type { SearchWarning } from "../mpi/search-view.ts";
import type { SearchAnswer, SearchTold } from "../requests/search-people.ts";
import { word } from "./convert.ts";
import {
  type PersonFound,
  type SearchRequest,
  type SearchResponse,
  SearchResult as WireResult,
  SearchWarning as WireWarning,
} from "./generated/corridor/v1/search_service.ts";

/** Searches and what they find, onto the wire and off it. */

const RESULT = {
  found: WireResult.SEARCH_RESULT_FOUND,
  none: WireResult.SEARCH_RESULT_NONE,
  "too-many": WireResult.SEARCH_RESULT_TOO_MANY_MATCHES,
} as const satisfies Record<SearchOutcome["kind"], WireResult>;

const WARNING = {
  "same-name": WireWarning.SEARCH_WARNING_SAME_NAME,
  household: WireWarning.SEARCH_WARNING_HOUSEHOLD,
} as const satisfies Record<SearchWarning, WireWarning>;

export function fromSearchAnswer(requestId: string, { result, persons, askForMore }: SearchAnswer): SearchResponse {
  return { requestId, result: RESULT[result], persons: persons.map(fromPerson), askForMore };
}

/** Onto the wire: the only place where a person who was found is spelled out. */
function fromPerson({ score, restricted, details, warnings }: FoundPerson): PersonFound {
  const { nhsNumber, verified, names, birthDates, genders, addressLines, postcode, phone, died, deathRegistered } =
    details.expose();
  return {
    ...{ died, deathRegistered, score, nhsNumber, nhsNumberVerified: verified, postcode, phone, restricted },
    names: names.map((name) => ({ ...name })),
    birthDates: [...birthDates],
    genders: [...genders],
    addressLines: [...addressLines],
    warnings: warnings.map((warning) => WARNING[warning]),
  };
}

export function toSearchTold({ result, persons, askForMore }: SearchResponse): SearchTold {
  return { result: word(RESULT, result, "result"), persons: persons.map(toPerson), askForMore };
}

function toPerson({
  score,
  restricted,
  warnings,
  nhsNumberVerified,
  ...rest
}: PersonFound): SearchTold["persons"][number] {
  return {
    ...{ score, restricted },
    details: new Concealed({ ...rest, verified: nhsNumberVerified }),
    warnings: warnings.map((warning) => word(WARNING, warning, "warnings")),
  };
}

/** The fields of a search as they travel; the rules about them are the node's. */
export function fromAsked(asked: AskedSearch): Omit<SearchRequest, "claim" | "requestId"> {
  return {
    familyName: asked.family ?? "",
    givenNames: [...asked.given],
    gender: asked.gender ?? "",
    birthDates: [...asked.birthDate],
    deathDate: asked.deathDate ?? "",
    postcode: asked.postcode ?? "",
    generalPractitioner: asked.practice ?? "",
    phone: asked.phone ?? "",
    email: asked.email ?? "",
    fuzzy: asked.fuzzy,
    exact: asked.exact,
    history: asked.history,
    maxResults: asked.maxResults ?? 0,
  };
}
