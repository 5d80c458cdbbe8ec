import { type Clock, today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { FoundPerson } from "../mpi/search.ts";
import { type AskedSearch, parseSearch } from "../mpi/search-terms.ts";
import type { PersonSearchQuestion, SearchAnswer } from "../requests/search-people.ts";
import type { ReadClaim } from "./bearer.ts";
import type { BodyReader, Json } from "./body.ts";
import { NHS_NUMBER_SYSTEM } from "./document-reference.ts";
import { formOf } from "./form.ts";
import { type Answer, Refusal } from "./outcome.ts";
import { sizeOf } from "./record-search.ts";
import type { Caller, Route, RouteRequest } from "./routes.ts";

/** IHE PDQm 3.1.0: https://profiles.ihe.net/ITI/PDQm/ */
const PROFILE = "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient";
const UK_CORE_PATIENT = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
const MATCH = "http://hl7.org/fhir/OperationDefinition/Patient-match";
const NUMBER_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const NUMBER_STATUS_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
const CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade";

export interface PatientSearchNeeds {
  readonly clock: Clock;
  readonly readClaim: ReadClaim;
  /** The story. */
  readonly searchPeople: (question: PersonSearchQuestion, rights: Caller["rights"]) => Promise<SearchAnswer>;
}

/** The routes by which a person is looked for in this node's own index: PDQm's, with the parameters of PDS. */
export function patientSearchRoutes(bodies: BodyReader, needs: PatientSearchNeeds): readonly Route[] {
  return [
    {
      ...{ method: "GET", path: "/Patient", who: "anyone" },
      says: { resource: "Patient", profile: PROFILE, interaction: "search-type", search: PARAMETERS },
      handle: (call) => search(call, new URL(call.request.url).searchParams, needs),
    },
    {
      ...{ method: "POST", path: "/Patient/_search", who: "anyone" },
      handle: async (call) => search(call, await formOf(call.request), needs),
    },
    {
      ...{ method: "POST", path: "/Patient/$match", who: "anyone" },
      says: { operation: "match", definition: MATCH },
      handle: (call) => bodies.withBody(call.request, (body) => match(call, body, needs)),
    },
  ];
}

/** People that one search shows at most: PDS's bound. */
const PEOPLE_MAX = 50;

const PARAMETERS = [
  ...([
    { name: "family", type: "string" },
    { name: "given", type: "string" },
  ] as const),
  ...([
    { name: "birthdate", type: "date" },
    { name: "gender", type: "token" },
  ] as const),
  ...([
    { name: "address-postalcode", type: "string" },
    { name: "phone", type: "token" },
  ] as const),
] as const;

const ONCE = new Set([
  ...["family", "gender", "death-date", "address-postalcode", "general-practitioner", "email", "phone"],
  ...["_fuzzy-match", "_exact-match", "_history", "_max-results", "_format", "_summary"],
]);
const MANY = new Set(["given", "birthdate"]);

/** @throws {Refusal} 400: a parameter is unknown or given twice. */
function askedOf(query: URLSearchParams): AskedSearch {
  for (const name of new Set(query.keys())) {
    if (!ONCE.has(name) && !MANY.has(name)) {
      throw wrong("a parameter is not known here: leave it out, so that nobody is searched for who was not meant");
    }
    if (ONCE.has(name) && query.getAll(name).length > 1) throw wrong(`${name} is given more than once`);
  }
  const flag = (name: string): boolean => {
    const value = query.get(name) ?? "false";
    if (value !== "true" && value !== "false") throw wrong(`${name} must be true or false`);
    return value === "true";
  };
  const most = query.get("_max-results");
  if (most !== null && !/^[1-9]\d?$/.test(most)) throw wrong("_max-results must be 1 to 50");
  const fields = {
    family: query.get("family"),
    gender: query.get("gender"),
    deathDate: query.get("death-date"),
    postcode: query.get("address-postalcode"),
    practice: query.get("general-practitioner"),
    phone: query.get("phone"),
    email: query.get("email"),
  };
  return {
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
    ...{ given: query.getAll("given"), birthDate: query.getAll("birthdate") },
    ...{ fuzzy: flag("_fuzzy-match"), exact: flag("_exact-match"), history: flag("_history") },
    ...(most !== null && { maxResults: Number(most) }),
  };
}

async function search(call: RouteRequest, query: URLSearchParams, needs: PatientSearchNeeds): Promise<Answer> {
  const { isCount } = sizeOf(query, PEOPLE_MAX);
  return { status: 200, body: bundleOf(await find(call, askedOf(query), needs), isCount) };
}

/** `$match`: Parameters with a Patient, of which names, birth date, sex, postcode and telephone are looked at. */
async function match(call: RouteRequest, body: Json, needs: PatientSearchNeeds): Promise<Answer> {
  const parameters = new Map(listOf(body["parameter"]).map((each) => [String(each["name"]), each]));
  const patient = objectOf(parameters.get("resource")?.["resource"]);
  if (body["resourceType"] !== "Parameters" || patient["resourceType"] !== "Patient") {
    throw wrong("send Parameters with one resource, a Patient");
  }
  const [name = {}] = listOf(patient["name"]);
  const [address = {}] = listOf(patient["address"]);
  const phone = listOf(patient["telecom"]).find(({ system }) => system === "phone");
  const onlyCertain = parameters.get("onlyCertainMatches")?.["valueBoolean"] === true;
  const count = parameters.get("count")?.["valueInteger"];
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf) : []);
  const asked: AskedSearch = {
    family: textOf(name["family"]),
    given: texts(name["given"]),
    birthDate: [textOf(patient["birthDate"])],
    ...(patient["gender"] !== undefined && { gender: textOf(patient["gender"]) }),
    ...(address["postalCode"] !== undefined && { postcode: textOf(address["postalCode"]) }),
    ...(phone !== undefined && { phone: textOf(phone["value"]) }),
    ...{ fuzzy: !onlyCertain, exact: false, history: false },
    ...(typeof count === "number" && { maxResults: count }),
  };
  return { status: 200, body: bundleOf(await find(call, asked, needs), false) };
}

async function find(call: RouteRequest, asked: AskedSearch, needs: PatientSearchNeeds): Promise<SearchAnswer> {
  const claim = await needs.readClaim(call.request.headers, call.caller);
  const parsed = parsedOf(asked, today(needs.clock), claim.trigger === "automatic");
  const question = { requestId: call.requestId, caller: call.caller.name, claim, search: parsed };
  return needs.searchPeople(question, call.caller.rights);
}

/** What PDS refuses with 400 is refused so here. */
function parsedOf(asked: AskedSearch, day: string, unattended: boolean): ReturnType<typeof parseSearch> {
  try {
    return parseSearch(asked, day, unattended);
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.code !== "invalid-input") throw thrown;
    const where = thrown.where === undefined ? {} : { element: `Patient.${thrown.where}` };
    throw new Refusal(400, "invalid", thrown.message, { spineCode: "INVALID_SEARCH_DATA", ...where });
  }
}

/** A searchset, best first. Ids of persons stay in the index: a Patient here has its NHS number, or no name of its own. */
function bundleOf({ result, persons, askForMore }: SearchAnswer, isCount: boolean): object {
  if (result === "too-many") {
    throw new Refusal(422, "business-rule", "More people fit than may be shown: give more of what is known.", {
      spineCode: "TOO_MANY_MATCHES",
    });
  }
  const said = askForMore ? [{ resource: moreNeeded(), search: { mode: "outcome" } }] : [];
  const entry = [...(isCount ? [] : persons.map(entryOf)), ...said];
  return {
    resourceType: "Bundle",
    type: "searchset",
    total: persons.length,
    link: [{ relation: "self", url: "Patient/_search" }],
    ...(entry.length > 0 && { entry }), // FHIR has no empty lists
  };
}

function entryOf({ score, details, restricted }: FoundPerson): object {
  return {
    resource: patientOf(details.expose(), restricted),
    search: {
      mode: "match",
      score: Math.round(score * 10_000) / 10_000,
      extension: [{ url: MATCH_GRADE, valueCode: score >= 1 ? "certain" : score >= 0.9 ? "probable" : "possible" }],
    },
  };
}

function patientOf(person: ReturnType<FoundPerson["details"]["expose"]>, isRestricted: boolean): object {
  const { nhsNumber, verified, names, birthDates, genders, addressLines, postcode, phone, died } = person;
  const status = { system: NUMBER_STATUS_CODES, code: verified ? "01" : "02" };
  return {
    resourceType: "Patient",
    // As PDS says it: whoever shows a restricted patient shows no place.
    meta: { profile: [UK_CORE_PATIENT], security: [{ system: CONFIDENTIALITY, code: isRestricted ? "R" : "U" }] },
    ...(nhsNumber !== "" && {
      identifier: [
        {
          extension: [{ url: NUMBER_STATUS, valueCodeableConcept: { coding: [status] } }],
          ...{ system: NHS_NUMBER_SYSTEM, value: nhsNumber },
        },
      ],
    }),
    name: names.map(({ family, given, middle }, at) => ({
      use: at === 0 ? "usual" : "old",
      ...(family !== "" && { family }),
      given: [given, middle].filter((name) => name !== ""),
    })),
    ...(birthDates[0] !== undefined && { birthDate: birthDates[0] }),
    ...(genders[0] !== undefined && { gender: genders[0] }),
    ...(addressLines.length + postcode.length > 0 && {
      address: [{ line: addressLines, ...(postcode !== "" && { postalCode: postcode }) }],
    }),
    ...(phone !== "" && { telecom: [{ system: "phone", value: phone }] }),
    ...(died !== "" && { deceasedDateTime: died }),
  };
}

function moreNeeded(): object {
  const diagnostics = "Several people fit: ask for more fields before choosing, and check who this is.";
  return { resourceType: "OperationOutcome", issue: [{ severity: "warning", code: "multiple-matches", diagnostics }] };
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** A field of text; a number of somebody in it would be kept in the audit's fields. */
function textOf(value: unknown): string {
  if (typeof value !== "string" || value.length > 254 || containsNhsNumber(value))
    throw wrong("a field is not as it should be");
  return value;
}

function wrong(text: string): Refusal {
  return new Refusal(400, "invalid", `${text[0]!.toUpperCase()}${text.slice(1)}.`, { spineCode: "INVALID_PARAMETER" });
}
