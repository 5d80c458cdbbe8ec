import { createHash, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { jwtVerify } from "jose";

import { NhsNumber } from "../node/base/nhs-number.ts";
import { isUuid } from "../node/base/words.ts";
import { PDS_PEOPLE, type DoublePerson } from "./pds-people.ts";
import { refusalOf, searchOf } from "./pds-search.ts";

/**
 * A double of the Personal Demographics Service's FHIR API and of its token endpoint: a real HTTP server on this machine,
 * written from the published specification (NHSDigital/personal-demographics-service-api, `specification/`), in
 * application-restricted mode. It is no part of the service, shares no code with it or with the client, and knows nobody but
 * the sandbox's test numbers and some of our own from the range that is never issued.
 */
export interface PdsDouble {
  readonly baseUrl: URL;
  readonly tokenUrl: URL;
  readonly host: string;
  /** Every request so far, without tokens: `GET /personal-demographics/FHIR/R4/Patient/9000000009`. */
  readonly requests: readonly string[];
  /** Somebody whom it does not know yet, or knows otherwise. */
  put(person: DoublePerson): void;
  /** Answers the next request thus instead. */
  answerNext(answer: (response: ServerResponse) => void): void;
  /** Whether a token is taken: others of the platform's services take the same. */
  takes(token: string): boolean;
  /** No token given out until now is taken any more. */
  endTokens(): void;
  close(): Promise<void>;
}

export interface PdsDoubleOrder {
  readonly apiKey: string;
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly expiresInSeconds?: number;
}

const BASE = "/personal-demographics/FHIR/R4";
const TOKEN = "/oauth2/token";

export async function startPdsDouble(order: PdsDoubleOrder): Promise<PdsDouble> {
  const requests: string[] = [];
  const tokens = new Set<string>();
  const people = [...PDS_PEOPLE];
  let next: ((response: ServerResponse) => void) | undefined;
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, body, headers = {} } = await answer(request, order, tokens, people);
    response.writeHead(status, { "content-type": "application/fhir+json;charset=utf-8", ...headers });
    response.end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const instead = next;
    next = undefined;
    if (instead !== undefined) return instead(response);
    void respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ host, requests, baseUrl: new URL(`http://${host}${BASE}`), tokenUrl: new URL(`http://${host}${TOKEN}`) },
    put: (person) => void people.unshift(person),
    answerNext: (instead) => void (next = instead),
    takes: (token) => tokens.has(token),
    endTokens: () => tokens.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(
  request: IncomingMessage,
  order: PdsDoubleOrder,
  tokens: Set<string>,
  people: readonly DoublePerson[],
): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://double");
  if (url.pathname === TOKEN && request.method === "POST")
    return giveToken(await readBody(request), order, tokens, request);
  if (request.method !== "GET" || !url.pathname.startsWith(`${BASE}/Patient`))
    return outcome(404, "not-found", "NOT_FOUND");
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (!tokens.has(bearer)) return outcome(401, "forbidden", "ACCESS_DENIED");
  const requestId = request.headers["x-request-id"];
  if (requestId === undefined) return outcome(400, "required", "MISSING_VALUE", "Missing value - 'X-Request-ID'");
  if (!isUuid(String(requestId)))
    return outcome(400, "value", "INVALID_VALUE", "Invalid value in header 'X-Request-ID'");
  const mirrored = { "x-request-id": String(requestId) };
  const told =
    url.pathname === `${BASE}/Patient`
      ? search(url, people)
      : read(url.pathname.slice(`${BASE}/Patient/`.length), people);
  return { ...told, headers: { ...told.headers, ...mirrored } };
}

/** Superseded numbers give the patient who superseded them: the `id` differs from the one asked for. */
function read(id: string, people: readonly DoublePerson[]): Answer {
  if (NhsNumber.parse(id) === undefined || id.length !== 10) return outcome(400, "value", "INVALID_RESOURCE_ID");
  const person = people.find(({ number }) => number === id);
  if (person === undefined) return outcome(404, "not-found", "RESOURCE_NOT_FOUND");
  if (person.supersededBy !== undefined) return read(person.supersededBy, people);
  if (person.invalidated === true) return outcome(404, "not-found", "INVALIDATED_RESOURCE");
  return { status: 200, body: resourceOf(person), headers: { etag: `W/"${person.version}"` } };
}

function search(url: URL, people: readonly DoublePerson[]): Answer {
  const refusal = refusalOf(url.searchParams);
  if (refusal !== undefined) return outcome(refusal.status, "value", refusal.code, refusal.diagnostics);
  const found = searchOf(url.searchParams, people);
  if (found.length > 1) return outcome(200, "multiple-matches", "TOO_MANY_MATCHES", undefined, "information");
  const entry = found.map(({ person, score }) => ({
    fullUrl: `https://api.service.nhs.uk${BASE}/Patient/${person.number}`,
    search: { score },
    resource: resourceOf(person),
  }));
  const timestamp = "2026-11-23T00:00:00+00:00";
  return { status: 200, body: { resourceType: "Bundle", type: "searchset", timestamp, total: entry.length, entry } };
}

/** An extension of another kind, as the service sends them beside. */
const PREFERRED_DISPENSER = {
  url: "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-PreferredDispenserOrganization",
  valueReference: { identifier: { system: "https://fhir.nhs.uk/Id/ods-organization-code", value: "Y23456" } },
};

function notification(code: string): object {
  const coding = [{ system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus", code }];
  return {
    url: "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus",
    extension: [
      { url: "deathNotificationStatus", valueCodeableConcept: { coding } },
      { url: "systemEffectiveDate", valueDateTime: "2025-03-02T00:00:00+00:00" },
    ],
  };
}

const NUMBER_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

function resourceOf(person: DoublePerson): object {
  const {
    number,
    version,
    restricted = false,
    names,
    born,
    gender,
    postcode,
    lines,
    phone,
    email,
    practice,
    died,
    deathNotice,
  } = person;
  const coding = [{ system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus", code: "01" }];
  const place = {
    ...(postcode !== undefined && { address: [{ id: "456", use: "home", line: lines ?? [], postalCode: postcode }] }),
    telecom: [
      ...(phone === undefined ? [] : [{ id: "789", system: "phone", use: "home", value: phone }]),
      ...(email === undefined ? [] : [{ id: "790", system: "email", value: email }]),
    ],
    ...(practice !== undefined && {
      generalPractitioner: [
        {
          id: "254406A3",
          type: "Organization",
          identifier: { system: "https://fhir.nhs.uk/Id/ods-organization-code", value: practice },
        },
      ],
    }),
  };
  return {
    resourceType: "Patient",
    id: number,
    identifier: [
      {
        system: "https://fhir.nhs.uk/Id/nhs-number",
        value: number,
        extension: [{ url: NUMBER_STATUS, valueCodeableConcept: { coding } }],
      },
    ],
    meta: {
      versionId: String(version),
      security: [
        {
          system: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
          code: restricted ? "R" : "U",
          display: restricted ? "restricted" : "unrestricted",
        },
      ],
    },
    ...(names.length > 0 && {
      name: names.map(({ use, family, given }, at) => ({ id: String(123 + at), use, family, given })),
    }),
    ...(gender !== undefined && { gender }),
    ...(born !== undefined && { birthDate: born }),
    ...(died !== undefined && { deceasedDateTime: died }),
    ...(deathNotice !== undefined && { extension: [notification(deathNotice), PREFERRED_DISPENSER] }),
    ...(restricted ? {} : place),
  };
}

function outcome(status: number, code: string, spineCode: string, diagnostics?: string, severity = "error"): Answer {
  const system = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode";
  const details = { coding: [{ system, version: "1", code: spineCode, display: spineCode }] };
  const issue = [{ severity, code, details, ...(diagnostics !== undefined && { diagnostics }) }];
  return { status, body: { resourceType: "OperationOutcome", issue } };
}

/** OAuth 2.0 client credentials with a signed assertion, as the platform documents it: RS512, five minutes, known key. */
async function giveToken(
  body: string,
  { apiKey, keyId, publicKey, expiresInSeconds = 599 }: PdsDoubleOrder,
  tokens: Set<string>,
  request: IncomingMessage,
): Promise<Answer> {
  const form = new URLSearchParams(body);
  const assertion = form.get("client_assertion") ?? "";
  try {
    const { payload, protectedHeader } = await jwtVerify(assertion, publicKey, {
      ...{ algorithms: ["RS512"], issuer: apiKey, subject: apiKey },
      audience: `http://${request.headers.host}${TOKEN}`,
      maxTokenAge: "5 min",
    });
    const lives = (payload.exp ?? 0) - (payload.iat ?? 0);
    const isRight =
      form.get("grant_type") === "client_credentials" &&
      form.get("client_assertion_type") === "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
      protectedHeader.kid === keyId &&
      isUuid(payload.jti ?? "") &&
      lives > 0 &&
      lives <= 300;
    if (!isRight) return { status: 400, body: { error: "invalid_request" } };
  } catch {
    return { status: 401, body: { error: "invalid_client" } };
  }
  const token = createHash("sha256").update(assertion).digest("hex");
  tokens.add(token);
  return { status: 200, body: { access_token: token, expires_in: String(expiresInSeconds), token_type: "Bearer" } };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
