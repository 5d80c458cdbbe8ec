import type { AreaAnswer, PointerView, Verdict } from "../base/answer.ts";
import { toPlainText } from "../base/plain-text.ts";
import { dayOf } from "../base/clock.ts";
import { encounterText } from "../base/encounter.ts";
import { sourceTrouble } from "../base/record.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { offerWords, outcomeWords } from "../federation/verdict.ts";

/** At most so many records of an area are listed; the rest are counted. */
const RECORDS_LISTED_MAX = 12;
const AREA_WIDTH = 44;
const LINE_WIDTH = 110;

/**
 * One area's answer as lines for a terminal: what it said, then each record by type, custodian and date.
 *
 * @param listed lines of records that several areas may name, with the areas listed so far; added to. A record that another
 * area named too, in the same words, is not listed again.
 */
export function areaLines(answer: AreaAnswer, listed: Map<string, string> = new Map()): string[] {
  const name = answer.own ? `${answer.area.name} (here)` : answer.area.name;
  const head = `  ${name.padEnd(AREA_WIDTH)} ${outcomeWords(answer)}${asked(answer) ? `  [${answer.elapsedMs} ms]` : ""}`;
  const keyOf = (pointer: PointerView): string => `${pointer.document ?? ""} ${recordLine(pointer)}`;
  const again = answer.pointers.filter((each) => each.sources.length > 0 && listed.has(keyOf(each)));
  const fresh = answer.pointers.filter((each) => !again.includes(each));
  const shown = fresh.slice(0, RECORDS_LISTED_MAX);
  for (const each of shown) if (each.document !== undefined) listed.set(keyOf(each), answer.area.name);
  const more = fresh.length - shown.length + answer.morePointers;
  const lines = [
    ...[head, ...shown.map(recordLine), ...(more > 0 ? [`      … and ${more} more`] : [])],
    ...againLines(again.map((each) => listed.get(keyOf(each)) ?? "")),
    ...sealedLines(answer),
  ];
  return lines.map(toPlainText); // names come from other areas: none may write elsewhere on the screen
}

/**
 * The end as lines: what is not offered whoever the patient is, then the verdict's sentence, and the line that always
 * follows it.
 */
export function verdictLines(verdict: Verdict, answers: readonly AreaAnswer[]): string[] {
  const lines = ["", ...wrapped(offerWords(answers)), ...wrapped(verdict.sentence), ...wrapped(verdict.fixedLine)];
  return lines.map(toPlainText);
}

/** Broken between words, so that no terminal breaks it inside one. */
function wrapped(text: string): string[] {
  if (text === "") return [];
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length < LINE_WIDTH) lines[lines.length - 1] = line === "" ? `  ${word}` : `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}

/** True where the elapsed time says something about the network. */
function asked(answer: AreaAnswer): boolean {
  return !["no-agreement", "not-covered", "not-in-network"].includes(answer.outcome);
}

function recordLine(pointer: PointerView): string {
  const { display } = RECORD_TYPES[pointer.recordType];
  const state =
    pointer.encounter === undefined ? "" : `  ${encounterText(pointer.encounter, dayOf(pointer.updatedAtMs))}`;
  const level = pointer.access === "summary" ? "  summary only" : "";
  const trouble = pointer.source === undefined ? "" : sourceTrouble(pointer.source);
  const source = trouble === "" ? "" : `  ${trouble}`;
  const date = pointer.recordedOn === "" ? "date not stated" : pointer.recordedOn;
  return `      ${date.padEnd(15)} ${display.padEnd(44)} ${pointer.custodian.name}${state}${level}${source}`;
}

/** @param areas under which each is listed. */
function againLines(areas: readonly string[]): string[] {
  return [...new Set(areas)].map((area) => {
    const count = areas.filter((each) => each === area).length;
    return `      ${count} ${count === 1 ? "record" : "records"} listed under ${area}, held here too`;
  });
}

function sealedLines(answer: AreaAnswer): string[] {
  if (!answer.own || answer.sealed.length === 0) return [];
  return ["      Your role sees a summary. More may exist: use emergency access."];
}
