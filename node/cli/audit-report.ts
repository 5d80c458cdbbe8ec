import { join } from "node:path";

import { Command, Option } from "commander";

import { readTopology } from "../../topology/topology.ts";
import { makePatientToken, openTokenKey } from "../audit/patient-token.ts";
import { claimsNotCheckable, looks, type LooksSought, NOT_COVERED } from "../audit/report.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import { openDatabase } from "../storage/database.ts";
import { daysOf } from "./audit-days.ts";
import { CSV_COLUMNS, lineOf } from "./audit-report-lines.ts";
import { unusualCommand } from "./audit-unusual.ts";
import { reporting } from "./exit.ts";

export interface AuditReportNeeds {
  readonly random: Random;
  readonly readStdin: () => Promise<string>;
}

interface ReportOptions {
  readonly config: string;
  readonly from?: string;
  readonly to?: string;
  readonly names?: true;
  readonly csv?: true;
  readonly json?: true;
}

/** `corridor audit report`: in plain words, who looked at a patient, what a user did, emergency access. */
export function reportCommand({ random, readStdin }: AuditReportNeeds): Command {
  const report = new Command("report").description("who looked at a patient, what a user did, emergency access");
  const onLog = (command: Command): Command =>
    command
      .requiredOption("--config <file>", "the node's configuration")
      .option("--from <day>", "the first day, YYYY-MM-DD")
      .option("--to <day>", "the last day, YYYY-MM-DD")
      .option("--names", "name the users too: for the privacy officer to decide")
      .addOption(new Option("--csv", "print CSV").conflicts("json"))
      .option("--json", "print JSON lines");
  return report
    .addCommand(
      onLog(new Command("patient"))
        .description("who looked at a patient: the NHS number comes from standard input, never from the command line")
        .action((options: ReportOptions) =>
          reporting(async () => {
            const number = NhsNumber.parse((await readStdin()).trim());
            if (number === undefined) throw usage("Standard input must be one NHS number.");
            print(options, (settings) => ({ patients: [number.expose(), tokenOf(number, settings, random)] }));
          }),
        ),
    )
    .addCommand(
      onLog(new Command("user"))
        .description("what a user did")
        .argument("<user>", "the user's id, as in the audit")
        .action((userId: string, options: ReportOptions) => reporting(() => print(options, () => ({ userId })))),
    )
    .addCommand(
      onLog(new Command("emergency"))
        .description("every use of emergency access")
        .action((options: ReportOptions) => reporting(() => print(options, () => ({ purpose: "BTG" })))),
    )
    .addCommand(
      onLog(new Command("unmatched"))
        .description("questions whose claim to the patient no hospital bears out, and self-claimed ones")
        .action((options: ReportOptions) => reporting(() => print(options, () => ({ toReview: true })))),
    )
    .addCommand(unusualCommand(random));
}

type Sought = Omit<LooksSought, "fromMs" | "toMs">;

function print(options: ReportOptions, soughtIn: (settings: Settings) => Sought): void {
  const settings = readSettings(options.config);
  const names = organisationNames(settings);
  const db = openDatabase(join(settings.dataDir, "audit.db"), { readonly: true });
  try {
    const sought = { ...soughtIn(settings), ...daysOf(options) };
    const printLooks = (some: LooksSought): number => {
      let count = 0;
      for (const look of looks(db, settings.id, some)) {
        count++;
        const told = options.names === true ? look : { ...look, userId: undefined, reason: undefined };
        console.log(lineOf(told, names, options));
      }
      return count;
    };
    if (options.csv === true) console.log(CSV_COLUMNS.join(","));
    if (options.csv === true || options.json === true) return void printLooks(sought);
    const byPersons = printLooks({ ...sought, trigger: "person" });
    console.log(byPersons === 0 ? "Nothing in this time." : `${byPersons} in all.`);
    console.log("Asked by applications themselves, before anybody looked (nothing can be opened so):");
    const byApplications = printLooks({ ...sought, trigger: "automatic" });
    console.log(byApplications === 0 ? "Nothing in this time." : `${byApplications} in all.`);
    if (sought.toReview === true) {
      for (const { organisation, claims } of claimsNotCheckable(db, sought)) {
        const name = names.get(organisation) ?? organisation;
        console.log(`${name}: ${claims} claimed attendances cannot be checked; it tells this node of none.`);
      }
      console.log(
        "Claims of the last two hours are not looked at yet. What is told of late takes a line off this list.",
      );
    }
    console.log(NOT_COVERED);
    if (sought.patients !== undefined) console.log(`Other nodes to ask: ${otherNodes(settings)}.`);
  } finally {
    db.close();
  }
}

function organisationNames({ topologyPath }: Settings): ReadonlyMap<string, string> {
  const { providers } = readTopology(topologyPath);
  return new Map(providers.map(({ code, name }) => [code, `${name} (${code})`]));
}

/** Each keeps a report of its own: of what its users asked, and of what it answered. */
function otherNodes({ topologyPath, id: ownId }: Settings): string {
  const others = readTopology(topologyPath).nodes.filter(({ id }) => id !== ownId);
  return others.map(({ id, ics }) => `${ics.map(({ name }) => name).join(", ")} (${id})`).join("; ") || "none";
}

/** How this node names somebody in its audit whom its index does not know. */
function tokenOf(nhsNumber: NhsNumber, { dataDir }: Settings, random: Random): string {
  return makePatientToken(openTokenKey(join(dataDir, "token.key"), random))({ by: "number", nhsNumber });
}

function usage(message: string): Failure {
  return new Failure("invalid-input", message);
}
