import type { AreaAnswer, LocateEvent, Verdict } from "../base/answer.ts";
import { BirthDate } from "../base/birth-date.ts";
import { type Clock, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { type RecordEvent, type RecordHead, unavailableSentence } from "../base/record.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { isUuid } from "../base/words.ts";
import { toPlainText } from "../base/plain-text.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import type { ReadClaim } from "./bearer.ts";
import {
  documentReference,
  type FoundRecord,
  NHS_NUMBER_SYSTEM,
  ODS_SYSTEM,
  RECORD_TYPE_SYSTEM,
  searchset,
} from "./document-reference.ts";
import { formOf } from "./form.ts";
import { Handles } from "./handles.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import type { Caller, Route, RouteRequest } from "./routes.ts";

/** IHE MHD 4.2.2, ITI-67 and ITI-68: https://profiles.ihe.net/ITI/MHD/ */
const PROFILE = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.DocumentReference";

const ANSWER_BY_MS = 2_000;
const LATE_UNTIL_MS = 10_000;
const RECORD_WITHIN_MS = 30_000;

/** What the doors to records need: who asks, and the stories. */
export interface RecordRoutesNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly readClaim: ReadClaim;
  readonly locate: (
    question: Question,
    rights: Caller["rights"],
    gone: AbortSignal,
  ) => AsyncGenerator<LocateEvent, void>;
  readonly retrieve: (
    question: Retrieval,
    rights: Caller["rights"],
    gone: AbortSignal,
  ) => AsyncGenerator<RecordEvent, void>;
}

/** The routes by which a record is found and opened: IHE MHD's, with NRL's parameters and headers. */
export function recordRoutes(needs: RecordRoutesNeeds): readonly Route[] {
  const handles = new Handles(needs.clock, needs.random);
  const search = { resource: "DocumentReference", profile: PROFILE, interaction: "search-type" } as const;
  return [
    {
      ...{ method: "GET", path: "/DocumentReference", who: "anyone" },
      says: { ...search, search: SEARCH_PARAMETERS },
      handle: (call) => searchRecords(call, new URL(call.request.url).searchParams, handles, needs),
    },
    {
      ...{ method: "POST", path: "/DocumentReference/_search", who: "anyone" },
      handle: async (call) => searchRecords(call, await formOf(call.request), handles, needs),
    },
    {
      ...{ method: "GET", path: "/DocumentReference/:id", who: "anyone" },
      says: { ...search, interaction: "read", search: [] },
      async handle(call) {
        const claim = await needs.readClaim(call.request.headers, call.caller);
        return { status: 200, body: shownTo(call, claim, handles).resource };
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
      handle: (call) => openRecord(call, handles, needs),
    },
  ];
}

const SEARCH_PARAMETERS = [
  { name: "patient.identifier", type: "token" },
  { name: "subject:identifier", type: "token" },
  { name: "patient.birthdate", type: "date" },
  { name: "type", type: "token" },
  { name: "custodian:identifier", type: "token" },
  { name: "status", type: "token" },
] as const;

interface RecordSearch {
  readonly patient: Extract<PatientQuery, { by: "number" }>;
  readonly type: string | undefined;
  readonly custodian: string | undefined;
  readonly isCount: boolean;
}

const PATIENT_PARAMETERS = ["patient.identifier", "subject:identifier", "subject.identifier"];
const BIRTH_DATE_PARAMETERS = ["patient.birthdate", "subject:Patient.birthdate", "subject.birthdate"];
const KNOWN = new Set([
  ...PATIENT_PARAMETERS,
  ...BIRTH_DATE_PARAMETERS,
  ...["type", "custodian:identifier", "status", "_summary", "_format", "_pretty"],
]);

/** @throws {Refusal} 400: a parameter is missing, given twice, unknown or wrong; it is named, its value is not. */
function searchOf(query: URLSearchParams, day: string): RecordSearch {
  for (const name of query.keys()) {
    if (!KNOWN.has(name))
      throw wrong("a parameter is not known here: leave it out, so that nothing is searched for that was not meant");
  }
  const [numberSystem, number = ""] = tokenOf(one(query, PATIENT_PARAMETERS) ?? "");
  if (numberSystem !== NHS_NUMBER_SYSTEM) throw wrong(`patient.identifier must be ${NHS_NUMBER_SYSTEM}|NUMBER`);
  const nhsNumber = NhsNumber.parse(number);
  if (nhsNumber === undefined)
    throw wrong("patient.identifier is not a valid NHS number: check each digit", "INVALID_NHS_NUMBER");
  const birthDate = BirthDate.parse(one(query, BIRTH_DATE_PARAMETERS)?.replace(/^eq/, "") ?? "", day);
  if (birthDate === undefined) {
    throw wrong("patient.birthdate must be a real day as YYYY-MM-DD: the number alone could open a wrong record");
  }
  const [custodianSystem, custodian] = tokenOf(one(query, ["custodian:identifier"]) ?? "|");
  if (custodian !== undefined && custodian !== "" && custodianSystem !== ODS_SYSTEM) {
    throw wrong(`custodian:identifier must be ${ODS_SYSTEM}|CODE`);
  }
  const status = one(query, ["status"]);
  if (status !== undefined && status !== "current") throw wrong("status: only current records are known here");
  const summary = one(query, ["_summary"]);
  if (summary !== undefined && summary !== "count") throw wrong("_summary: only count is served");
  return {
    patient: { by: "number", nhsNumber, birthDate },
    type: one(query, ["type"]),
    custodian: custodian === "" ? undefined : custodian,
    isCount: summary === "count",
  };
}

function one(query: URLSearchParams, names: readonly string[]): string | undefined {
  const values = names.flatMap((name) => query.getAll(name));
  if (values.length > 1) throw wrong(`${names[0]} is given more than once`);
  return values[0];
}

function tokenOf(text: string): readonly [string, string | undefined] {
  const bar = text.indexOf("|");
  return bar < 0 ? ["", text] : [text.slice(0, bar), text.slice(bar + 1)];
}

function wrong(text: string, spineCode = "INVALID_PARAMETER"): Refusal {
  return new Refusal(400, "invalid", `${text}.`, { spineCode });
}

async function searchRecords(
  call: RouteRequest,
  query: URLSearchParams,
  handles: Handles,
  needs: RecordRoutesNeeds,
): Promise<Answer> {
  const claim = await needs.readClaim(call.request.headers, call.caller);
  const search = searchOf(query, today(needs.clock));
  const { answers, verdict } = await locateAll(call, search.patient, claim, needs);
  const number = new Concealed(search.patient.nhsNumber.expose());
  const owner = ownerOf(call.caller, claim);
  const found = answers.flatMap(({ area, pointers }) =>
    pointers.filter((pointer) => isWanted(pointer, search)).map((pointer): FoundRecord => ({ area, pointer })),
  );
  const shown = found.map((record) => {
    let id = "";
    const { resource } = handles.give(owner, (given) => {
      id = given;
      const { area, pointer } = record;
      return {
        patient: search.patient,
        ...{ nodeId: area.nodeId!, pointerId: pointer.pointerId },
        resource: documentReference(given, record, number),
      };
    });
    return { id, resource };
  });
  const bannerId = needs.random.uuid();
  return { status: 200, body: searchset({ verdict, answers, found: shown, isCount: search.isCount, bannerId }) };
}

function isWanted({ recordType, custodian }: FoundRecord["pointer"], search: RecordSearch): boolean {
  if (search.custodian !== undefined && search.custodian !== custodian.code) return false;
  if (search.type === undefined) return true;
  const [system, code] = tokenOf(search.type);
  const { snomed } = RECORD_TYPES[recordType];
  const isSnomed = system !== RECORD_TYPE_SYSTEM && snomed !== "" && code === snomed;
  return isSnomed || (system !== "http://snomed.info/sct" && code === recordType);
}

/** Ids of shown records are a user's own. */
function ownerOf({ name }: Caller, { userId, organisation }: Claim): string {
  return `${name}\n${organisation}\n${userId}`;
}

async function locateAll(
  { caller, request, requestId }: RouteRequest,
  patient: PatientQuery,
  claim: Claim,
  needs: RecordRoutesNeeds,
): Promise<{ readonly answers: readonly AreaAnswer[]; readonly verdict: Verdict }> {
  const question: Question = {
    requestId: isUuid(requestId) ? requestId : needs.random.uuid(),
    ...{ patient, claim },
    answerBy: Deadline.in(needs.clock, ANSWER_BY_MS),
    lateUntil: Deadline.in(needs.clock, LATE_UNTIL_MS),
  };
  const answers: AreaAnswer[] = [];
  for await (const event of needs.locate(question, caller.rights, request.signal)) {
    if (event.kind === "verdict") return { answers, verdict: event.verdict };
    answers.push(event.answer);
  }
  throw new Refusal(503, "transient", "The search ended without a verdict: treat it as no answer at all.");
}

function shownTo(call: RouteRequest, claim: Claim, handles: Handles) {
  const shown = handles.find(ownerOf(call.caller, claim), call.id);
  if (shown !== undefined) return shown;
  const text = "No record was shown to this user under this id in the last quarter of an hour: search again.";
  throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
}

/** ITI-68: the record itself, as it comes. */
async function openRecord(call: RouteRequest, handles: Handles, needs: RecordRoutesNeeds): Promise<Answer> {
  const claim = await needs.readClaim(call.request.headers, call.caller);
  const { patient, nodeId, pointerId } = shownTo(call, claim, handles);
  const gone = new AbortController();
  const answerBy = Deadline.in(needs.clock, RECORD_WITHIN_MS);
  const requestId = isUuid(call.requestId) ? call.requestId : needs.random.uuid();
  const parts = needs.retrieve(
    { requestId, patient, claim, nodeId, pointerId, answerBy, lateUntil: answerBy },
    call.caller.rights,
    gone.signal,
  );
  const first = await parts.next();
  if (first.done === true) throw new Refusal(503, "transient", "The record broke off: try again.");
  const event = first.value;
  if (event.kind === "unavailable") {
    await parts.return();
    const diagnostics = unavailableSentence(event.unavailable);
    const isGone = event.unavailable.fault === "gone";
    return {
      status: isGone ? 404 : 503,
      body: outcome({ severity: "error", code: isGone ? "not-found" : "transient", diagnostics }),
    };
  }
  if (event.kind !== "head") throw new Refusal(503, "transient", "The record did not begin as one: try again.");
  return { status: 200, body: {}, headers: headersOf(event.head), stream: bytesOf(parts, gone) };
}

function headersOf({ contentType, custodian, updatedAtMs, obtainedAtMs, cleaned }: RecordHead): Record<string, string> {
  return {
    "content-type": contentType === "text/html" ? "text/html; charset=utf-8" : contentType,
    // Whoever shows it as a page runs and loads nothing.
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
    ...(updatedAtMs > 0 && { "last-modified": new Date(updatedAtMs).toUTCString() }),
    "corridor-custodian": `${custodian.code} ${encodeURIComponent(toPlainText(custodian.name))}`,
    "corridor-obtained": new Date(obtainedAtMs).toISOString(),
    "corridor-cleaned": String(cleaned),
  };
}

/** The bytes as they are taken; what is not whole breaks off, so that nobody takes it for the record. */
async function* bytesOf(
  parts: AsyncGenerator<RecordEvent, void>,
  gone: AbortController,
): AsyncGenerator<Uint8Array, void> {
  let isWhole = false;
  try {
    for await (const part of parts) {
      if (part.kind === "piece") yield part.bytes;
      if (part.kind === "end") isWhole = true;
      if (part.kind === "unavailable") break;
    }
    if (!isWhole) throw new Error("the record is not whole");
  } finally {
    gone.abort();
  }
}
