import type { AreaAnswer, PointerView, Verdict } from "../base/answer.ts";
import { today } from "../base/clock.ts";
import { type AskingNeeds, locateAll, questionOf } from "./asking.ts";
import type { ReadClaim } from "./bearer.ts";
import type { BodyReader } from "./body.ts";
import { ODS_SYSTEM, RECORD_TYPE_SYSTEM } from "./document-reference.ts";
import type { Finding } from "./found.ts";
import { type OpeningNeeds, passOn } from "./opening.ts";
import { type Answer, Refusal } from "./outcome.ts";
import { parametersIn } from "./parameters.ts";
import { one, searchOf, wrong } from "./record-search.ts";
import type { Route, RouteRequest } from "./routes.ts";

/** The operation of the International Patient Summary: https://hl7.org/fhir/uv/ips/OperationDefinition-summary.html */
const SUMMARY = "http://hl7.org/fhir/uv/ips/OperationDefinition/summary";

export interface SummaryNeeds extends AskingNeeds, OpeningNeeds {
  readonly readClaim: ReadClaim;
}

/**
 * The route by which a patient's summary is read, as the organisation that keeps one gives it: passed on live, kept nowhere. It
 * is found by a locate, and opened and audited as any record is.
 */
export function summaryRoutes(bodies: BodyReader, needs: SummaryNeeds): readonly Route[] {
  return [
    {
      ...{ method: "GET", path: "/Patient/$summary", who: "anyone" },
      says: { operation: "summary", definition: SUMMARY },
      handle: (call) => summarise(call, new URL(call.request.url).searchParams, needs),
    },
    {
      ...{ method: "POST", path: "/Patient/$summary", who: "anyone" },
      handle: (call) =>
        bodies.withBody(call.request, (body) => summarise(call, parametersIn(body, PARAMETERS.size), needs)),
    },
  ];
}

/** Which each is, in the words of a search for records. */
const PARAMETERS = new Map([
  ["identifier", "patient.identifier"],
  ["birthdate", "patient.birthdate"],
  ["custodian", "custodian:identifier"],
]);

async function summarise(call: RouteRequest, query: URLSearchParams, needs: SummaryNeeds): Promise<Answer> {
  const claim = await needs.readClaim(call.request.headers, call.caller);
  const search = searchOf(asSearch(query), today(needs.clock));
  const finding = await locateAll(questionOf(call, search.patient, claim, needs), call, needs);
  const { area, pointer } = theOne(summariesIn(finding, search.custodian), finding.verdict);
  const opening = { ...call, requestId: needs.random.uuid() }; // a question of its own, in both ends' audits
  const wanted = { patient: search.patient, nodeId: area.nodeId!, pointerId: pointer.pointerId };
  const answer = await passOn(opening, wanted, claim, needs);
  const coverage = everyAreaAnswered(finding.verdict) ? "complete" : "incomplete";
  return { ...answer, headers: { ...answer.headers, "corridor-coverage": coverage } };
}

function asSearch(query: URLSearchParams): URLSearchParams {
  const search = new URLSearchParams({ type: `${RECORD_TYPE_SYSTEM}|patient-summary` });
  for (const name of new Set(query.keys())) {
    const known = PARAMETERS.get(name);
    const value = one(query, [name]) ?? "";
    if (known !== undefined)
      search.set(known, name === "custodian" && !value.includes("|") ? `${ODS_SYSTEM}|${value}` : value);
    else if (name !== "profile" && name !== "_format") {
      throw wrong("a parameter is not known here: send identifier, birthdate and, to choose, custodian");
    }
  }
  return search;
}

interface Summary {
  readonly area: AreaAnswer["area"];
  readonly pointer: PointerView;
}

/** The summaries that can be opened, one for each organisation: the nearest area's counts. */
function summariesIn({ answers }: Finding, custodian: string | undefined): readonly Summary[] {
  const offered = answers.flatMap(({ area, pointers }) =>
    pointers.flatMap((pointer): Summary[] => {
      const { recordType, access, source, format } = pointer;
      const opens = access === "full" && source !== undefined && /json/.test(format);
      const isMeant = custodian === undefined || custodian === pointer.custodian.code;
      return recordType === "patient-summary" && opens && isMeant ? [{ area, pointer }] : [];
    }),
  );
  return [...new Map(offered.toReversed().map((summary) => [summary.pointer.custodian.code, summary])).values()];
}

/** @throws {Refusal} 404, 422: no organisation offers one, or several do; what was asked and what not is said. */
function theOne(offered: readonly Summary[], verdict: Verdict): Summary {
  const [summary, another] = offered;
  if (summary === undefined) {
    const text = `No area that answered offers a summary of this patient that you may open. ${verdict.sentence} ${verdict.fixedLine}`;
    throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
  }
  if (another === undefined) return summary;
  const codes = offered.map(({ pointer }) => pointer.custodian.code).toSorted();
  const text = `Several organisations offer a summary: choose one by custodian, of ${codes.join(", ")}.`;
  throw new Refusal(422, "business-rule", text, { spineCode: "UNPROCESSABLE_ENTITY" });
}

function everyAreaAnswered({ scopes }: Verdict): boolean {
  return scopes.find(({ scope }) => scope === "network")?.everyAreaAnswered === true;
}
