import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { finished } from "node:stream/promises";

import { CsvError, parse } from "csv-parse";

import { Failure } from "../base/failure.ts";
import type { MatchInput } from "../mpi/linkage/comparable.ts";

/** The columns that are looked at; others are passed over. */
const COLUMNS = [
  "record_id",
  "source",
  "recorded_on",
  "nhs_number",
  "nhs_number_status",
  "other_id",
  "local_id",
  "given_name",
  "middle_name",
  "family_name",
  "date_of_birth",
  "gender",
  "address_line1",
  "address_line2",
  "locality",
  "region",
  "postcode",
  "phone",
  "email",
] as const;

type Column = (typeof COLUMNS)[number];

/** Longest row, in characters: a quotation mark that is never closed is found before it has taken in the whole file. */
const ROW_CHARACTERS_MAX = 1_000_000;
const ID_CHARACTERS_MAX = 200;

/** A row of the file. */
export interface LinkRow {
  readonly recordId: string;
  readonly source: string;
  readonly input: MatchInput;
}

/**
 * Reads the rows of a file to link. Any of the columns may be missing but `record_id`.
 *
 * @param onBytes told how many bytes of the file were read at a time.
 * @throws {Failure} `invalid-input`: the file cannot be read, its header lacks `record_id`, or a row is broken: which line.
 */
export async function* readLinkRows(path: string, onBytes: (count: number) => void): AsyncGenerator<LinkRow> {
  const bytes = createReadStream(path, { highWaterMark: 1 << 18 });
  bytes.on("data", (chunk) => onBytes(chunk.length));
  let [rows, hasHeader] = [0, false];
  const columns = (names: readonly string[]): (Column | false)[] => {
    hasHeader = true;
    return columnsOf(names);
  };
  const parser = parse({ bom: true, columns, skip_empty_lines: true, max_record_size: ROW_CHARACTERS_MAX });
  bytes.once("error", (cause) => parser.destroy(cause));
  try {
    for await (const row of bytes.pipe(parser) as AsyncIterable<Partial<Record<Column, string>>>) {
      yield toRow(row, ++rows, path);
    }
    if (!hasHeader) throw new Failure("invalid-input", "The file is empty: its first line must name the columns.");
  } catch (thrown) {
    throw readFailure(thrown, path);
  } finally {
    bytes.destroy();
  }
}

function columnsOf(names: readonly string[]): (Column | false)[] {
  const columns = names.map((name): Column | false => {
    const asked = name.trim().toLowerCase();
    return COLUMNS.find((column) => column === asked) ?? false;
  });
  if (!columns.includes("record_id")) {
    throw new Failure(
      "invalid-input",
      `Its first line has no column record_id. Columns that are looked at: ${COLUMNS.join(", ")}.`,
    );
  }
  const twice = columns.find((column, at) => column !== false && columns.indexOf(column) !== at);
  if (twice !== undefined)
    throw new Failure("invalid-input", `Its first line names the column ${String(twice)} twice.`);
  return columns;
}

function toRow(row: Partial<Record<Column, string>>, number: number, path: string): LinkRow {
  const recordId = row.record_id ?? "";
  if (recordId === "" || recordId.length > ID_CHARACTERS_MAX) {
    const message = `Row ${number} after the header has no record_id of 1 to ${ID_CHARACTERS_MAX} characters.`;
    throw new Failure("invalid-input", message, { where: path });
  }
  const source = row.source ?? "";
  const localId = (row.local_id ?? "").trim();
  return {
    recordId,
    source,
    input: {
      nhsNumber: row.nhs_number ?? "",
      nhsNumberStatus: (row.nhs_number_status ?? "").trim(),
      otherId: row.other_id ?? "",
      localId: localId === "" ? "" : `${source}|${localId}`,
      givenName: row.given_name ?? "",
      middleName: row.middle_name ?? "",
      familyName: row.family_name ?? "",
      birthDate: isoDate(row.date_of_birth ?? ""),
      gender: genderOf(row.gender ?? ""),
      addressLine1: row.address_line1 ?? "",
      addressLine2: row.address_line2 ?? "",
      locality: row.locality ?? "",
      region: row.region ?? "",
      postcode: row.postcode ?? "",
      phone: row.phone ?? "",
      email: row.email ?? "",
      recordedOn: isoDate(row.recorded_on ?? ""),
    },
  };
}

/** `31/12/1999` is turned round; whatever else it is, it stays. */
function isoDate(text: string): string {
  const parts = /^(\d{1,2})[/.](\d{1,2})[/.](\d{4})$/.exec(text.trim());
  if (parts === null) return text.trim();
  const [, day = "", month = "", year = ""] = parts;
  return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** FHIR's words, their initials, and the NHS Data Dictionary's person gender codes. */
function genderOf(text: string): string {
  const word = text.trim().toLowerCase();
  if (["male", "m", "1"].includes(word)) return "male";
  return ["female", "f", "2"].includes(word) ? "female" : "";
}

function readFailure(thrown: unknown, path: string): Failure {
  if (thrown instanceof Failure) return new Failure(thrown.code, thrown.message, { where: path });
  if (thrown instanceof CsvError) {
    const line = typeof thrown["lines"] === "number" ? `line ${thrown["lines"]}` : "a line";
    return new Failure(
      "invalid-input",
      `${path}: ${line} is no line of CSV with the header's columns (${thrown.code}).`,
      { where: path },
    );
  }
  return new Failure("invalid-input", `${path} cannot be read: is it there, a file, and yours to read?`, {
    cause: thrown,
    where: path,
  });
}

/**
 * Writes a file that is there whole or not at all, and only its owner may read: it says who is whom.
 *
 * @throws {Failure} `store-unavailable`: it cannot be written.
 */
export async function writeWhole(path: string, lines: Iterable<string>): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const out = createWriteStream(partial, { mode: 0o600, flush: true });
    let text = "";
    for (const line of lines) {
      text += line;
      if (text.length < 1 << 18) continue;
      if (!out.write(text)) await once(out, "drain");
      text = "";
    }
    out.end(text);
    await finished(out);
    await rename(partial, path);
    const folder = await open(dirname(path));
    await folder.sync();
    await folder.close();
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {});
    throw new Failure(
      "store-unavailable",
      `${path} cannot be written: is the folder there, with room, and yours to write?`,
      {
        where: path,
        cause,
      },
    );
  }
}
