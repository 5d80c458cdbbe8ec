import { join } from "node:path";

import { Command, Option } from "commander";

import { readTopology } from "../../topology/topology.ts";
import { roleGroupOf } from "../access/roles.ts";
import { makePatientToken, openTokenKey } from "../audit/patient-token.ts";
import { type Look, looks, NOT_COVERED } from "../audit/report.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import { openDatabase } from "../storage/database.ts";
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
    );
}

type Sought = Omit<Parameters<typeof looks>[2], "fromMs" | "toMs">;

function print(options: ReportOptions, soughtIn: (settings: Settings) => Sought): void {
  const settings = readSettings(options.config);
  const names = organisationNames(settings);
  const db = openDatabase(join(settings.dataDir, "audit.db"), { readonly: true });
  try {
    const sought = { ...soughtIn(settings), ...daysOf(options) };
    if (options.csv === true) console.log(CSV_COLUMNS.join(","));
    let count = 0;
    for (const look of looks(db, settings.id, sought)) {
      count++;
      console.log(
        lineOf(options.names === true ? look : { ...look, userId: undefined, reason: undefined }, names, options),
      );
    }
    if (options.csv === true || options.json === true) return;
    console.log(count === 0 ? "Nothing in this time." : `${count} in all.`);
    console.log(NOT_COVERED);
  } finally {
    db.close();
  }
}

const CSV_COLUMNS = [
  "number",
  "at",
  "what",
  "asker",
  "user",
  "role",
  "setting",
  "organisation",
  "purpose",
  "relationship",
  "reason",
  "automatic",
  "records",
  "request",
] as const;

const WHAT_WORDS: Readonly<Record<Look["what"], string>> = {
  asked: "asked where records are held",
  answered: "was answered by this node",
  refused: "was refused",
  searched: "looked for people in this node's index",
  reviewed: "looked at, or decided, who is whom",
};

const PURPOSE_WORDS: Readonly<Record<string, string>> = {
  TREAT: "for care",
  ETREAT: "for emergency care",
  CAREMGT: "for managing this person's care",
  BTG: "by emergency access",
};

function lineOf(look: Look, names: ReadonlyMap<string, string>, { csv, json }: ReportOptions): string {
  const at = new Date(look.atMs).toISOString();
  if (json === true) return JSON.stringify({ ...look, at });
  if (csv === true) {
    const { seq, what, asker, userId, role, setting, organisation, purpose, relationship, reason, automatic, records } =
      look;
    return [
      seq,
      at,
      what,
      asker,
      userId,
      role,
      setting,
      organisation,
      purpose,
      relationship,
      reason,
      automatic,
      records,
      look.requestId,
    ]
      .map(csvField)
      .join(",");
  }
  const group = look.role === undefined ? undefined : roleGroupOf(look.role);
  const who = look.automatic
    ? "an application, before anybody looked"
    : `a ${group ?? "user"} (${look.role ?? "no role"})`;
  const organisation =
    look.organisation === undefined ? look.asker : (names.get(look.organisation) ?? look.organisation);
  const parts = [
    `${at.slice(0, 16).replace("T", " ")}  ${who} at ${organisation}`,
    look.setting?.replaceAll("-", " "),
    `${WHAT_WORDS[look.what]} ${PURPOSE_WORDS[look.purpose ?? ""] ?? ""}`.trim(),
    look.relationship,
    look.records === 0 ? undefined : `${look.records} records were named`,
    look.userId === undefined ? undefined : `user ${look.userId}`,
    look.reason === undefined ? undefined : `"${look.reason}"`,
  ];
  return parts.filter((part) => part !== undefined).join("; ");
}

/** A field that a spreadsheet would take for a formula is kept from it. */
function csvField(value: string | number | boolean | undefined): string {
  const text = String(value ?? "");
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function organisationNames({ topologyPath }: Settings): ReadonlyMap<string, string> {
  const { providers } = readTopology(topologyPath);
  return new Map(providers.map(({ code, name }) => [code, `${name} (${code})`]));
}

/** How this node names somebody in its audit whom its index does not know. */
function tokenOf(nhsNumber: NhsNumber, { dataDir }: Settings, random: Random): string {
  return makePatientToken(openTokenKey(join(dataDir, "token.key"), random))({ by: "number", nhsNumber });
}

function daysOf({ from, to }: ReportOptions): { fromMs: number; toMs: number } {
  return {
    fromMs: from === undefined ? 0 : dayOf(from, "--from"),
    toMs: to === undefined ? Number.MAX_SAFE_INTEGER : dayOf(to, "--to") + 86_399_999,
  };
}

function dayOf(text: string, option: string): number {
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(ms)) throw usage(`${option} must be a day, YYYY-MM-DD.`);
  return ms;
}

function usage(message: string): Failure {
  return new Failure("invalid-input", message);
}
