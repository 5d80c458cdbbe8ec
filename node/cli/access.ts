import { Command, InvalidArgumentError, Option } from "commander";

import { ADULT, decisionTableText } from "../access/decision-table.ts";
import { type Change, changeLines, compareFields, compareManifests, compareTables } from "../access/difference.ts";
import { explain, type InForce, levelIn, type Supposed } from "../access/explain.ts";
import { type LocalRole, nationalRoleOf } from "../access/local-roles.ts";
import { preview, previewLines } from "../access/preview.ts";
import { aRoleOf, roleGroupOf } from "../access/roles.ts";
import { loadAccessTable } from "../access/table.ts";
import { type Clock, today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { parseRecordType, RECORD_TYPE_KEYS } from "../base/record-types.ts";
import { parseRoleGroup } from "../base/role-groups.ts";
import {
  parseOrganisationCode,
  type Purpose,
  PURPOSES,
  type Sensitivity,
  SENSITIVITIES,
  type Setting,
  SETTINGS,
} from "../base/words.ts";
import { betweenOf, type Place, type PlaceOptions, readPlace, readVersion, type Version } from "./access-in-force.ts";
import { explanationJson, explanationLines } from "./access-lines.ts";
import { EXIT, reportFailure } from "./exit.ts";

const AGE_MAX = 130;

interface PatientOptions extends PlaceOptions {
  readonly setting: Setting;
  readonly purpose: string;
  readonly age: number;
  readonly withoutNumber?: true;
  readonly custodian?: string;
  readonly sensitivity?: Sensitivity;
  readonly json?: true;
}

interface ExplainOptions extends PatientOptions {
  readonly role: string;
  readonly organisation?: string;
  readonly type?: string;
}

/** `corridor access`: who may see what, and by which line of which file; asked of the files, of nobody's records. */
export function accessCommand(clock: Clock): Command {
  return new Command("access")
    .description("who may see what, and what decides it")
    .addCommand(explainCommand(clock))
    .addCommand(diffCommand(clock))
    .addCommand(previewCommand(clock))
    .addCommand(tableCommand(clock));
}

function explainCommand(clock: Clock): Command {
  return withPatientOptions(new Command("explain"))
    .description("say what a role sees, and which line decides (exit 3: refused, or nothing of this type)")
    .requiredOption("--role <role>", "job role (R8000, S8000:G8000:R8000), role group, or a local role's name")
    .option("--organisation <ods>", "whose local role it is")
    .option("--type <record-type>", "this record type only")
    .action((options: ExplainOptions) =>
      reporting(async () => {
        const place = await readPlace(options, today(clock));
        const supposed = { ...supposedOf(options, place), role: readRole(options, place.localRoles) };
        const explanation = explain(supposed, place.inForce);
        const types = options.type === undefined ? RECORD_TYPE_KEYS : [readType(options.type)];
        const said = [supposed, place.inForce, explanation, types] as const;
        if (options.json === true) console.log(explanationJson(...said));
        else for (const line of explanationLines(...said)) console.log(line);
        if (types.every((type) => levelIn(explanation, type) === "none")) process.exitCode = EXIT.refused;
      }),
    );
}

function diffCommand(clock: Clock): Command {
  return new Command("diff")
    .description("say who gains and who loses what (exit 0: nobody anything; 1: somebody something; 2: wrong usage)")
    .argument("<old>", "a folder with an access table, or a manifest")
    .argument("<new>", "another of the same kind")
    .option("--key <file>", "the authority's public key: both manifests must be signed with it")
    .option("--json", "one JSON object")
    .action((oldPath: string, newPath: string, { key, json }: { key?: string; json?: true }) =>
      reporting(async () => {
        const [old, now] = [await readVersion(oldPath, key), await readVersion(newPath, key)];
        const changes = compare(old, now, today(clock));
        const fields =
          old.kind === "manifest" && now.kind === "manifest" ? compareFields(old.manifest, now.manifest) : [];
        const isAlike = changes.length + fields.length === 0;
        if (json === true) console.log(JSON.stringify({ changes, ...(fields.length > 0 && { fields }) }));
        else if (isAlike) console.log("Nobody gains or loses anything.");
        else for (const line of [...changeLines(changes), ...fields]) console.log(line);
        process.exitCode = isAlike ? EXIT.done : EXIT.failed;
      }),
    );
}

function compare(old: Version, now: Version, day: string): readonly Change[] {
  if (old.kind === "table" && now.kind === "table") return compareTables(old, now);
  if (old.kind === "manifest" && now.kind === "manifest") {
    return compareManifests(old.manifest, now.manifest, loadAccessTable(), day);
  }
  throw new Failure("invalid-input", "Compare two folders with access tables, or two manifests.");
}

function previewCommand(clock: Clock): Command {
  return withPatientOptions(new Command("preview"))
    .description("show one synthetic patient as every role sees them")
    .option("--since <old>", "mark what has changed since this access table's folder, or this manifest")
    .option("--key <file>", "the authority's public key: that manifest must be signed with it")
    .action((options: PatientOptions & { readonly since?: string; readonly key?: string }) =>
      reporting(async () => {
        const day = today(clock);
        const place = await readPlace(options, day);
        const supposed = supposedOf(options, place);
        const { since, key } = options;
        const before = since === undefined ? undefined : earlier(place.inForce, await readVersion(since, key), options);
        const rows = preview(supposed, place.inForce, before);
        if (options.json === true) console.log(JSON.stringify({ ...supposed, rows }));
        else for (const line of previewLines(rows, supposed.setting, supposed.purpose)) console.log(line);
      }),
    );
}

/** What was in force in an earlier version, all else being as it is now. */
function earlier(now: InForce, since: Version, options: PlaceOptions): InForce {
  if (since.kind === "table") return { ...now, table: since.table };
  if (now.between === undefined) {
    throw new Failure(
      "invalid-input",
      "--since with a manifest needs --config and --asker: agreements are with others.",
    );
  }
  const { holder, day, asker } = now.between;
  return { ...now, ...betweenOf(since.manifest, holder.id, day, { ...options, asker }) };
}

function tableCommand(clock: Clock): Command {
  return withPlaceOptions(new Command("table"))
    .description("print every decision that the access table makes")
    .action((options: PlaceOptions) =>
      reporting(async () => {
        const { inForce } = await readPlace(options, today(clock));
        process.stdout.write(decisionTableText(inForce));
      }),
    );
}

function withPlaceOptions(command: Command): Command {
  return command
    .option("--table <folder>", "another access table than this version's own")
    .option("--config <file>", "as this node has it: its narrowing, its manifest")
    .option("--asker <id>", "asked by the users of this other node; else by the node's own")
    .option("--agreement <id>", "under this agreement alone");
}

function withPatientOptions(command: Command): Command {
  return withPlaceOptions(command)
    .addOption(new Option("--setting <setting>", "care setting").choices(SETTINGS).default("emergency"))
    .option("--purpose <code>", "purpose of use", "TREAT")
    .addOption(new Option("--age <years>", "of the patient").argParser(readAge).default(ADULT.age))
    .option("--without-number", "the patient is named without an NHS number")
    .option("--custodian <ods>", "records of this custodian")
    .addOption(new Option("--sensitivity <level>", "of custodian or service").choices(SENSITIVITIES))
    .option("--json", "one JSON object");
}

function supposedOf(options: PatientOptions, place: Place): Omit<Supposed, "role"> {
  const { setting, age, withoutNumber } = options;
  const custodian = options.custodian === undefined ? undefined : parseOrganisationCode(options.custodian);
  if (options.custodian !== undefined && custodian === undefined) throw wrong("--custodian is no organisation code.");
  const purpose: Purpose = PURPOSES.find((known) => known === options.purpose) ?? "OTHER";
  const sensitivity = options.sensitivity ?? (custodian === undefined ? undefined : place.sensitivityOf(custodian));
  return { setting, purpose, age, byNumber: withoutNumber !== true, custodian, sensitivity };
}

/** The job role to suppose: as given, one of the role group named, or what a local role stands for. */
function readRole({ role, organisation }: ExplainOptions, localRoles: readonly LocalRole[]): string {
  if (roleGroupOf(role) !== undefined) return role;
  const group = parseRoleGroup(role);
  if (group !== undefined) return aRoleOf(group);
  return nationalRoleOf(localRoles, organisation ?? "", role) ?? role;
}

function readType(text: string) {
  const type = parseRecordType(text);
  if (type === undefined) throw wrong(`--type must be one of ${RECORD_TYPE_KEYS.join(", ")}.`);
  return type;
}

function readAge(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= AGE_MAX) return Number(text);
  throw new InvalidArgumentError(`Give whole years, 0 to ${AGE_MAX}.`);
}

function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}

async function reporting(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    reportFailure(thrown);
  }
}
