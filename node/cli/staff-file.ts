import { readFile } from "node:fs/promises";

import { parse } from "csv-parse/sync";
import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { normaliseName } from "../mpi/names.ts";

type Kinship = (userId: string, patient: string) => "self" | "same-surname" | undefined;

/**
 * Reads who the users are, from a file that the privacy officer keeps: `user,nhs_number,family_name`. No node holds it, for
 * staff are not its patients.
 *
 * @param index a read-only connection to the index, for the patients' family names.
 * @param tokenOf how the audit names a number that the index does not know.
 * @throws {Failure} `invalid-input`: the file cannot be read; says which line, and nothing that stands in it.
 */
export async function kinshipIn(
  file: string,
  index: Database,
  tokenOf: (nhsNumber: NhsNumber) => string,
): Promise<Kinship> {
  const staff = new Map<string, { readonly own: ReadonlySet<string>; readonly familyName: string }>();
  for (const [at, row] of (await rowsOf(file)).entries()) {
    const { user = "", nhs_number: text = "", family_name: familyName = "" } = row;
    const number = text === "" ? undefined : NhsNumber.parse(text);
    if (user === "" || (text !== "" && number === undefined)) throw wrong(file, `line ${at + 2} is not a user's`);
    const own = new Set(number === undefined ? [] : [number.expose(), tokenOf(number)]);
    staff.set(user, { own, familyName: normaliseName(familyName) });
  }
  const familyNames = index
    .prepare<[number], string>("SELECT family_name FROM identity_record WHERE nhs_number = ? AND current = 1")
    .pluck();
  return (userId, patient) => {
    const user = staff.get(userId);
    if (user === undefined) return undefined;
    if (user.own.has(patient)) return "self";
    if (user.familyName === "" || !/^\d{10}$/.test(patient)) return undefined;
    const isShared = familyNames.all(Number(patient)).some((name) => normaliseName(name) === user.familyName);
    return isShared ? "same-surname" : undefined;
  };
}

async function rowsOf(file: string): Promise<readonly Readonly<Record<string, string>>[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw wrong(file, "it is not there, or not to be read", cause);
  });
  try {
    return parse(text, { columns: true, bom: true, trim: true });
  } catch {
    throw wrong(file, "it is not CSV with the columns user,nhs_number,family_name");
  }
}

function wrong(file: string, why: string, cause?: unknown): Failure {
  return new Failure("invalid-input", `The list of staff cannot be read: ${why}.`, { where: file, cause });
}
