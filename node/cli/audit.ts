import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import type { Database } from "better-sqlite3";
import { Command } from "commander";

import { nodeFilesIn } from "../../certs/layout.ts";
import { readTopology } from "../../topology/topology.ts";
import { auditEvents } from "../audit/audit-event.ts";
import { exportLog, verifyExport } from "../audit/export-log.ts";
import { cosignedAt, parseNote } from "../audit/note.ts";
import { type LogFault, verifyLog } from "../audit/verify-log.ts";
import { Failure } from "../base/failure.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import { openDatabase } from "../storage/database.ts";
import { keysIn, type Keys, linesOf, logKeyIn } from "./audit-files.ts";
import { proveCommand } from "./audit-prove.ts";
import { reconcileCommand } from "./audit-reconcile.ts";
import { type AuditReportNeeds, reportCommand } from "./audit-report.ts";
import { EXIT, reporting } from "./exit.ts";

/** `corridor audit`: shows that nobody has changed what a node wrote down, and lets others see for themselves. */
export function auditCommand(needs: AuditReportNeeds): Command {
  return new Command("audit")
    .description("what was asked, answered and shown, and proof that nobody has changed it")
    .addCommand(verifyCommand())
    .addCommand(proveCommand())
    .addCommand(exportCommand())
    .addCommand(reconcileCommand())
    .addCommand(reportCommand(needs));
}

function verifyCommand(): Command {
  return new Command("verify")
    .description("hold an audit against its signed tree; names the first entry that was tampered with (exit 1)")
    .option("--config <file>", "the node's configuration: verifies its audit where it lies, beside the running node")
    .option("--export <file>", "an exported audit: needs only the file and the network's manifest")
    .option("--node <id>", "with --export: whose audit it is")
    .option("--manifest <file>", "with --export: the signed manifest, for the keys of the node and its witnesses")
    .option("--key <file>", "with --export: the authority's public key (manifest.pub.pem)")
    .option("--json", "print one JSON object")
    .action((options: VerifyOptions) => reporting(() => verify(options)));
}

interface VerifyOptions {
  readonly config?: string;
  readonly export?: string;
  readonly node?: string;
  readonly manifest?: string;
  readonly key?: string;
  readonly json?: true;
}

async function verify(options: VerifyOptions): Promise<void> {
  const { config, export: file, node, manifest, key } = options;
  if (config !== undefined && file === undefined) return verifyStore(readSettings(config), options.json === true);
  if (file !== undefined && node !== undefined && manifest !== undefined && key !== undefined && config === undefined) {
    return verifyFile(file, node, await keysIn(manifest, key), options.json === true);
  }
  throw new Failure("invalid-input", "Give --config FILE, or --export FILE with --node, --manifest and --key.");
}

async function verifyStore(settings: Settings, json: boolean): Promise<void> {
  const keys = await keysIn(settings.manifestPath, nodeFilesIn(settings.certsDir).manifestPublic);
  const log = logKeyIn(keys, settings.id);
  const db = openAudit(settings);
  try {
    const verified = verifyLog(db, log, (entries) => console.error(`${entries} entries verified`));
    const note = db
      .prepare<[number], string>("SELECT note FROM audit_checkpoint WHERE size = ?")
      .pluck()
      .get(verified.provenTo);
    const witnesses = note === undefined ? [] : witnessesOf(note, keys);
    say({ ...verified, witnesses }, json);
  } finally {
    db.close();
  }
}

async function verifyFile(file: string, node: string, keys: Keys, json: boolean): Promise<void> {
  const witnesses = keys.map(({ witness }) => witness);
  const { fault, ...verified } = await verifyExport(linesOf(file), logKeyIn(keys, node), witnesses);
  const faults = fault === undefined ? [] : [{ what: fault, from: 1, to: verified.entries }];
  say({ ...verified, provenTo: fault === undefined ? verified.entries : 0, faults }, json);
}

interface Verified {
  readonly faults: readonly LogFault[];
  readonly entries: number;
  readonly provenTo: number;
  readonly witnesses: readonly { readonly name: string; readonly atSeconds: number }[];
}

const FAULT_WORDS: Readonly<Record<LogFault["what"], string>> = {
  "entry-changed": "is not what was written",
  "entry-missing": "is missing",
  "leaf-missing": "has no leaf in the tree",
  "tree-changed": "are not what the tree above them says",
  "checkpoint-contradicted": "are not what the node signed",
  "checkpoint-not-signed": "stand under a checkpoint that this node did not sign",
  "log-cut-short": "were signed and are gone",
};

function say(verified: Verified, json: boolean): void {
  const { entries, provenTo, witnesses, faults } = verified;
  if (faults.length > 0) process.exitCode = EXIT.failed;
  if (json) return console.log(JSON.stringify(verified));
  for (const { what, from, to } of faults) {
    const which = from === to ? `entry ${from}` : `entries ${from} to ${to}`;
    console.log(`${which} ${FAULT_WORDS[what]}`);
  }
  console.log(`${entries} entries; up to entry ${provenTo} they are what the node signed.`);
  for (const { name, atSeconds } of witnesses) {
    console.log(`${name} saw this at ${new Date(atSeconds * 1_000).toISOString()}.`);
  }
  if (faults.length > 0)
    console.error("corridor: keep the files as they are, and tell whoever answers for this audit.");
}

function exportCommand(): Command {
  return new Command("export")
    .description(
      "write the audit as JSON lines that others can verify; holds NHS numbers: handle it as a patient record",
    )
    .requiredOption("--config <file>", "the node's configuration")
    .requiredOption("--out <file>", "where it goes; it must not be there yet")
    .option("--fhir", "as FHIR R4 AuditEvents (IHE BALP), for an audit repository; not for verifying")
    .action(({ config, out, fhir }: { config: string; out: string; fhir?: true }) =>
      reporting(async () => {
        const settings = readSettings(config);
        const db = openAudit(settings);
        const file = await open(out, "wx", 0o600).catch((cause: unknown) => {
          throw new Failure("invalid-input", `${out} cannot be made: is it there already?`, { where: out, cause });
        });
        try {
          let lines = 0;
          for (const line of fhir === true ? fhirLines(db, settings) : exportLog(db)) {
            await file.write(`${line}\n`);
            lines++;
          }
          await file.sync();
          console.error(fhir === true ? `${lines} AuditEvents written.` : `${lines - 1} entries written.`);
        } finally {
          await file.close();
          db.close();
        }
      }),
    );
}

function* fhirLines(db: Database, { id, topologyPath }: Settings): Generator<string> {
  const { domain } = readTopology(topologyPath).network;
  for (const event of auditEvents(db, id, domain)) yield JSON.stringify(event);
}

function witnessesOf(note: string, keys: Keys) {
  const parsed = parseNote(note);
  return keys.flatMap(({ witness }) => {
    const atSeconds = cosignedAt(parsed, witness);
    return atSeconds === undefined ? [] : [{ name: witness.name, atSeconds }];
  });
}

function openAudit({ dataDir }: Settings): Database {
  const path = join(dataDir, "audit.db");
  if (!existsSync(path))
    throw new Failure("configuration", `${path} is not there: has the node ever run?`, { where: path });
  return openDatabase(path, { readonly: true });
}
