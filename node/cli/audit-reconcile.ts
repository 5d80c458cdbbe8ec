import { Command } from "commander";

import { verifyExport } from "../audit/export-log.ts";
import { type PairedEntry, reconcile, type Unpaired } from "../audit/reconcile.ts";
import { Failure } from "../base/failure.ts";
import { keysIn, linesOf, logKeyIn } from "./audit-files.ts";
import { EXIT, reporting } from "./exit.ts";

interface ReconcileOptions {
  readonly manifest: string;
  readonly key: string;
  readonly pairs?: true;
  readonly json?: true;
}

/** `corridor audit reconcile`: holds the audits of several nodes against one another. */
export function reconcileCommand(): Command {
  return new Command("reconcile")
    .description(
      "pair the exported audits of several nodes by request; exit 1 where one end says what another does not",
    )
    .argument("<node=file...>", "whose audit, and its export: wm-bsol=bsol.ndjson")
    .requiredOption("--manifest <file>", "the signed manifest, for the nodes' keys")
    .requiredOption("--key <file>", "the authority's public key (manifest.pub.pem)")
    .option("--pairs", "also sum up every pair of nodes, each way")
    .option("--json", "print one JSON object")
    .action((args: string[], { manifest, key, json, pairs: withPairs }: ReconcileOptions) =>
      reporting(async () => {
        const keys = await keysIn(manifest, key);
        const audits = args.map((arg) => {
          const [, nodeId, file] = /^([^=]+)=(.+)$/.exec(arg) ?? [];
          if (nodeId === undefined || file === undefined)
            throw new Failure("invalid-input", `'${arg}' is not NODE=FILE.`);
          return { nodeId, file };
        });
        for (const { nodeId, file } of audits) {
          const { fault } = await verifyExport(linesOf(file), logKeyIn(keys, nodeId), []);
          if (fault === undefined) continue;
          throw new Failure("invalid-input", `${file} is not what ${nodeId} signed (${fault}).`, { where: file });
        }
        const reconciled = await reconcile(audits.map(({ nodeId, file }) => ({ nodeId, entries: entriesOf(file) })));
        if (reconciled.unpaired.length > 0) process.exitCode = EXIT.failed;
        if (json === true) return console.log(JSON.stringify(reconciled));
        const { paired, otherEndMissing, unpaired, pairs } = reconciled;
        for (const each of unpaired) console.log(unpairedLine(each));
        for (const { asker, holder, answers, differences } of withPairs === true ? pairs : []) {
          console.log(`${asker} asked ${holder}: ${answers} answers, ${differences} differences`);
        }
        console.log(`${paired} questions are at both ends; ${unpaired.length} differences.`);
        if (otherEndMissing > 0) console.log(`Of ${otherEndMissing} an end is not among these audits.`);
      }),
    );
}

const UNPAIRED_WORDS: Readonly<Record<Unpaired["what"], string>> = {
  "no-question": "answered a question that the asker did not write down",
  "no-answer": "was told to have answered, and did not write it down",
  "told-otherwise": "answered something else than the user was told",
  "no-outcomes": "what came of it was never written down",
};

function unpairedLine({ what, requestId, asker, holder, atMs }: Unpaired): string {
  return `${new Date(atMs).toISOString()} ${requestId} asked by ${asker}: ${holder ?? "the asker"} ${UNPAIRED_WORDS[what]}`;
}

async function* entriesOf(file: string): AsyncGenerator<PairedEntry> {
  for await (const line of linesOf(file)) {
    const { entry } = JSON.parse(line) as { entry?: Record<string, string | number> };
    if (entry === undefined) continue; // the head, or an entry that retention erased
    const text = (name: string): string | undefined => (entry[name] === undefined ? undefined : String(entry[name]));
    yield {
      ...{ kind: text("kind") ?? "", requestId: text("request_id") ?? "", asker: text("asker") ?? "" },
      ...{
        holder: text("holder"),
        atMs: Number(entry["at_ms"]),
        outcome: text("outcome") ?? "",
        detail: text("detail"),
      },
    };
  }
}
