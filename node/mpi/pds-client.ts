import { Failure, type FailureCode } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { Pds, PdsTokens } from "./pds.ts";
import type { Http, HttpAnswer } from "./pds-http.ts";
import { readCodes, readMatches, readPatient } from "./pds-resource.ts";
import type { AskedSearch } from "./search-terms.ts";

export interface PdsClientOrder {
  /** Of the FHIR API, for example `https://HOST/personal-demographics/FHIR/R4`. */
  readonly baseUrl: URL;
  /** For which organisation this node asks. */
  readonly organisation: OrganisationCode;
  readonly http: Http;
  readonly tokens: PdsTokens;
  readonly random: Random;
}

/** The demographics service over its FHIR API, in application-restricted mode. Keeps nothing of what it hears. */
export function makePdsClient(order: PdsClientOrder): Pds {
  const { baseUrl } = order;
  return {
    async read(nhsNumber) {
      const answer = await ask(addressOf(baseUrl, `Patient/${nhsNumber.expose()}`), order);
      if (answer.status === 404) return notThere(answer, baseUrl);
      if (answer.status !== 200) throw failureOf(answer, baseUrl);
      const patient = readPatient(answer.body);
      return { kind: patient.nhsNumber.equals(nhsNumber) ? "found" : "superseded", patient };
    },

    async search(asked) {
      const url = addressOf(baseUrl, "Patient");
      url.search = toQuery(asked.expose()).toString();
      const answer = await ask(url, order);
      if (answer.status !== 200) throw failureOf(answer, baseUrl);
      if (readCodes(answer.body).includes("TOO_MANY_MATCHES")) return { kind: "too-many" };
      const [match, another] = readMatches(answer.body);
      if (another !== undefined) return { kind: "too-many" };
      return match === undefined ? { kind: "none" } : { kind: "found", ...match };
    },
  };
}

/** Once more with a fresh token where the service does not take the one that was held. */
async function ask(url: URL, order: PdsClientOrder): Promise<HttpAnswer> {
  const answer = await askOnce(url, order);
  if (answer.status !== 401) return answer;
  order.tokens.forget();
  return askOnce(url, order);
}

async function askOnce(url: URL, { http, tokens, random, organisation }: PdsClientOrder): Promise<HttpAnswer> {
  const token = await tokens.current();
  const headers = {
    authorization: `Bearer ${token.expose()}`,
    accept: "application/fhir+json",
    "x-request-id": random.uuid(),
    "x-correlation-id": random.uuid(),
    "nhsd-end-user-organisation-ods": organisation,
  };
  return http({ url, method: "GET", headers });
}

function addressOf(baseUrl: URL, path: string): URL {
  return new URL(`${baseUrl.href.replace(/\/$/, "")}/${path}`);
}

function toQuery(asked: AskedSearch): URLSearchParams {
  const query = new URLSearchParams();
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) query.append(name, value);
  };
  add("family", asked.family);
  for (const given of asked.given) add("given", given);
  add("gender", asked.gender);
  for (const date of asked.birthDate) add("birthdate", withComparison(date));
  add("death-date", asked.deathDate && withComparison(asked.deathDate));
  add("address-postalcode", asked.postcode);
  add("general-practitioner", asked.practice);
  add("phone", asked.phone);
  add("email", asked.email);
  if (asked.fuzzy) add("_fuzzy-match", "true");
  if (asked.exact) add("_exact-match", "true");
  if (asked.history) add("_history", "true");
  add("_max-results", "1"); // an application without a user gets no more
  return query;
}

function withComparison(date: string): string {
  return /^(?:eq|ge|le)/.test(date) ? date : `eq${date}`;
}

function notThere(answer: HttpAnswer, { host }: URL): { readonly kind: "invalidated" | "not-found" } {
  const codes = readCodes(answer.body);
  if (codes.includes("INVALIDATED_RESOURCE")) return { kind: "invalidated" };
  if (codes.includes("RESOURCE_NOT_FOUND")) return { kind: "not-found" };
  // Some other server's 404: nothing is known of the person.
  throw new Failure("incompatible", `${host} does not know the demographics service's paths: check its address.`, {
    where: host,
  });
}

const FAILURE_OF: Readonly<Record<number, FailureCode>> = {
  400: "invalid-input",
  401: "not-authenticated",
  403: "not-permitted",
  408: "timed-out",
  429: "overloaded",
};

/** The service's own code says more than the status; its diagnostics may repeat what was asked, and are not told. */
function failureOf({ status, body, retryAfter }: HttpAnswer, { host }: URL): Failure {
  const code = FAILURE_OF[status] ?? (status >= 500 ? "unreachable" : "incompatible");
  const said = readCodes(body).find((each) => /^[A-Z_]{1,40}$/.test(each));
  const why = said === undefined ? `HTTP ${status}` : `HTTP ${status}, ${said}`;
  const later = retryAfter === undefined ? "" : ` Ask again in ${retryAfter} s.`;
  return new Failure(code, `The demographics service at ${host} did not answer (${why}).${later}`, { where: host });
}
