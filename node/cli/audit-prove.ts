import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Command } from "commander";

import { openAuditReader } from "../audit/audit-reader.ts";
import { proveEntry, verifyProof } from "../audit/prove.ts";
import { Failure } from "../base/failure.ts";
import { readSettings } from "../config/settings.ts";
import { openDatabase } from "../storage/database.ts";
import { keysIn, logKeyIn } from "./audit-files.ts";
import { EXIT, reporting } from "./exit.ts";

interface ProveOptions {
  readonly config?: string;
  readonly request?: string;
  readonly out: string;
  readonly verify?: string;
  readonly node?: string;
  readonly manifest?: string;
  readonly key?: string;
  readonly json?: true;
}

/** `corridor audit prove`: one entry, or those of one request, for somebody who need not see the rest. */
export function proveCommand(): Command {
  return new Command("prove")
    .description("prove to others that an entry stands in the audit, without showing them the rest (C2SP tlog-proof)")
    .argument("[number]", "the entry's number in the audit")
    .option("--config <file>", "the node's configuration")
    .option("--request <id>", "instead of a number: every entry of this request")
    .option("--out <folder>", "where the files go; each may hold an NHS number: handle it as a patient record", ".")
    .option("--verify <file>", "verify such a file instead: needs only the network's manifest")
    .option("--node <id>", "with --verify: whose audit it is")
    .option("--manifest <file>", "with --verify: the signed manifest, for the keys of the node and its witnesses")
    .option("--key <file>", "with --verify: the authority's public key (manifest.pub.pem)")
    .option("--json", "with --verify: print one JSON object, the whole entry included")
    .action((number: string | undefined, options: ProveOptions) =>
      reporting(async () => {
        const { config, request, verify, node, manifest, key } = options;
        if (verify !== undefined && node !== undefined && manifest !== undefined && key !== undefined) {
          return verifyFile({ verify, node, manifest, key }, options.json === true);
        }
        if (verify === undefined && config !== undefined && (number === undefined) !== (request === undefined)) {
          return prove(config, { number, request }, options.out);
        }
        throw new Failure(
          "invalid-input",
          "Give --config FILE with an entry's number or --request ID, or --verify FILE with --node, --manifest and --key.",
        );
      }),
    );
}

type Sought = Readonly<Record<"number" | "request", string | undefined>>;

async function prove(config: string, sought: Sought, folder: string): Promise<void> {
  const { id, dataDir } = readSettings(config);
  const path = join(dataDir, "audit.db");
  const numbers = numbersOf(path, sought);
  const db = openDatabase(path, { readonly: true });
  try {
    for (const seq of numbers) {
      const file = join(folder, `${id}-${seq}.tlog-proof`);
      await writeFile(file, proveEntry(db, seq), { flag: "wx", mode: 0o600 }).catch((thrown: unknown) => {
        if (thrown instanceof Failure) throw thrown;
        const message = `${file} cannot be made: is it there already?`;
        throw new Failure("invalid-input", message, { where: file, cause: thrown });
      });
      console.log(file);
    }
  } finally {
    db.close();
  }
}

function numbersOf(path: string, { number, request }: Sought): readonly number[] {
  if (number !== undefined) {
    if (/^[1-9]\d{0,14}$/.test(number)) return [Number(number)];
    throw new Failure("invalid-input", "An entry's number is a whole number from 1.");
  }
  const reader = openAuditReader(path);
  try {
    const entries = reader.byRequest(request ?? "");
    if (entries.length > 0) return entries.map(({ seq }) => seq);
    throw new Failure("invalid-input", "The audit has no entry of this request.");
  } finally {
    reader.close();
  }
}

async function verifyFile(
  { verify, node, manifest, key }: Readonly<Record<"verify" | "node" | "manifest" | "key", string>>,
  json: boolean,
): Promise<void> {
  const keys = await keysIn(manifest, key);
  const text = await readFile(verify, "utf8").catch((cause: unknown) => {
    throw new Failure("invalid-input", `${verify} cannot be read.`, { where: verify, cause });
  });
  const witnesses = keys.map(({ witness }) => witness);
  const proven = verifyProof(text, logKeyIn(keys, node), witnesses);
  if (proven.fault !== undefined) process.exitCode = EXIT.failed;
  if (json) return console.log(JSON.stringify(proven));
  if (proven.fault !== undefined) {
    return console.log(
      proven.fault === "checkpoint-not-signed"
        ? `${node} did not sign this: it proves nothing.`
        : `This is not what stands in the audit of ${node}: it proves nothing.`,
    );
  }
  const { seq, entry } = proven;
  const at = new Date(Number(entry["at_ms"])).toISOString();
  console.log(`Entry ${seq} of the audit of ${node}, ${at}: ${String(entry["kind"])}, ${String(entry["outcome"])}.`);
  console.log(`Request ${String(entry["request_id"])}, asked by ${String(entry["asker"])}. The rest of it: --json.`);
  for (const { name, atSeconds } of proven.witnesses) {
    console.log(`${name} saw the audit with it at ${new Date(atSeconds * 1_000).toISOString()}.`);
  }
}
