import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { systemRandom } from "../node/base/random.ts";
import { containsNhsNumber } from "../node/base/nhs-number.ts";
import { isUuid } from "../node/base/words.ts";
import { faultOf, type Fault, type Json, nhsNumberIn, textAt } from "./nrl-rules.ts";

/**
 * A double of the National Record Locator's FHIR interfaces for producers and consumers: a real HTTP server on this machine,
 * written from the published specifications (NHSDigital/nrl-producer-api and nrl-consumer-api, `specification/`). It is no
 * part of the service, shares no code with it or with the client, and takes the tokens of another double.
 */
export interface NrlDouble {
  /** Above the two interfaces. */
  readonly baseUrl: URL;
  readonly host: string;
  /** Every request so far: `POST /record-locator/producer/FHIR/R4/DocumentReference`. */
  readonly requests: readonly string[];
  /** Ids by NHS number of all pointers that are there. */
  pointers(nhsNumber: string): readonly string[];
  count(): number;
  /** What is there under an id. */
  pointer(id: string): Json | undefined;
  /** Another producer's, put there past the interface; its id is given. */
  put(resource: Json): void;
  /** Answers the next request thus instead. */
  answerNext(answer: (response: ServerResponse) => void): void;
  /** Does what the next creation asks, and breaks the connection instead of saying so. */
  loseNextCreation(): void;
  /** Answers nothing at all until told otherwise. */
  setSilent(isSilent: boolean): void;
  close(): Promise<void>;
}

export interface NrlDoubleOrder {
  readonly takesToken: (token: string) => boolean;
}

const BASE = "/record-locator";
const PRODUCER = `${BASE}/producer/FHIR/R4/DocumentReference`;
const CONSUMER = `${BASE}/consumer/FHIR/R4/DocumentReference`;
const FHIR_JSON = "application/fhir+json;version=1";

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function startNrlDouble({ takesToken }: NrlDoubleOrder): Promise<NrlDouble> {
  const requests: string[] = [];
  const pointers = new Map<string, Json>();
  let next: ((response: ServerResponse) => void) | undefined;
  let [losesNext, isSilent] = [false, false];

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await readBody(request);
    const answer = faultyRequest(request, takesToken) ?? serve(request, text, pointers);
    if (losesNext && answer.status === 201) {
      losesNext = false;
      return void response.destroy();
    }
    const mirrored = { "x-request-id": String(request.headers["x-request-id"] ?? "") };
    response.writeHead(answer.status, { "content-type": FHIR_JSON, ...mirrored, ...answer.headers });
    response.end(JSON.stringify(answer.body));
  };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (isSilent) return;
    const instead = next;
    next = undefined;
    if (instead !== undefined) return instead(response);
    void respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ host, requests, baseUrl: new URL(`http://${host}${BASE}`) },
    pointers: (nhsNumber) => [...pointers].flatMap(([id, each]) => (nhsNumberIn(each) === nhsNumber ? [id] : [])),
    count: () => pointers.size,
    pointer: (id) => pointers.get(id),
    put: (resource) => void pointers.set(textAt(resource, "id"), resource),
    answerNext: (instead) => void (next = instead),
    loseNextCreation: () => void (losesNext = true),
    setSilent: (silent) => void (isSilent = silent),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What the interface refuses of any request, whatever it asks. */
function faultyRequest(
  { headers, method, url }: IncomingMessage,
  takes: NrlDoubleOrder["takesToken"],
): Answer | undefined {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  if (!takes(bearer)) return outcome(401, "forbidden", "ACCESS_DENIED");
  if (headers["nhsd-end-user-organisation-ods"] === undefined) {
    return outcome(400, "invalid", "MISSING_OR_INVALID_HEADER", "NHSD-End-User-Organisation-ODS is missing");
  }
  if (!isUuid(String(headers["x-request-id"]))) {
    return outcome(400, "invalid", "MISSING_OR_INVALID_HEADER", "X-Request-ID is missing or no UUID");
  }
  if (headers.accept !== FHIR_JSON || (method === "POST" && headers["content-type"] !== FHIR_JSON)) {
    return outcome(400, "invalid", "MISSING_OR_INVALID_HEADER", `Only ${FHIR_JSON} is spoken`);
  }
  // The service would take it; a test must not.
  if (containsNhsNumber(url ?? ""))
    return outcome(400, "invalid", "BAD_REQUEST", "An NHS number stands in the address");
  return undefined;
}

function serve({ method, url, headers }: IncomingMessage, text: string, pointers: Map<string, Json>): Answer {
  const organisation = String(headers["nhsd-end-user-organisation-ods"]);
  const path = url ?? "";
  if (method === "POST" && path === PRODUCER) return create(text, organisation, pointers);
  const isOwn = (each: Json): boolean => textAt(each, "custodian", "identifier", "value") === organisation;
  if (method === "POST" && path === `${PRODUCER}/_search`) return search(text, [...pointers.values()].filter(isOwn));
  if (method === "POST" && path === `${CONSUMER}/_search`) return search(text, [...pointers.values()]);
  if (method === "DELETE" && path.startsWith(`${PRODUCER}/`)) {
    return remove(decodeURIComponent(path.slice(PRODUCER.length + 1)), organisation, pointers);
  }
  return outcome(404, "not-found", "RESOURCE_NOT_FOUND");
}

function create(text: string, organisation: string, pointers: Map<string, Json>): Answer {
  const resource = parse(text);
  if (resource === undefined) return outcome(400, "value", "MESSAGE_NOT_WELL_FORMED");
  const fault = faultOf(resource, organisation);
  if (fault !== undefined) return refused(fault);
  const id = `${organisation}-${lettersOf(systemRandom.uuid())}`;
  const lastUpdated = new Date().toISOString();
  pointers.set(id, { ...resource, id, meta: { lastUpdated }, date: lastUpdated });
  const headers = { location: `/producer/FHIR/R4/DocumentReference/${id}` };
  return { ...succeeded(201, "RESOURCE_CREATED"), headers };
}

/** Ids of the service are UUIDs; without digits none looks like an NHS number by chance. */
function lettersOf(uuid: string): string {
  return uuid.replace(/\d/g, (digit) => "ghijklmnop".charAt(Number(digit)));
}

function remove(id: string, organisation: string, pointers: Map<string, Json>): Answer {
  if (!id.startsWith(`${organisation}-`)) return outcome(403, "forbidden", "AUTHOR_CREDENTIALS_ERROR");
  return pointers.delete(id) ? succeeded(200, "RESOURCE_DELETED") : outcome(404, "not-found", "NO_RECORD_FOUND");
}

function search(text: string, among: readonly Json[]): Answer {
  const asked = parse(text) ?? {};
  const [system, number] = textAt(asked, "subject:identifier").split("|");
  if (system !== "https://fhir.nhs.uk/Id/nhs-number" || number === undefined || !containsNhsNumber(number)) {
    return outcome(400, "invalid", "INVALID_NHS_NUMBER");
  }
  const [typeSystem, type] = textAt(asked, "type").split("|");
  if (typeSystem !== "" && typeSystem !== "http://snomed.info/sct")
    return outcome(400, "invalid", "INVALID_CODE_SYSTEM");
  const found = among.filter(
    (each) =>
      nhsNumberIn(each) === number && (type === undefined || textAt(each, "type", "coding", "0", "code") === type),
  );
  const entry = found.map((resource) => ({ resource }));
  return { status: 200, body: { resourceType: "Bundle", type: "searchset", total: entry.length, entry } };
}

function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function refused({ status = 400, issue = "invalid", code, at }: Fault): Answer {
  return outcome(status, issue, code, `Not taken because of ${at}`, at);
}

function outcome(
  status: number,
  code: string,
  spineCode: string,
  diagnostics = spineCode,
  expression?: string,
): Answer {
  const system = "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode";
  const details = { coding: [{ system, code: spineCode, display: spineCode }] };
  const where = expression === undefined ? {} : { expression: [expression] };
  return {
    status,
    body: { resourceType: "OperationOutcome", issue: [{ severity: "error", code, details, diagnostics, ...where }] },
  };
}

function succeeded(status: number, code: string): Answer {
  const details = { coding: [{ system: "https://fhir.nhs.uk/CodeSystem/NRLF-SuccessCode", code, display: code }] };
  const issue = [{ severity: "information", code: "informational", details, diagnostics: code }];
  return { status, body: { resourceType: "OperationOutcome", issue } };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
