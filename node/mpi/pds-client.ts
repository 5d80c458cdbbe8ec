import { Failure } from "../base/failure.ts";
import { addressOf, type Asking, askService, failureOf, readCodes } from "../platform/asking.ts";
import type { HttpAnswer } from "../platform/http.ts";
import type { Pds } from "./pds.ts";
import { readMatches, readPatient } from "./pds-resource.ts";
import type { AskedSearch } from "./search-terms.ts";

export interface PdsClientOrder extends Asking {
  /** Of the FHIR API, for example `https://HOST/personal-demographics/FHIR/R4`. What it says of a patient stands in addresses. */
  readonly baseUrl: URL;
}

const SERVICE = "The demographics service";

/** The demographics service over its FHIR API, in application-restricted mode. Keeps nothing of what it hears. */
export function makePdsClient(order: PdsClientOrder): Pds {
  const { baseUrl } = order;
  return {
    async read(nhsNumber) {
      const answer = await ask(addressOf(baseUrl, `Patient/${nhsNumber.expose()}`), order);
      if (answer.status === 404) return notThere(answer, baseUrl);
      if (answer.status !== 200) throw failureOf(answer, SERVICE, baseUrl);
      const patient = readPatient(answer.body);
      return { kind: patient.nhsNumber.equals(nhsNumber) ? "found" : "superseded", patient };
    },

    async search(asked) {
      const url = addressOf(baseUrl, "Patient");
      url.search = toQuery(asked.expose()).toString();
      const answer = await ask(url, order);
      if (answer.status !== 200) throw failureOf(answer, SERVICE, baseUrl);
      if (readCodes(answer.body).includes("TOO_MANY_MATCHES")) return { kind: "too-many" };
      const [match, another] = readMatches(answer.body);
      if (another !== undefined) return { kind: "too-many" };
      return match === undefined ? { kind: "none" } : { kind: "found", ...match };
    },
  };
}

function ask(url: URL, order: PdsClientOrder): Promise<HttpAnswer> {
  return askService({ url, method: "GET", headers: { accept: "application/fhir+json" } }, order);
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
