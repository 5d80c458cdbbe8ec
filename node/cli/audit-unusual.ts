import { join } from "node:path";

import { Command } from "commander";

import { makePatientToken, openTokenKey } from "../audit/patient-token.ts";
import { NOT_COVERED } from "../audit/report.ts";
import { type Unusual, unusual } from "../audit/unusual.ts";
import type { Random } from "../base/random.ts";
import { readSettings } from "../config/settings.ts";
import { openDatabase } from "../storage/database.ts";
import { daysOf } from "./audit-days.ts";
import { reporting } from "./exit.ts";
import { kinshipIn } from "./staff-file.ts";

interface UnusualOptions {
  readonly config: string;
  readonly from?: string;
  readonly to?: string;
  readonly staff?: string;
  readonly json?: true;
}

/** `corridor audit report unusual`: whom a privacy officer may want to ask. It names users: without them it says nothing. */
export function unusualCommand(random: Random): Command {
  return new Command("unusual")
    .description("users whom to ask: own record, same surname, many patients in an hour, claims borne out by nobody")
    .requiredOption("--config <file>", "the node's configuration")
    .option("--from <day>", "the first day, YYYY-MM-DD")
    .option("--to <day>", "the last day, YYYY-MM-DD")
    .option(
      "--staff <file>",
      "who the users are, CSV: user,nhs_number,family_name; without it, no own record or surname",
    )
    .option("--json", "print JSON lines")
    .action((options: UnusualOptions) => reporting(() => report(options, random)));
}

async function report(options: UnusualOptions, random: Random): Promise<void> {
  const { dataDir } = readSettings(options.config);
  const token = makePatientToken(openTokenKey(join(dataDir, "token.key"), random));
  using stack = new DisposableStack();
  const opened = (name: string) =>
    stack.adopt(openDatabase(join(dataDir, name), { readonly: true }), (db) => void db.close());
  const { staff, json } = options;
  const kinship =
    staff === undefined
      ? undefined
      : await kinshipIn(staff, opened("index.db"), (nhsNumber) => token({ by: "number", nhsNumber }));
  const found = unusual(opened("audit.db"), { ...daysOf(options), ...(kinship !== undefined && { kinship }) });
  for (const each of found) console.log(json === true ? JSON.stringify(each) : lineOf(each));
  if (json === true) return;
  console.log(found.length === 0 ? "Nothing in this time." : `${found.length} in all. None of it is proof: ask.`);
  if (staff === undefined) console.log("Own records and surnames were not looked for: give --staff.");
  else console.log("The surname of a patient whom this node's index does not know was not compared.");
  console.log(NOT_COVERED);
}

function lineOf({ what, userId, atMs, count, usual }: Unusual): string {
  const at = new Date(atMs).toISOString().slice(0, 16).replace("T", " ");
  const howOften = count === 1 ? "once" : `${count} times`;
  switch (what) {
    case "own-record":
      return `${at}  user ${userId} asked about their own record, ${howOften}`;
    case "same-surname":
      return `${at}  user ${userId} asked about somebody of their own surname, ${howOften}`;
    case "volume":
      return `${at}  user ${userId} asked about ${count} patients in an hour; usually ${usual}`;
    case "unmatched-claims":
      return `${at}  user ${userId} claimed ${count} attendances that nobody bears out`;
  }
}
