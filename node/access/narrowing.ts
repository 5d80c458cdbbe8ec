import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { parse } from "csv-parse/sync";

import { ACCESS_LEVELS, type AccessLevel } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { parseRecordType, type RecordTypeKey } from "../base/record-types.ts";
import { parseRoleGroup, type RoleGroup } from "../base/role-groups.ts";
import { type OrganisationCode, parseOrganisationCode, type Setting, SETTINGS } from "../base/words.ts";

/** One line of a node's narrowing: of these records these people see no more than this. */
export interface NarrowingLine {
  readonly line: number;
  readonly custodian: OrganisationCode | "all";
  readonly setting: Setting | "all";
  readonly group: RoleGroup | "all";
  readonly recordType: RecordTypeKey | "all";
  readonly atMost: AccessLevel;
  /** Who decided it and why, for the reviewer. */
  readonly why: string;
}

/** What a node, or a custodian that feeds it, shows less of than the access table. It can only take away. */
export interface Narrowing {
  /** The file's name; empty where there is none. */
  readonly file: string;
  readonly lines: readonly NarrowingLine[];
}

/** Of a node that shows what the table shows. */
export const NO_NARROWING: Narrowing = Object.freeze({ file: "", lines: [] });

const COLUMNS = ["custodian", "setting", "role_group", "record_type", "at_most", "why"] as const;
const WHY_CHARACTERS_MAX = 200;
/** No narrowing of a real node comes near; each decision that is worked out looks at every line once. */
const LINES_MAX = 2_000;

/** The higher, the more is shown. */
const RANK: Readonly<Record<AccessLevel, number>> = { none: 0, sealed: 1, summary: 2, full: 3 };

/** True where one level shows less than another. */
export function isLess(one: AccessLevel, other: AccessLevel): boolean {
  return RANK[one] < RANK[other];
}

/**
 * Reads a node's narrowing: CSV with the columns custodian, setting, role_group, record_type, at_most, why. Each of the
 * first four may be the word `all`.
 *
 * @throws {Failure} `configuration`: it cannot be read, or every fault of it, each with its line.
 */
export function readNarrowing(path: string): Narrowing {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const message = `The narrowing file ${path} cannot be read: check its name and permissions.`;
    throw new Failure("configuration", message, { where: path, cause });
  }
  return parseNarrowing(text, basename(path));
}

/** The same from text. @param file how it is called in faults and explanations. */
export function parseNarrowing(text: string, file: string): Narrowing {
  const faults: string[] = [];
  const [header = [], ...rows] = readRows(text, faults);
  if (header.join(",") !== COLUMNS.join(",")) faults.push(`line 1: the columns must be ${COLUMNS.join(",")}.`);
  if (rows.length > LINES_MAX) faults.push(`has ${rows.length} lines; at most ${LINES_MAX} are read.`);
  const lines = faults.length > 0 ? [] : rows.map((row, at) => readLine(row, at + 2, faults));
  if (faults.length === 0) return { file, lines: lines.filter((line) => line !== undefined) };
  const message = `The narrowing of the access table is wrong:\n${faults.map((fault) => `${file} ${fault}`).join("\n")}`;
  throw new Failure("configuration", message, { where: file });
}

function readRows(text: string, faults: string[]): string[][] {
  try {
    return parse(text, { relax_column_count: true, bom: true, trim: true });
  } catch (error) {
    faults.push(`is not CSV: ${error instanceof Error ? error.message : "unreadable"}`);
    return [];
  }
}

function readLine(row: readonly string[], line: number, faults: string[]): NarrowingLine | undefined {
  const before = faults.length;
  const fault = (what: string): void => void faults.push(`line ${line}: ${what}`);
  if (row.length !== COLUMNS.length) fault(`has ${row.length} fields, not ${COLUMNS.length}.`);
  const [custodian = "", setting = "", group = "", recordType = "", atMost = "", why = ""] = row;
  const read = {
    line,
    custodian: allOr(custodian, parseOrganisationCode),
    setting: allOr(setting, (word) => SETTINGS.find((known) => known === word)),
    group: allOr(group, parseRoleGroup),
    recordType: allOr(recordType, parseRecordType),
    atMost: ACCESS_LEVELS.find((level) => level === atMost),
    why,
  };
  if (read.custodian === undefined) fault(`"${custodian}" is no organisation code; write one, or all.`);
  if (read.setting === undefined) fault(`no such setting "${setting}"; write one, or all.`);
  if (read.group === undefined) fault(`no such role group "${group}"; write one, or all.`);
  if (read.recordType === undefined) fault(`no such record type "${recordType}"; write one, or all.`);
  if (read.atMost === undefined || read.atMost === "full") {
    fault(`at_most must be summary, sealed or none: a narrowing only takes away.`);
  }
  if (why === "" || why.length > WHY_CHARACTERS_MAX) {
    fault(`why must say in 1 to ${WHY_CHARACTERS_MAX} characters who decided this.`);
  }
  return faults.length === before ? (read as NarrowingLine) : undefined;
}

function allOr<Word>(text: string, parseWord: (text: string) => Word | undefined): Word | "all" | undefined {
  return text === "all" ? "all" : parseWord(text);
}

/** The lines that bear on a role group in a setting. */
export function linesFor(narrowing: Narrowing, setting: Setting, group: RoleGroup): readonly NarrowingLine[] {
  return narrowing.lines.filter(
    (line) => (line.setting === "all" || line.setting === setting) && (line.group === "all" || line.group === group),
  );
}

/** The custodians that some of these lines name. */
export function custodiansIn(lines: readonly NarrowingLine[]): readonly OrganisationCode[] {
  const named = new Set<OrganisationCode>();
  for (const { custodian } of lines) if (custodian !== "all") named.add(custodian);
  return [...named];
}
