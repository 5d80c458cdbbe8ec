import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { parse } from "csv-parse/sync";
import { ACCESS_LEVELS, type AccessLevel } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPE_KEYS, parseRecordType, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, parseRoleGroup, type RoleGroup } from "../base/role-groups.ts";
import { SETTINGS, type Setting } from "../base/words.ts";

/** Who may see what, from where. Complete: every setting, role group and record type has its level. */
export interface AccessTable {
  readonly levelOf: (setting: Setting, group: RoleGroup, recordType: RecordTypeKey) => AccessLevel;
  /** True where the group may see anything at all in this setting. */
  readonly admits: (setting: Setting, group: RoleGroup) => boolean;
  /** Where a reviewer finds the cells of a record type: `emergency.csv line 4`. */
  readonly whereOf: (setting: Setting, recordType: RecordTypeKey) => string;
}

type Cells = Record<RecordTypeKey, AccessLevel>;
/** One setting's file as read: complete only where no fault was found. */
interface Matrix {
  readonly cells: Record<RoleGroup, Cells>;
  readonly lines: Map<RecordTypeKey, number>;
}

/** The committed table, one `<setting>.csv` each. */
const TABLE_FOLDER = new URL("./table/", import.meta.url);

/**
 * Reads the table of a folder.
 *
 * @throws {Failure} `configuration`: every fault of every file, each with its line; the node must not start.
 */
export function loadAccessTable(folder: URL = TABLE_FOLDER): AccessTable {
  return parseAccessTable(readFiles(folder));
}

function readFiles(folder: URL): ReadonlyMap<string, string> {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".csv"));
    return new Map(names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
  } catch (cause) {
    const path = fileURLToPath(folder);
    const message = `The access table in ${path} cannot be read: check the folder's name and permissions.`;
    throw new Failure("configuration", message, { where: path, cause });
  }
}

/**
 * Reads the table from its files.
 *
 * @param files text by file name; exactly one `<setting>.csv` for each setting. First line: `record_type`, then the role
 * groups; then one line for each record type.
 * @throws {Failure} `configuration`: every fault of every file, each with its line.
 */
export function parseAccessTable(files: ReadonlyMap<string, string>): AccessTable {
  const faults: string[] = [];
  const matrices = new Map<Setting, Matrix>();
  for (const setting of SETTINGS) {
    const name = `${setting}.csv`;
    const text = files.get(name);
    if (text === undefined) faults.push(`${name}: missing. Every setting has its file.`);
    else
      matrices.set(
        setting,
        readMatrix(text, (fault) => faults.push(`${name} ${fault}`)),
      );
  }
  for (const name of files.keys()) {
    if (!SETTINGS.some((setting) => name === `${setting}.csv`))
      faults.push(`${name}: no such setting. Remove the file.`);
  }
  if (faults.length > 0) {
    throw new Failure("configuration", `The access table is wrong:\n${faults.join("\n")}`, { where: "access/table" });
  }
  return tableOf(matrices);
}

function tableOf(matrices: ReadonlyMap<Setting, Matrix>): AccessTable {
  const levelOf: AccessTable["levelOf"] = (setting, group, recordType) =>
    matrices.get(setting)?.cells[group][recordType] ?? "none";
  return Object.freeze({
    levelOf,
    whereOf: (setting: Setting, recordType: RecordTypeKey) =>
      `${setting}.csv line ${matrices.get(setting)?.lines.get(recordType) ?? 0}`,
    admits: (setting: Setting, group: RoleGroup) =>
      RECORD_TYPE_KEYS.some((recordType) => levelOf(setting, group, recordType) !== "none"),
  });
}

function readMatrix(text: string, fault: (what: string) => void): Matrix {
  const matrix: Matrix = {
    cells: Object.fromEntries(ROLE_GROUPS.map((group) => [group, {}])) as Matrix["cells"],
    lines: new Map(),
  };
  const [header, ...rows] = readLines(text, fault);
  const groups = readHeader(header ?? [], fault);
  for (const [index, row] of rows.entries()) readRow(row, index + 2, groups, matrix, fault);
  for (const key of RECORD_TYPE_KEYS) {
    if (!matrix.lines.has(key)) fault(`has no line for "${key}". Add it, with a level for every role group.`);
  }
  return matrix;
}

function readLines(text: string, fault: (what: string) => void): string[][] {
  try {
    // Lines of another length are reported by name below, not thrown by the reader.
    return parse(text, { relax_column_count: true, skip_empty_lines: false, bom: true });
  } catch (error) {
    fault(`is not CSV: ${error instanceof Error ? error.message : "unreadable"}`);
    return [];
  }
}

/** The role group of each column after the first; `undefined` for a column that is none. */
function readHeader(header: readonly string[], fault: (what: string) => void): (RoleGroup | undefined)[] {
  const [first, ...columns] = header;
  if (first !== "record_type") fault(`line 1: the first column must be "record_type".`);
  for (const column of columns) {
    if (parseRoleGroup(column) === undefined) fault(`line 1: no such role group "${column}".`);
  }
  for (const group of ROLE_GROUPS) {
    const times = columns.filter((column) => column === group).length;
    if (times !== 1) fault(`line 1: role group "${group}" must have one column, not ${times}.`);
  }
  return columns.map(parseRoleGroup);
}

function readRow(
  row: readonly string[],
  line: number,
  groups: readonly (RoleGroup | undefined)[],
  matrix: Matrix,
  faultOfFile: (what: string) => void,
): void {
  const fault = (what: string): void => faultOfFile(`line ${line}: ${what}`);
  const [name = "", ...cells] = row;
  const recordType = parseRecordType(name);
  if (recordType === undefined) return fault(`no such record type "${name}".`);
  if (matrix.lines.has(recordType)) return fault(`"${recordType}" has a line already.`);
  matrix.lines.set(recordType, line);
  if (cells.length > groups.length) fault(`"${recordType}" has ${cells.length} levels for ${groups.length} columns.`);

  for (const [column, group] of groups.entries()) {
    if (group === undefined) continue;
    const level = ACCESS_LEVELS.find((known) => known === cells[column]);
    if (level === undefined) {
      fault(`"${recordType}" for "${group}" must be one of ${ACCESS_LEVELS.join(", ")}, not "${cells[column] ?? ""}".`);
    } else if (level !== "none" && PROTECTED_RECORD_TYPES.has(recordType)) {
      fault(`"${recordType}" is protected by law: "${group}" must be none, not ${level}.`);
    } else {
      matrix.cells[group][recordType] = level;
    }
  }
}
