import { isCalendarDate } from "../base/birth-date.ts";
import type { Clock } from "../base/clock.ts";
import { containsNhsNumber, NhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { isUuid } from "../base/words.ts";
import type { AuditFound, AuditPart, AuditQuestion } from "../requests/search-audit.ts";
import type { ReadClaim } from "./bearer.ts";
import { NHS_NUMBER_SYSTEM, PAGE_PARAMETER } from "./document-reference.ts";
import { formOf } from "./form.ts";
import { asWhom } from "./found.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import { one, sizeOf, tokenOf, wrong } from "./record-search.ts";
import type { Caller, Route, RouteRequest } from "./routes.ts";

const PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery";

export interface AuditRoutesNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly readClaim: ReadClaim;
  /** The story. */
  readonly searchAudit: (question: AuditQuestion, part: AuditPart, rights: Caller["rights"]) => Promise<AuditFound>;
}

/** The routes by which a privacy officer reads who looked at a patient, and at whom a user looked: BALP's AuditEvents. */
export function auditRoutes(needs: AuditRoutesNeeds): readonly Route[] {
  const search = makeSearch(needs);
  return [
    {
      ...{ method: "GET", path: "/AuditEvent", who: "anyone" },
      says: { resource: "AuditEvent", profile: PROFILE, interaction: "search-type", search: PARAMETERS },
      handle: (call) => search(call, new URL(call.request.url).searchParams),
    },
    {
      ...{ method: "POST", path: "/AuditEvent/_search", who: "anyone" },
      handle: async (call) => search(call, await formOf(call.request)),
    },
  ];
}

const PARAMETERS = [
  { name: "patient.identifier", type: "token" },
  { name: "agent.identifier", type: "token" },
  { name: "date", type: "date" },
] as const;

const PATIENT = ["patient.identifier", "patient:identifier"];
const AGENT = ["agent.identifier", "agent:identifier"];
const KNOWN = new Set([...PATIENT, ...AGENT, "date", "_summary", "_count", "_format", "_pretty"]);

/** Events on one page, where a search does not say fewer. */
const PAGE_EVENTS_MAX = 100;
const DAY_MS = 86_400_000;
/** Where the search says no day; and at most. */
const DAYS_USUAL = 31;
const DAYS_MAX = 366;
/** Searches that look through the log at once: each has a part of the node's time. */
const AT_ONCE_MAX = 2;
/** Searches of which a further page can be asked for; the oldest goes first. */
const SEARCHES_MAX = 200;

type Sought = Pick<AuditQuestion, "nhsNumber" | "userId" | "fromMs" | "toMs">;

interface Place {
  readonly sought: Sought;
  readonly count: number;
  readonly before: number | undefined;
}

function makeSearch(needs: AuditRoutesNeeds) {
  const places = new Map<string, Place & { readonly as: string }>();
  let atOnce = 0;

  function placeOf(query: URLSearchParams, as: string): Place & { readonly isCount: boolean } {
    const page = query.get(PAGE_PARAMETER);
    if (page === null || query.size > 1) {
      const { isCount, count } = sizeOf(query, PAGE_EVENTS_MAX);
      return { sought: soughtOf(query, needs.clock), count, before: undefined, isCount };
    }
    const place = places.get(page);
    if (place?.as === as) return { ...place, isCount: false };
    const text = "There is no such page for this user any more: search again.";
    throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
  }

  function keep(as: string, place: Place): string {
    const id = needs.random.uuid();
    places.set(id, { as, ...place });
    for (const oldest of places.keys()) {
      if (places.size <= SEARCHES_MAX) break;
      places.delete(oldest);
    }
    return id;
  }

  return async (call: RouteRequest, query: URLSearchParams): Promise<Answer> => {
    const { caller, request } = call;
    const claim = await needs.readClaim(request.headers, caller);
    const as = asWhom(caller, claim);
    const { sought, count, before, isCount } = placeOf(query, as);
    if (atOnce >= AT_ONCE_MAX) throw busy();
    atOnce++;
    try {
      const requestId = isUuid(call.requestId) ? call.requestId : needs.random.uuid();
      const question = { requestId, caller: caller.name, claim, ...sought };
      const part: AuditPart = isCount ? { kind: "count" } : { kind: "page", before, count };
      const found = await needs.searchAudit(question, part, caller.rights);
      if (found.kind === "count") return { status: 200, body: counted(found.total) };
      const nextId = found.before === undefined ? undefined : keep(as, { sought, count, before: found.before });
      return { status: 200, body: bundleOf(found.events, nextId) };
    } finally {
      atOnce--;
    }
  };
}

/** @throws {Refusal} 400: a parameter is missing, given twice, unknown or wrong; it is named, its value is not. */
function soughtOf(query: URLSearchParams, clock: Clock): Sought {
  for (const name of query.keys()) {
    if (!KNOWN.has(name)) {
      throw wrong("a parameter is not known here: leave it out, so that nothing is searched for that was not meant");
    }
  }
  const nhsNumber = numberIn(one(query, PATIENT));
  const userId = userIn(one(query, AGENT));
  if (nhsNumber === undefined && userId === undefined) {
    throw wrong("patient.identifier or agent.identifier is missing: say about whom");
  }
  return {
    ...(nhsNumber !== undefined && { nhsNumber }),
    ...(userId !== undefined && { userId }),
    ...timesIn(query.getAll("date"), clock),
  };
}

function numberIn(text: string | undefined): NhsNumber | undefined {
  if (text === undefined) return undefined;
  const [system, number = ""] = tokenOf(text);
  if (system !== NHS_NUMBER_SYSTEM) throw wrong(`patient.identifier must be ${NHS_NUMBER_SYSTEM}|NUMBER`);
  const nhsNumber = NhsNumber.parse(number);
  if (nhsNumber !== undefined) return nhsNumber;
  throw wrong("patient.identifier is not a valid NHS number: check each digit", "INVALID_NHS_NUMBER");
}

/** As the audit has it, whatever system it is said to be of. */
function userIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [, userId = ""] = tokenOf(text);
  const isFit = /^[\x21-\x7e][\x20-\x7e]{0,99}$/.test(userId) && !containsNhsNumber(userId);
  if (!isFit) throw wrong("agent.identifier must be a user's id, as in the audit");
  return userId;
}

/** `date=ge2026-01-01` and `date=le2026-01-31`, whole days, in UTC; either may be missing. */
function timesIn(dates: readonly string[], clock: Clock): Pick<Sought, "fromMs" | "toMs"> {
  const days = new Map<string, number>();
  for (const date of dates) {
    const [, prefix = "", day = ""] = /^(ge|le|eq)?(\d{4}-\d{2}-\d{2})$/.exec(date) ?? [];
    const bounds = prefix === "ge" || prefix === "le" ? [prefix] : ["ge", "le"];
    if (!isCalendarDate(day) || bounds.some((bound) => days.has(bound))) {
      throw wrong("date must be ge, le or eq and a day as YYYY-MM-DD, each once");
    }
    for (const bound of bounds) days.set(bound, Date.parse(day));
  }
  const toMs = (days.get("le") ?? Math.floor(clock.wallMs() / DAY_MS) * DAY_MS) + DAY_MS - 1;
  const fromMs = days.get("ge") ?? toMs + 1 - DAYS_USUAL * DAY_MS;
  if (fromMs > toMs || toMs - fromMs > DAYS_MAX * DAY_MS)
    throw wrong(`date must be at most ${DAYS_MAX} days, in order`);
  return { fromMs, toMs };
}

/** The newest first. That a page is short does not mean that there is no next one. */
function bundleOf(events: readonly object[], nextId: string | undefined): object {
  const entry = events.map((resource) => ({ resource, search: { mode: "match" } }));
  return {
    resourceType: "Bundle",
    type: "searchset",
    link: [
      { relation: "self", url: "AuditEvent/_search" },
      ...(nextId === undefined ? [] : [{ relation: "next", url: `AuditEvent?${PAGE_PARAMETER}=${nextId}` }]),
    ],
    entry: [...entry, { resource: covers(), search: { mode: "outcome" } }],
  };
}

function counted(total: number | undefined): object {
  if (total === undefined) {
    throw new Refusal(422, "too-long", "That is more of the log than is counted at once: give fewer days.", {
      spineCode: "UNPROCESSABLE_ENTITY",
    });
  }
  return { resourceType: "Bundle", type: "searchset", total };
}

function covers(): object {
  return outcome({
    ...{ severity: "information", code: "informational" },
    diagnostics:
      "This covers what went through this node of the record network, under the number given: not what was opened inside " +
      "the systems that hold the records, nor what other nodes' users looked at elsewhere.",
  });
}

function busy(): Refusal {
  const text = "The log is being searched for others: search again shortly.";
  return new Refusal(503, "throttled", text, { headers: { "retry-after": "2" } });
}
