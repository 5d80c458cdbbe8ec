import { html } from "hono/html";

import type { AreaAnswer, Custodian, PointerView, Verdict } from "../base/answer.ts";
import { dayOf } from "../base/clock.ts";
import { toPlainText } from "../base/plain-text.ts";
import { sourceTrouble } from "../base/record.ts";
import { encounterText } from "../base/encounter.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { offerWords, outcomeWords } from "../federation/verdict.ts";
import { dayInWords, type Markup } from "./layout.ts";

/** One record on the page: as the first area named it, and which others hold it too. */
interface Line {
  readonly pointer: PointerView;
  readonly area: AreaAnswer["area"];
  readonly alsoIn: string[];
}

/** Gives a record the id under which it can be opened from this page. */
export type NameRecord = (line: Pick<Line, "pointer" | "area">) => string;

/**
 * The answer: first what it covers, in one sentence and the line that always follows it, then each area with what it holds.
 * It is of use without opening anything.
 */
export function recordsPage(answers: readonly AreaAnswer[], verdict: Verdict, nameRecord: NameRecord): Markup {
  const lines = linesOf(answers);
  return html`<h1 class="nhsuk-heading-l">Find records in other areas</h1>
    ${verdictBlock(verdict)} ${quiet(offerWords(answers))}
    ${answers.filter(holds).map((answer) => areaSection(answer, lines, nameRecord))}
    ${otherAreas(answers.filter((answer) => !holds(answer)))}
    <p><a href="/records">Ask again</a></p>`;
}

function verdictBlock({ scopes, sentence, fixedLine }: Verdict): Markup {
  const isWhole = scopes.find(({ scope }) => scope === "network")?.everyAreaAnswered === true;
  const words = html`<p>${toPlainText(sentence)}</p>
    <p><strong>${fixedLine}</strong></p>`;
  if (isWhole) return html`<div class="nhsuk-inset-text">${words}</div>`;
  return html`<div class="nhsuk-warning-callout">
    <h2 class="nhsuk-warning-callout__label">Not every area answered: do not assume nothing more</h2>
    ${words}
  </div>`;
}

/** Answers for the same document are one line, with every area that named it. */
function linesOf(answers: readonly AreaAnswer[]): Line[] {
  const lines: Line[] = [];
  const byDocument = new Map<string, Line>();
  for (const { area, pointers } of answers) {
    for (const pointer of pointers) {
      const key = pointer.document === undefined ? undefined : `${pointer.custodian.code} ${pointer.document}`;
      const known = key === undefined ? undefined : byDocument.get(key);
      if (known !== undefined) {
        known.alsoIn.push(area.name);
        continue;
      }
      const line = { pointer, area, alsoIn: [] };
      lines.push(line);
      if (key !== undefined) byDocument.set(key, line);
    }
  }
  return lines;
}

function holds({ outcome }: AreaAnswer): boolean {
  return outcome === "records";
}

function otherAreas(answers: readonly AreaAnswer[]): Markup | string {
  if (answers.length === 0) return "";
  return html`<section>
    <h2 class="nhsuk-heading-m">Other areas</h2>
    <dl class="nhsuk-summary-list">
      ${answers.map(
        (answer) =>
          html`<div class="nhsuk-summary-list__row">
            <dt class="nhsuk-summary-list__key">${toPlainText(answer.area.name)}${answer.own ? " (here)" : ""}</dt>
            <dd class="nhsuk-summary-list__value">${toPlainText(outcomeWords(answer))} ${sealedWords(answer)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

function sealedWords({ own, sealed }: AreaAnswer): Markup | string {
  return quiet(own && sealed.length > 0 ? "Your role sees a summary. More may exist: use emergency access." : "");
}

function areaSection(answer: AreaAnswer, lines: readonly Line[], nameRecord: NameRecord): Markup {
  const { area, own, morePointers } = answer;
  const here = lines.filter((line) => line.area === area);
  const elsewhere = answer.pointers.length - here.length;
  return html`<section>
    <h2 class="nhsuk-heading-m">${toPlainText(area.name)}${own ? " (here)" : ""}</h2>
    <p>${toPlainText(outcomeWords(answer))}</p>
    ${here.length === 0 ? "" : recordTable(here, nameRecord)}
    ${quiet(morePointers === 0 ? "" : `And ${morePointers} more, older.`)}
    ${quiet(elsewhere === 0 ? "" : `${elsewhere} listed under another area, held here too.`)} ${sealedWords(answer)}
  </section>`;
}

function recordTable(lines: readonly Line[], nameRecord: NameRecord): Markup {
  return html`<table class="nhsuk-table">
    <thead class="nhsuk-table__head">
      <tr>
        <th scope="col" class="nhsuk-table__header">Date</th>
        <th scope="col" class="nhsuk-table__header">Record</th>
        <th scope="col" class="nhsuk-table__header">Organisation</th>
        <th scope="col" class="nhsuk-table__header">Open</th>
      </tr>
    </thead>
    <tbody class="nhsuk-table__body">
      ${lines.map((line) => recordRow(line, nameRecord))}
    </tbody>
  </table>`;
}

function recordRow(line: Line, nameRecord: NameRecord): Markup {
  const { pointer, alsoIn } = line;
  const { custodian, recordedOn, encounter, updatedAtMs, source } = pointer;
  const state = encounter === undefined ? "" : `, ${encounterText(encounter, dayOf(updatedAtMs))}`;
  const trouble = source === undefined ? "" : sourceTrouble(source);
  return html`<tr class="nhsuk-table__row">
    <td class="nhsuk-table__cell corridor-date">${dayInWords(recordedOn)}</td>
    <td class="nhsuk-table__cell">${RECORD_TYPES[pointer.recordType].display}${state}</td>
    <td class="nhsuk-table__cell">
      ${organisationWords(custodian)} ${quiet(custodian.phone === "" ? "" : `Phone ${toPlainText(custodian.phone)}`)}
      ${quiet(alsoIn.length === 0 ? "" : `Also held in ${toPlainText(alsoIn.join("; "))}`)}
    </td>
    <td class="nhsuk-table__cell">
      ${opens(pointer) ? html`<a href="/record/${nameRecord(line)}">Open</a>` : whyNot(pointer)} ${quiet(trouble)}
    </td>
  </tr>`;
}

/** By name and code; one that has no code of the national directory yet, by its name alone. */
export function organisationWords({ name, code }: Custodian): string {
  return code.startsWith("X-NO-ODS-") ? toPlainText(name) : `${toPlainText(name)} (${code})`;
}

function opens({ access, source }: PointerView): boolean {
  return access === "full" && source !== undefined;
}

function whyNot({ access }: PointerView): string {
  return access === "summary" ? "Your role sees that it exists" : "Ask the organisation";
}

function quiet(text: string): Markup | string {
  return text === "" ? "" : html`<p class="corridor-quiet nhsuk-u-font-size-16">${text}</p>`;
}
