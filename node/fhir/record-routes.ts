import { today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { type AskingNeeds, locateAll, questionOf } from "./asking.ts";
import type { ReadClaim } from "./bearer.ts";
import { PAGE_PARAMETER } from "./document-reference.ts";
import { formOf } from "./form.ts";
import { asWhom, ownerOf, Pages, show } from "./found.ts";
import { Handles } from "./handles.ts";
import { LateSearches, type LateSearchesNeeds, maySayMore, progressOf } from "./late-searches.ts";
import { type OpeningNeeds, passOn } from "./opening.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import { SEARCH_PARAMETERS, searchOf } from "./record-search.ts";
import type { Route, RouteRequest } from "./routes.ts";

/** IHE MHD 4.2.2, ITI-67 and ITI-68: https://profiles.ihe.net/ITI/MHD/ */
const PROFILE = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.DocumentReference";

/** What the doors to records need: who asks, and the stories. */
export interface RecordRoutesNeeds extends LateSearchesNeeds, AskingNeeds, OpeningNeeds {
  readonly readClaim: ReadClaim;
}

/** The routes by which a record is found and opened: IHE MHD's, with NRL's parameters and headers. */
export function recordRoutes(needs: RecordRoutesNeeds): readonly Route[] {
  const handles = new Handles(needs.clock, needs.random);
  const doors = { ...needs, handles, pages: new Pages(needs.random), late: new LateSearches(needs) };
  const search = { resource: "DocumentReference", profile: PROFILE, interaction: "search-type" } as const;
  return [
    {
      ...{ method: "GET", path: "/DocumentReference", who: "anyone" },
      says: { ...search, search: SEARCH_PARAMETERS },
      handle: (call) => searchRecords(call, new URL(call.request.url).searchParams, doors),
    },
    {
      ...{ method: "POST", path: "/DocumentReference/_search", who: "anyone" },
      handle: async (call) => searchRecords(call, await formOf(call.request), doors),
    },
    {
      ...{ method: "GET", path: "/DocumentReference/:id", who: "anyone" },
      says: { ...search, interaction: "read", search: [] },
      async handle(call) {
        const claim = await needs.readClaim(call.request.headers, call.caller);
        return { status: 200, body: shownTo(call, claim, handles).resource() };
      },
    },
    {
      ...{ method: "GET", path: "/Binary/:id", who: "anyone", media: "any" },
      says: {
        resource: "Binary",
        profile: "http://hl7.org/fhir/StructureDefinition/Binary",
        interaction: "read",
        search: [],
      },
      handle: (call) => openRecord(call, doors),
    },
    { ...{ method: "GET", path: "/async/:id", who: "anyone" }, handle: (call) => fetchLate(call, doors) },
    { ...{ method: "DELETE", path: "/async/:id", who: "anyone" }, handle: (call) => endLate(call, doors) },
  ];
}

interface Doors extends RecordRoutesNeeds {
  readonly handles: Handles;
  readonly pages: Pages;
  readonly late: LateSearches;
}

async function searchRecords(call: RouteRequest, query: URLSearchParams, doors: Doors): Promise<Answer> {
  const { caller, request } = call;
  const claim = await doors.readClaim(request.headers, caller);
  const as = asWhom(caller, claim);
  const page = query.get(PAGE_PARAMETER);
  if (page !== null && query.size === 1) return { status: 200, body: doors.pages.next(as, page) };
  const search = searchOf(query, today(doors.clock));
  const question = questionOf(call, search.patient, claim, doors);
  // Emergency access is over with its verdict: nothing of it is kept for later.
  if (wantsLater(request.headers) && claim.purpose !== "BTG") {
    const { requestId } = question;
    const locating = (gone: AbortSignal) => doors.locate(question, caller.rights, gone);
    const id = await doors.late.begin(as, search, requestId, locating);
    return {
      status: 202,
      body: underWay("The search is under way."),
      headers: { "content-location": `${LATE}/${id}` },
    };
  }
  const finding = await locateAll(question, call, doors);
  const shown = show(ownerOf(caller, claim), search, finding, doors.handles);
  return { status: 200, body: doors.pages.first(as, shown, search) };
}

/** `Prefer: respond-async`: the answer is wanted when it is whole, and will be fetched. */
function wantsLater(headers: Headers): boolean {
  return /(?:^|[,;\s])respond-async(?:$|[,;\s])/i.test(headers.get("prefer") ?? "");
}

function underWay(diagnostics: string): object {
  return outcome({ severity: "information", code: "informational", diagnostics });
}

/** Under which the answers of searches are fetched that were not waited for. */
const LATE = "/fhir/async";

/**
 * The answer of a search that was not waited for: still under way, or whole. What came late is shown by an access decision of
 * this moment.
 */
async function fetchLate(call: RouteRequest, doors: Doors): Promise<Answer> {
  const { caller, request, id } = call;
  const claim = await doors.readClaim(request.headers, caller);
  const as = asWhom(caller, claim);
  const begun = doors.late.of(as, id);
  const { search, requestId: lateOf, ended } = begun;
  if (ended === undefined) {
    const headers = { "retry-after": "1", "x-progress": progressOf(begun) };
    return { status: 202, body: underWay("The search is under way."), headers };
  }
  if ("thrown" in ended) {
    doors.late.cancel(as, id);
    throw ended.thrown;
  }
  const question = { ...questionOf(call, search.patient, claim, doors), lateOf };
  const finding = maySayMore(ended) ? await locateAll(question, call, doors).catch(asGone) : ended;
  const shown = show(ownerOf(caller, claim), search, finding, doors.handles);
  const resource = doors.pages.first(as, shown, search);
  const body = {
    resourceType: "Bundle",
    type: "batch-response",
    entry: [{ resource, response: { status: "200 OK" } }],
  };
  return { status: 200, body };
}

/** What was kept of a search goes after a while: that is no fault of whoever asks. */
function asGone(thrown: unknown): never {
  if (!(thrown instanceof Failure) || thrown.code !== "invalid-input") throw thrown;
  const text = "What came late is not kept any more: search again.";
  throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
}

async function endLate(call: RouteRequest, doors: Doors): Promise<Answer> {
  const claim = await doors.readClaim(call.request.headers, call.caller);
  doors.late.cancel(asWhom(call.caller, claim), call.id);
  return { status: 202, body: underWay("The search is ended, and nothing is kept of it.") };
}

function shownTo(call: RouteRequest, claim: Claim, handles: Handles) {
  const shown = handles.find(ownerOf(call.caller, claim), call.id);
  if (shown !== undefined) return shown;
  const text = "No record was shown to this user under this id in the last quarter of an hour: search again.";
  throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
}

/** ITI-68: the record itself, as it comes. */
async function openRecord(call: RouteRequest, doors: Doors): Promise<Answer> {
  const claim = await doors.readClaim(call.request.headers, call.caller);
  const { nodeId, ...shown } = shownTo(call, claim, doors.handles);
  if (nodeId !== undefined) return passOn(call, { ...shown, nodeId }, claim, doors);
  const text = "This record cannot be opened from here: ask the organisation that keeps it.";
  throw new Refusal(404, "not-found", text, { spineCode: "RESOURCE_NOT_FOUND" });
}
