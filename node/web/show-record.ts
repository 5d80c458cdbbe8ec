import { html } from "hono/html";

import { dayOf } from "../base/clock.ts";
import { toPlainText } from "../base/plain-text.ts";
import { type RecordEvent, type RecordHead, unavailableSentence } from "../base/record.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { cleanHtml } from "../records/clean-html.ts";
import { fhirText } from "./fhir-text.ts";
import { dayInWords, type Markup } from "./layout.ts";
import { organisationWords } from "./records-page.ts";

/** What is shown as a page is held whole while it is rebuilt. */
const SHOWN_BYTES_MAX = 2 * 1024 * 1024;

/** Formats that browsers show by themselves; they are passed on as they come. */
const PASSED_ON: ReadonlySet<string> = new Set(["application/pdf", "image/jpeg", "image/png"]);

export function isPassedOn(format: string): boolean {
  return PASSED_ON.has(format);
}

/** A record that could be shown, or what to say instead. */
export type Shown =
  | { readonly kind: "record"; readonly head: RecordHead; readonly document: string }
  | { readonly kind: "unavailable"; readonly sentence: string };

/**
 * Takes a record whole and makes it a document that can do nothing: a page rebuilt from its text, the text of a structured
 * record, or plain text. Nothing of one that breaks off is shown.
 */
export async function takeRecord(events: AsyncIterable<RecordEvent>): Promise<Shown> {
  let head: RecordHead | undefined;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const event of events) {
    if (event.kind === "unavailable") return { kind: "unavailable", sentence: unavailableSentence(event.unavailable) };
    if (event.kind === "head") head = event.head;
    if (event.kind === "piece") pieces.push(event.bytes);
    if (event.kind === "piece" && (bytes += event.bytes.length) > SHOWN_BYTES_MAX) return tooLarge(head);
    if (event.kind === "end" && head !== undefined)
      return { kind: "record", head, document: await documentOf(head, pieces) };
  }
  return { kind: "unavailable", sentence: "The record broke off half-way, so nothing of it is shown. Try again." };
}

function tooLarge(head: RecordHead | undefined): Shown {
  const whom = head === undefined ? "the organisation that holds it" : toPlainText(head.custodian.name);
  return { kind: "unavailable", sentence: `Record exists, and is too large to be shown here. Ask ${whom}.` };
}

async function documentOf({ contentType }: RecordHead, pieces: readonly Uint8Array[]): Promise<string> {
  const text = Buffer.concat(pieces).toString("utf8");
  if (contentType === "text/html") return clean(text);
  const readable = /json/.test(contentType) ? fhirText(text) : undefined;
  return readable === undefined ? clean(`<pre>${escaped(text)}</pre>`) : clean(readable);
}

/** Whatever its node did to it: once more, here, before a browser sees it. */
async function clean(text: string): Promise<string> {
  const whole = (async function* () {
    yield Buffer.from(text);
  })();
  return Buffer.from(await cleanHtml(whole)).toString("utf8");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const UK_TIME = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/London", hour: "2-digit", minute: "2-digit" });

/** The page of one record: whose it is, how old, how it was come by; then the record in a frame that runs and loads nothing. */
export function recordPage({ head, document }: Extract<Shown, { kind: "record" }>): Markup {
  const { custodian, recordType, recordedOn, updatedAtMs, obtainedAtMs } = head;
  const updated = updatedAtMs === 0 ? "not stated" : dayInWords(dayOf(updatedAtMs));
  const { display } = RECORD_TYPES[recordType];
  return html`<h1 class="nhsuk-heading-l">${display}, ${dayInWords(recordedOn)}</h1>
    <p>
      ${organisationWords(custodian)}. Last updated ${updated}. Obtained live from the organisation's own system at
      ${UK_TIME.format(obtainedAtMs)}.
    </p>
    <iframe class="corridor-record" sandbox title="${display}" srcdoc="${document}"></iframe>
    <p><a href="/records">Back to all records</a></p>`;
}
