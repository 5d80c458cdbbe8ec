import { type Clock, today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import { type AskedSearch, parseSearch } from "../mpi/search-terms.ts";
import type { PersonSearchQuestion, SearchAnswer } from "../requests/search-people.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { checkClaimHoldsNoNumber, invalid, optionalText, requiredUuid, toClaim } from "./convert.ts";
import { fromSearchAnswer } from "./convert-search.ts";
import { serializerOf } from "./encode.ts";
import { type SearchRequest, SearchResponse, SearchServiceService } from "./generated/corridor/v1/search_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

type Caller = Extract<AuthorisedPeer, { kind: "caller" }>;

const NAME_CHARACTERS_MAX = 100;
const FIELD_CHARACTERS_MAX = 254;

/** What the door for searches needs. */
export interface SearchNeeds {
  /** The story. What the caller's certificate lets it claim goes with the search, so that a refusal is audited too. */
  readonly searchPeople: (question: PersonSearchQuestion, rights: Caller["rights"]) => Promise<SearchAnswer>;
}

/** The door for searches of this node's own index. */
export function searchService(clock: Clock, random: Random, log: Log, needs: SearchNeeds): Service {
  const search = { ...SearchServiceService.search, responseSerialize: serializerOf(SearchResponse) };
  return {
    name: "corridor.v1.SearchService",
    definition: { search: boundRequest(search, REQUEST_BYTES_MAX, "everything-known") },
    implementation: {
      search: unary(log, async (request: SearchRequest, call) => {
        const { name, rights } = callerOf(call);
        const question = toSearchQuestion(request, name, clock, random);
        const answer = await needs.searchPeople(question, rights);
        return fromSearchAnswer(question.requestId, answer);
      }),
    },
  };
}

function callerOf(call: IncomingCall): Caller {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may search here.");
  return peer;
}

function toSearchQuestion(request: SearchRequest, caller: string, clock: Clock, random: Random): PersonSearchQuestion {
  const claim = toClaim(request.claim, "stated");
  checkClaimHoldsNoNumber(claim);
  const requestId = request.requestId === "" ? random.uuid() : requiredUuid(request.requestId, "request_id");
  const search = parseSearch(toAsked(request), today(clock), claim.trigger === "automatic");
  return { requestId, caller, claim, search };
}

function toAsked(request: SearchRequest): AskedSearch {
  const { fuzzy, exact, history } = request;
  const text = (value: string, where: string, charactersMax = FIELD_CHARACTERS_MAX): string | undefined =>
    value === "" ? undefined : optionalText(value, charactersMax, where);
  if (request.givenNames.includes("")) throw invalid("given_names", "has an empty name: leave it out, or give it");
  const asked = {
    family: text(request.familyName, "family_name", NAME_CHARACTERS_MAX),
    gender: text(request.gender, "gender"),
    deathDate: text(request.deathDate, "death_date"),
    postcode: text(request.postcode, "postcode"),
    practice: text(request.generalPractitioner, "general_practitioner"),
    phone: text(request.phone, "phone"),
    email: text(request.email, "email"),
  };
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  return {
    ...given,
    ...{ fuzzy, exact, history },
    given: request.givenNames.map((name) => optionalText(name, NAME_CHARACTERS_MAX, "given_names")),
    birthDate: request.birthDates.map((date) => optionalText(date, FIELD_CHARACTERS_MAX, "birth_dates")),
    ...(request.maxResults !== 0 && { maxResults: request.maxResults }),
  };
}
