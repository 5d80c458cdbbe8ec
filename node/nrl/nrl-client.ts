import { Failure } from "../base/failure.ts";
import type { OrganisationCode } from "../base/words.ts";
import { addressOf, type Asking, askService, failureOf, readCodes } from "../platform/asking.ts";
import type { HttpAnswer, HttpRequest } from "../platform/http.ts";
import type { Nrl } from "./nrl.ts";
import { readPointers, searchFor, searchForOwn, sharedCareRecordPointer } from "./nrl-resource.ts";

export interface NrlClientOrder extends Asking {
  /** Above the two interfaces, for example `https://HOST/record-locator`. */
  readonly baseUrl: URL;
  /** Where people learn how to ask for the record; the same for every patient. */
  readonly contactUrl: URL;
}

const SERVICE = "The National Record Locator";
const PRODUCER = "producer/FHIR/R4/DocumentReference";
const CONSUMER = "consumer/FHIR/R4/DocumentReference";
const NOT_THERE: ReadonlySet<string> = new Set(["NO_RECORD_FOUND", "RESOURCE_NOT_FOUND"]);
const FHIR_JSON = "application/fhir+json;version=1";

/**
 * The locator over its FHIR interfaces for producers and consumers, application-restricted. A patient's number stands in
 * bodies alone, never in an address. Keeps nothing of what it hears.
 */
export function makeNrlClient(order: NrlClientOrder): Nrl {
  const { baseUrl, organisation } = order;
  const ask = (path: string, request: Omit<HttpRequest, "url" | "headers">): Promise<HttpAnswer> => {
    const sent = request.body === undefined ? {} : { "content-type": FHIR_JSON };
    const headers = { accept: FHIR_JSON, ...sent };
    return askService({ ...request, url: addressOf(baseUrl, path), headers }, order);
  };
  const post = (path: string, body: object, signal: AbortSignal): Promise<HttpAnswer> =>
    ask(path, { method: "POST", body: JSON.stringify(body), signal });
  const expect = (answer: HttpAnswer, status: number): HttpAnswer => {
    if (answer.status === status) return answer;
    throw failureOf(answer, SERVICE, baseUrl);
  };

  return {
    async findOwn(nhsNumber, signal) {
      const { body } = expect(await post(`${PRODUCER}/_search`, searchForOwn(nhsNumber), signal), 200);
      const own = readPointers(body, nhsNumber).filter(({ custodian }) => custodian.code === organisation);
      return own.map(({ id }) => id);
    },

    async create(nhsNumber, signal) {
      const { location } = expect(await post(PRODUCER, sharedCareRecordPointer(nhsNumber, order), signal), 201);
      const id = location.split("/").at(-1) ?? "";
      if (id.startsWith(`${organisation}-`)) return id;
      throw new Failure("incompatible", `${SERVICE} did not say under which id it keeps a new pointer.`, {
        where: baseUrl.host,
      });
    },

    async remove(id, signal) {
      if (!id.startsWith(`${organisation}-`)) throw notOurs(id, organisation);
      const answer = await ask(`${PRODUCER}/${encodeURIComponent(id)}`, { method: "DELETE", signal });
      // Gone already, by an answer of its own and not by some other server's.
      if (answer.status === 404 && readCodes(answer.body).some((code) => NOT_THERE.has(code))) return;
      expect(answer, 200);
    },

    async search(nhsNumber, signal) {
      const { body } = expect(await post(`${CONSUMER}/_search`, searchFor(nhsNumber), signal), 200);
      return readPointers(body, nhsNumber);
    },
  };
}

function notOurs(id: string, organisation: OrganisationCode): Failure {
  const [owner] = id.split("-");
  return new Failure(
    "invalid-input",
    `A pointer of ${owner} cannot be taken back in the name of ${organisation}: set nrl.organisation to ${owner} until it is gone.`,
    { where: "nrl.organisation" },
  );
}
