import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { type Context, Hono } from "hono";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import type { CallerRights } from "../../certs/caller-rights.ts";
import type { AreaAnswer, LocateEvent } from "../base/answer.ts";
import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { asFailure, type FailureCode } from "../base/failure.ts";
import type { Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { RecordEvent } from "../base/record.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import type { Log } from "../telemetry/log.ts";
import type { Contexts, Session } from "./contexts.ts";
import { cookieOf, endCookie, giveCookie } from "./cookies.ts";
import { type Markup, OWN_CSS, page, patientBanner } from "./layout.ts";
import { recordsPage } from "./records-page.ts";
import { isPassedOn, recordPage, takeRecord } from "./show-record.ts";
import { addSmartRoutes, type SmartRoutesNeeds } from "./smart-routes.ts";
import { ShownRecords } from "./shown-records.ts";

const ANSWER_BY_MS = 2_000;
const LATE_UNTIL_MS = 10_000;
const RECORD_WITHIN_MS = 30_000;

export interface PagesNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly contexts: Contexts;
  /** Absent where no EPR launches by SMART on FHIR. */
  readonly smart?: Pick<SmartRoutesNeeds, "smart" | "launches">;
  /** The stories. */
  readonly locate: (question: Question, rights: CallerRights, gone: AbortSignal) => AsyncGenerator<LocateEvent, void>;
  readonly retrieve: (wish: Retrieval, rights: CallerRights, gone: AbortSignal) => AsyncGenerator<RecordEvent, void>;
}

/**
 * No script, no address elsewhere, no other site's frame: what a record or a name says can do nothing here. Addresses name
 * no patient, and are told to nobody.
 */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
};

/** The document itself, in a frame of its page: browsers' own viewers need what a sandbox takes away. */
const DOCUMENT_POLICY =
  "default-src 'none'; object-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'";

/** The pages for a clinician's browser: a link opens them, for one patient. They work without a script, and have none. */
export function makePages(needs: PagesNeeds): Hono {
  const { contexts } = needs;
  const shown = new ShownRecords(needs.random);
  const app = new Hono();
  app.use(async (call, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS))
      if (!call.res.headers.has(name)) call.res.headers.set(name, value);
  });
  app.get("/open/:secret", (call) => open(call, contexts));
  app.get(
    "/records",
    withSession(needs, (call, session) => showRecords(call, session, needs, shown)),
  );
  app.get(
    "/record/:id",
    withSession(needs, (call, session) => showRecord(call, session, needs, shown)),
  );
  app.get(
    "/record/:id/document",
    withSession(needs, (call, session) => passOn(call, session, needs, shown)),
  );
  app.post("/leave", (call) => {
    contexts.leave(cookieOf(call, "corridor"));
    endCookie(call, "corridor");
    return call.html(page("Finished", html`<h1 class="nhsuk-heading-l">Finished</h1>`));
  });
  if (needs.smart !== undefined) addSmartRoutes(app, { ...needs.smart, contexts });
  for (const [path, text] of styles()) app.get(path, (call) => css(call, text));
  app.notFound((call) =>
    call.html(page("Not found", html`<h1 class="nhsuk-heading-l">There is no such page</h1>`), 404),
  );
  app.onError((thrown, call) => failed(call, thrown, needs.log));
  return app;
}

/** Takes the link, which then is no more, and shows what is found about its patient. */
function open(call: Context, contexts: Contexts): Response | Promise<Response> {
  // Whoever looks ahead of the user is not the user.
  const isAhead = /prefetch|prerender/i.test(call.req.header("sec-purpose") ?? call.req.header("purpose") ?? "");
  if (isAhead || call.req.method !== "GET") return call.body(null, 503);
  const cookie = contexts.open(call.req.param("secret") ?? "");
  if (cookie === undefined) return over(call);
  giveCookie(call, "corridor", cookie);
  return call.redirect("/records", 303);
}

function over(call: Context): Response | Promise<Response> {
  const content = html`<h1 class="nhsuk-heading-l">Open this again from the patient's record</h1>
    <p>
      A link opens this page once, within a minute, and for a quarter of an hour. Go back to your own system and open it
      there again.
    </p>`;
  return call.html(page("Open this again", content), 403);
}

type WithSession = (call: Context, session: Session) => Promise<Response>;

function withSession({ contexts }: PagesNeeds, handle: WithSession) {
  return async (call: Context): Promise<Response> => {
    const session = contexts.session(cookieOf(call, "corridor"));
    return session === undefined ? over(call) : handle(call, session);
  };
}

async function showRecords(call: Context, session: Session, needs: PagesNeeds, shown: ShownRecords): Promise<Response> {
  const { clock, random } = needs;
  const question: Question = {
    ...{ requestId: random.uuid(), patient: session.patient, claim: session.claim },
    ...{ answerBy: Deadline.in(clock, ANSWER_BY_MS), lateUntil: Deadline.in(clock, LATE_UNTIL_MS) },
  };
  const answers: AreaAnswer[] = [];
  for await (const event of needs.locate(question, session.rights(), call.req.raw.signal)) {
    if (event.kind === "answer") answers.push(event.answer);
    else {
      const content = recordsPage(answers, event.verdict, ({ area, pointer }) => shown.give(session.id, area, pointer));
      return about(call, session, needs, "Records", content);
    }
  }
  throw new Error("a locate ended without a verdict");
}

async function showRecord(call: Context, session: Session, needs: PagesNeeds, shown: ShownRecords): Promise<Response> {
  const record = shown.find(session.id, call.req.param("id") ?? "");
  if (record === undefined) return notShown(call, session, needs);
  if (isPassedOn(record.format)) return about(call, session, needs, record.title, documentPage(call, record.title));
  const taken = await takeRecord(retrieve(call, session, needs, record));
  if (taken.kind === "record") return about(call, session, needs, record.title, recordPage(taken));
  return about(call, session, needs, record.title, unavailable(record.title, taken.sentence), 503);
}

function documentPage(call: Context, title: string): Markup {
  return html`<h1 class="nhsuk-heading-l">${title}</h1>
    <iframe class="corridor-record" title="${title}" src="${new URL(call.req.url).pathname}/document"></iframe>
    <p><a href="/records">Back to all records</a></p>`;
}

/** A document as its custodian has it, as fast as the browser takes it; one that breaks off breaks the connection off. */
async function passOn(call: Context, session: Session, needs: PagesNeeds, shown: ShownRecords): Promise<Response> {
  const record = shown.find(session.id, call.req.param("id") ?? "");
  if (record === undefined) return notShown(call, session, needs);
  const events = retrieve(call, session, needs, record);
  const first = await events.next();
  if (first.done === true || first.value.kind !== "head" || !isPassedOn(first.value.head.contentType)) {
    await events.return();
    const isTold = first.done !== true && first.value.kind === "unavailable";
    const taken = isTold ? await takeRecord(only(first.value)) : undefined;
    const sentence = taken?.kind === "unavailable" ? taken.sentence : "The record did not come as one. Try again.";
    call.header("content-security-policy", DOCUMENT_POLICY);
    return call.html(page(record.title, unavailable(record.title, sentence)), 503);
  }
  call.header("content-security-policy", DOCUMENT_POLICY);
  call.header("content-type", first.value.head.contentType);
  call.header("content-disposition", "inline");
  return call.body(ReadableStream.from(bytesOf(events)) as ReadableStream);
}

async function* only(event: RecordEvent): AsyncGenerator<RecordEvent, void> {
  yield await Promise.resolve(event);
}

async function* bytesOf(events: AsyncIterable<RecordEvent>): AsyncGenerator<Uint8Array, void> {
  for await (const event of events) {
    if (event.kind === "piece") yield event.bytes;
    if (event.kind === "end") return;
  }
  throw new Error("the record is not whole");
}

function retrieve(
  call: Context,
  { patient, claim, rights }: Session,
  { clock, random, retrieve: take }: PagesNeeds,
  { nodeId, pointerId }: Pick<Retrieval, "nodeId" | "pointerId">,
): AsyncGenerator<RecordEvent, void> {
  const answerBy = Deadline.in(clock, RECORD_WITHIN_MS);
  const wish = { requestId: random.uuid(), patient, claim, nodeId, pointerId, answerBy, lateUntil: answerBy };
  return take(wish, rights(), call.req.raw.signal);
}

function unavailable(title: string, sentence: string): Markup {
  return html`<h1 class="nhsuk-heading-l">${title}</h1>
    <div class="nhsuk-warning-callout">
      <h2 class="nhsuk-warning-callout__label">It cannot be shown now</h2>
      <p>${sentence}</p>
    </div>
    <p><a href="/records">Back to all records</a></p>`;
}

function notShown(call: Context, session: Session, needs: PagesNeeds): Promise<Response> {
  const content = html`<h1 class="nhsuk-heading-l">Ask again</h1>
    <p>This list is not the newest any more: <a href="/records">ask again</a>, and open the record from there.</p>`;
  return about(call, session, needs, "Ask again", content, 404);
}

async function about(
  call: Context,
  session: Session,
  { clock }: PagesNeeds,
  title: string,
  content: Markup,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  return call.html(page(title, content, patientBanner(session, today(clock))), status);
}

const REFUSED: ReadonlySet<FailureCode> = new Set([
  ...(["not-permitted", "purpose-refused", "role-refused", "restricted-record", "not-authenticated"] as const),
  ...(["no-agreement", "not-covered"] as const),
]);

/** In words for whoever reads it; never what was asked. */
function failed(call: Context, thrown: unknown, log: Log): Response | Promise<Response> {
  const { code, message } = asFailure(thrown);
  if (code === "internal") log.error("page-failed", thrown);
  const words = code === "internal" ? "Something went wrong here, and nothing was shown. Try again." : message;
  const content = html`<h1 class="nhsuk-heading-l">Not available</h1>
    <p>${words}</p>`;
  return call.html(page("Not available", content), REFUSED.has(code) ? 403 : 503);
}

/** The design system's own style sheet, without the addresses of fonts that it would fetch from elsewhere. */
function styles(): [path: string, text: string][] {
  const path = import.meta.resolve("nhsuk-frontend/dist/nhsuk/nhsuk-frontend.min.css");
  const nhsuk = readFileSync(fileURLToPath(path), "utf8").replaceAll(/@font-face\{[^}]*\}/g, "");
  return [
    ["/assets/nhsuk.css", nhsuk],
    ["/assets/corridor.css", OWN_CSS],
  ];
}

function css(call: Context, text: string): Response {
  call.header("cache-control", "public, max-age=3600");
  return call.body(text, 200, { "content-type": "text/css; charset=utf-8" });
}
