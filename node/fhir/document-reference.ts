import type { AreaAnswer, PointerView, Verdict } from "../base/answer.ts";
import { ANSWERED_OUTCOMES } from "../base/answer.ts";
import { sourceTrouble } from "../base/record.ts";
import { RECORD_TYPES, type RecordTypeKey } from "../base/record-types.ts";
import type { Concealed } from "../base/concealed.ts";
import { outcomeWords } from "../federation/verdict.ts";

/** Identifier systems of the NHS in England. */
export const NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number";
export const ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code";
const SNOMED = "http://snomed.info/sct";
/** Of record types, also of those for which no verified national code is known. */
export const RECORD_TYPE_SYSTEM = "urn:corridor:record-type";
const FORMAT_SYSTEM = "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode";

/** Of UK Core: what a DocumentReference holds in the United Kingdom. */
export const UK_CORE_DOCUMENT = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-DocumentReference";

const CARE_PLAN = { code: "734163000", display: "Care plan" };

/** Categories that the National Record Locator has for its types; the other types have none. */
const CATEGORIES: Partial<Record<RecordTypeKey, { readonly code: string; readonly display: string }>> = {
  "mental-health-crisis-plan": CARE_PLAN,
  "respect-form": CARE_PLAN,
  "end-of-life-plan": CARE_PLAN,
  "emergency-care-plan": CARE_PLAN,
  "care-plan": CARE_PLAN,
  "observations-news2": { code: "1102421000000108", display: "Observations" },
  "patient-summary": { code: "823651000000106", display: "Clinical note" },
  appointments: { code: "419891008", display: "Record artifact" },
};

/** Asks for a further page, alone. */
export const PAGE_PARAMETER = "_page";

/** One record that was found, as FHIR R4 has it (NRL's shape where NRL has one). */
export interface FoundRecord {
  readonly pointer: PointerView;
  readonly area: AreaAnswer["area"];
}

/**
 * A pointer as a DocumentReference. Its id and its addresses are opaque: no patient is in them.
 *
 * @param id of {@link Handles}.
 * @param number of the patient, as they were asked about.
 */
export function documentReference(id: string, { pointer, area }: FoundRecord, number: Concealed<string>): object {
  const { recordType, custodian, recordedOn, updatedAtMs, encounter, format, source } = pointer;
  const { display, snomed } = RECORD_TYPES[recordType];
  const category = CATEGORIES[recordType];
  const organisation = {
    identifier: { system: ODS_SYSTEM, value: custodian.code },
    display: custodian.name,
  };
  const phone = custodian.phone === "" ? "" : ` Phone ${custodian.phone}.`;
  const opens = source !== undefined && format !== "";
  return {
    resourceType: "DocumentReference",
    id,
    meta: {
      ...(area.nodeId !== undefined && { source: `urn:corridor:area:${area.nodeId}` }),
      profile: [UK_CORE_DOCUMENT],
    },
    status: "current",
    type: {
      coding: [
        ...(snomed === "" ? [] : [{ system: SNOMED, code: snomed, display }]),
        { system: RECORD_TYPE_SYSTEM, code: recordType, display },
      ],
      text: display,
    },
    ...(category !== undefined && { category: [{ coding: [{ system: SNOMED, ...category }] }] }),
    subject: { identifier: { system: NHS_NUMBER_SYSTEM, value: number.expose() } },
    ...(updatedAtMs > 0 && { date: new Date(updatedAtMs).toISOString() }),
    author: [organisation],
    custodian: organisation,
    description: `${display}, ${custodian.name} (${area.name}).${encounterWords(encounter)}${openWords(pointer)}${phone}`,
    content: [
      {
        attachment: {
          ...(opens && { contentType: format, url: `Binary/${id}` }),
          title: display,
          ...(recordedOn !== "" && { creation: recordedOn }),
        },
        ...(opens && { format: formatOf(format) }),
      },
    ],
    ...(recordedOn !== "" && {
      context: {
        period: {
          start: recordedOn,
          ...(encounter?.endedOn !== undefined && encounter.endedOn !== "" && { end: encounter.endedOn }),
        },
      },
    }),
  };
}

function openWords({ source, access }: PointerView): string {
  if (access === "summary") return " Your role sees a summary.";
  if (source === undefined) return " It cannot be opened from here: ask the organisation.";
  const trouble = sourceTrouble(source);
  return trouble === "" ? "" : ` ${trouble[0]!.toUpperCase()}${trouble.slice(1)}.`;
}

function encounterWords(encounter: PointerView["encounter"]): string {
  if (encounter === undefined) return "";
  return { planned: " Expected.", open: " Under way.", closed: " Over." }[encounter.state];
}

function formatOf(mime: string): object {
  return /json/.test(mime)
    ? { system: FORMAT_SYSTEM, code: "urn:nhs-ic:structured", display: "Structured Document" }
    : { system: FORMAT_SYSTEM, code: "urn:nhs-ic:unstructured", display: "Unstructured Document" };
}

/** What a search found, and what it covered. */
export interface Searched {
  readonly verdict: Verdict;
  readonly answers: readonly AreaAnswer[];
  /** Resources of this page, and their ids. */
  readonly found: readonly { readonly id: string; readonly resource: object }[];
  /** True where only their number is wanted. */
  readonly isCount: boolean;
  /** For the id of the entry that says what is missing. */
  readonly bannerId: string;
  /** On all pages together. */
  readonly total: number;
  /** Of the next page, where there is one. */
  readonly nextId: string | undefined;
}

/**
 * A searchset. What did not answer is said twice, in an OperationOutcome and in an entry that looks like a record, because
 * some systems show only records; and there is no total, which would read as all that there is.
 */
export function searchset({ verdict, answers, found, isCount, bannerId, total, nextId }: Searched): object {
  const isComplete = verdict.scopes.find(({ scope }) => scope === "network")?.everyAreaAnswered === true;
  const records = found.map(({ id, resource }) => ({ fullUrl: `urn:uuid:${id}`, resource, search: { mode: "match" } }));
  const missing = answers.filter(({ outcome, area }) => !ANSWERED_OUTCOMES.has(outcome) && area.scopes.length > 0);
  const banner = isComplete
    ? []
    : [{ fullUrl: `urn:uuid:${bannerId}`, resource: missingBanner(bannerId, missing), search: { mode: "match" } }];
  const said = {
    fullUrl: `urn:uuid:${verdict.requestId}`,
    resource: coverageOutcome(verdict, answers, isComplete),
    search: { mode: "outcome" },
  };
  return {
    resourceType: "Bundle",
    type: "searchset",
    timestamp: new Date(verdict.givenAtMs).toISOString(),
    ...(isComplete && { total }),
    link: [
      { relation: "self", url: "DocumentReference/_search" },
      ...(nextId === undefined ? [] : [{ relation: "next", url: `DocumentReference?${PAGE_PARAMETER}=${nextId}` }]),
    ],
    entry: isCount ? [said] : [...banner, ...records, said],
  };
}

function missingBanner(id: string, missing: readonly AreaAnswer[]): object {
  const count = missing.length === 1 ? "1 area" : `${missing.length} areas`;
  const title = `${count} did not answer: do not assume nothing more`;
  return {
    resourceType: "DocumentReference",
    id,
    status: "current",
    type: { text: title },
    description: `${title}. ${missing.map((each) => `${each.area.name}: ${outcomeWords(each)}.`).join(" ")}`,
    content: [{ attachment: { title } }],
  };
}

/** The verdict's sentence and the line that always follows it; then each area of which there is something to say. */
function coverageOutcome(verdict: Verdict, answers: readonly AreaAnswer[], isComplete: boolean): object {
  const notable = answers.filter(({ outcome }) => outcome !== "records" && outcome !== "nothing-to-show");
  const areas = notable.map((answer) => ({
    severity: "warning",
    code: ANSWERED_OUTCOMES.has(answer.outcome) ? "business-rule" : "incomplete",
    diagnostics: `${answer.area.name}: ${outcomeWords(answer)}`,
  }));
  return {
    resourceType: "OperationOutcome",
    id: verdict.requestId,
    issue: [
      {
        severity: isComplete ? "information" : "warning",
        code: isComplete ? "informational" : "incomplete",
        diagnostics: verdict.sentence,
      },
      { severity: "information", code: "informational", diagnostics: verdict.fixedLine },
      ...areas,
    ],
  };
}
