import { z } from "zod";

import { Failure, type FailureCode } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import type { Tokens } from "./tokens.ts";

/** As whom a service is asked. */
export interface Asking {
  /** For which organisation. */
  readonly organisation: OrganisationCode;
  readonly http: Http;
  readonly tokens: Tokens;
  readonly random: Random;
}

/**
 * Asks a service of the platform, and once more with a fresh token where it does not take the one that was held.
 *
 * @throws {Failure} as {@link Http} and {@link Tokens} do.
 */
export async function askService(request: HttpRequest, asking: Asking): Promise<HttpAnswer> {
  const answer = await askOnce(request, asking);
  if (answer.status !== 401) return answer;
  asking.tokens.forget();
  return askOnce(request, asking);
}

async function askOnce(request: HttpRequest, { http, tokens, random, organisation }: Asking): Promise<HttpAnswer> {
  const token = await tokens.current();
  const headers = {
    ...request.headers,
    authorization: `Bearer ${token.expose()}`,
    "x-request-id": random.uuid(),
    "x-correlation-id": random.uuid(),
    "nhsd-end-user-organisation-ods": organisation,
  };
  return http({ ...request, headers });
}

/** An address below a service's own. */
export function addressOf(baseUrl: URL, path: string): URL {
  return new URL(`${baseUrl.href.replace(/\/$/, "")}/${path}`);
}

const text = z.string().max(1_000);
const outcomeSchema = z.object({
  resourceType: z.literal("OperationOutcome"),
  issue: z.array(z.object({ details: z.object({ coding: z.array(z.object({ code: text })).max(10) }) })).max(100),
});

/** The service's own codes of an outcome; none where the answer is no outcome. */
export function readCodes(body: unknown): string[] {
  const parsed = outcomeSchema.safeParse(body);
  return parsed.success ? parsed.data.issue.flatMap(({ details }) => details.coding.map(({ code }) => code)) : [];
}

const FAILURE_OF: Readonly<Record<number, FailureCode>> = {
  400: "invalid-input",
  401: "not-authenticated",
  403: "not-permitted",
  408: "timed-out",
  422: "invalid-input",
  429: "overloaded",
};

/**
 * What an answer that is none comes to. The service's own code says more than the status; its diagnostics may repeat what was
 * asked, and are not told.
 *
 * @param service in words, for example "The demographics service".
 */
export function failureOf({ status, body, retryAfter }: HttpAnswer, service: string, { host }: URL): Failure {
  const code = FAILURE_OF[status] ?? (status >= 500 ? "unreachable" : "incompatible");
  const said = readCodes(body).find((each) => /^[A-Z_]{1,40}$/.test(each));
  const why = said === undefined ? `HTTP ${status}` : `HTTP ${status}, ${said}`;
  const later = retryAfter === undefined ? "" : ` Ask again in ${retryAfter} s.`;
  return new Failure(code, `${service} at ${host} did not answer (${why}).${later}`, {
    where: host,
    ...(retryAfter !== undefined && { retryAfterMs: retryAfter * 1_000 }),
  });
}
