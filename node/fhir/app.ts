import type { IncomingMessage } from "node:http";

import { type Context, Hono } from "hono";

import { type Clock, today } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { capabilityStatement } from "./capability-statement.ts";
import { openApi } from "./openapi.ts";
import { type Answer, answerTo, Refusal } from "./outcome.ts";
import type { Admission, Caller, Route } from "./routes.ts";

/** Under which every route lies. */
const BASE = "/fhir";

export interface AppNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Who sends the request, and that they may ask at this moment. Throws the failure to give. */
  readonly authorise: (request: IncomingMessage) => AuthorisedPeer;
}

type Env = { readonly Bindings: { readonly incoming: IncomingMessage } };
type Call = Context<Env>;

/** The door's application: every request is admitted by the table of routes, done, answered, and logged without its URL. */
export function makeApp(routes: readonly Route[], needs: AppNeeds): Hono<Env> {
  const statement = capabilityStatement(routes, today(needs.clock));
  const metadata: Route = {
    ...{ method: "GET", path: "/metadata", who: "anyone" },
    handle: () => Promise.resolve({ status: 200, body: statement }),
  };
  const description: Route = {
    ...{ method: "GET", path: "/openapi.json", who: "anyone", media: "any" },
    handle: () => Promise.resolve({ status: 200, body: described, headers: { "content-type": "application/json" } }),
  };
  const served = [metadata, description, ...routes];
  const described = openApi(served, BASE);
  const app = new Hono<Env>();
  for (const route of served) {
    app.on(route.method, `${BASE}${route.path}`, (call) => serve(call, needs, route));
  }
  for (const path of new Set(served.map((route) => route.path))) {
    const allow = served.flatMap((route) => (route.path === path ? [route.method] : [])).join(", ");
    const refused = new Refusal(405, "not-supported", `Only ${allow} is served here.`, { headers: { allow } });
    app.all(`${BASE}${path}`, (call) => serve(call, needs, nothingAt(refused)));
  }
  app.notFound((call) => serve(call, needs, nothingAt(new Refusal(404, "not-found", "Nothing is served here."))));
  return app;
}

type Served = Pick<Route, "path" | "who" | "handle" | "media">;

function nothingAt(refusal: Refusal): Served {
  return { path: "none", who: "anyone", handle: () => Promise.reject(refusal) };
}

/** A request that took longer is logged even if it ended well. */
const SLOW_MS = 1_000;

async function serve(call: Call, needs: AppNeeds, route: Served): Promise<Response> {
  const { clock, log, random } = needs;
  const startedMs = clock.monotonicMs();
  const given = call.req.header("x-request-id");
  const isNamed = given !== undefined && isRequestId(given);
  const requestId = isNamed ? given : random.uuid();
  let who = "unknown";
  let answer: Answer;
  try {
    const { incoming } = call.env;
    const admitAgain = (): Caller => admit(needs.authorise(incoming), route.who);
    const caller = admitAgain();
    who = caller.name;
    if (given !== undefined && !isNamed) throw badRequestId();
    if (route.media !== "any") checkAccepts(call);
    const id = call.req.param("id") ?? "";
    answer = await route.handle({ request: call.req.raw, caller, admitAgain, requestId, isNamed, id });
  } catch (thrown) {
    if (!(thrown instanceof Refusal) && asFailure(thrown).code === "internal") log.error("request-failed", thrown);
    answer = answerTo(thrown);
  }
  const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
  if (answer.status >= 400 || elapsedMs >= SLOW_MS) {
    // Never the URL: whoever sends it may have put a patient there.
    log.info("request", { method: methodOf(call), route: route.path, caller: who, status: answer.status, elapsedMs });
  }
  return respond(call, answer, requestId);
}

/** A method that a stranger made up is not written down. */
function methodOf({ req }: Call): string {
  return /^[A-Z]{3,7}$/.test(req.method) ? req.method : "other";
}

function respond(call: Call, { status, body, headers = {}, stream }: Answer, requestId: string): Response {
  call.header("content-type", "application/fhir+json; charset=utf-8");
  for (const [name, value] of Object.entries(headers)) call.header(name, value);
  const correlation = call.req.header("x-correlation-id");
  if (correlation !== undefined && isRequestId(correlation)) call.header("x-correlation-id", correlation);
  call.header("cache-control", "no-store");
  call.header("x-content-type-options", "nosniff");
  call.header("x-request-id", requestId);
  call.status(status);
  return call.body(stream === undefined ? JSON.stringify(body) : (ReadableStream.from(stream) as ReadableStream));
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids of requests stand in answers: nobody's number may be in them. The digits of a UUID are nobody's. */
function isRequestId(text: string): boolean {
  if (UUID.test(text)) return true;
  return /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(text) && !containsNhsNumber(text);
}

function badRequestId(): Refusal {
  const text = "X-Request-ID: 1 to 64 letters, digits, and . _ : -, such as a UUID, without patient data.";
  return new Refusal(400, "invalid", text);
}

/** JSON is all there is. */
function checkAccepts(call: Call): void {
  const accepts = call.req.header("accept") ?? "*/*";
  const formats = call.req.queries("_format") ?? [];
  const isJson = /json|\*\/\*|application\/\*/i.test(accepts) && formats.every((format) => /json/i.test(format));
  if (!isJson) throw new Refusal(406, "not-supported", "Answers are JSON: accept application/fhir+json.");
}

const NOT_ADMITTED = {
  anyone: "Only callers of this node may come in here.",
  feeder: "Only callers whose certificate gives the right to feed may do this.",
  system: "Only callers whose certificate gives the rights to feed and to operate may do this.",
} as const satisfies Record<Admission, string>;

function admit(peer: AuthorisedPeer, who: Admission): Caller {
  if (peer.kind === "caller" && has(peer, who)) return peer;
  throw new Failure("not-permitted", NOT_ADMITTED[who]);
}

function has({ rights }: Caller, who: Admission): boolean {
  switch (who) {
    case "anyone":
      return true;
    case "feeder":
      return rights.feed;
    case "system":
      return rights.feed && rights.operate;
  }
}
