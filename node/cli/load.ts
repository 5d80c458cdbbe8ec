import { basename, dirname, join, resolve } from "node:path";

import { Command } from "commander";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { Connect, FeedFiles, ReadFeedFile } from "./client.ts";
import { EXIT, reportFailure } from "./exit.ts";
import { makeDisplay } from "./load-display.ts";
import { LoadStopped } from "./load-files.ts";
import { holdLoad } from "./load-lock.ts";
import { openProgress } from "./load-progress.ts";
import { type LoadReport, printReport } from "./load-report.ts";
import { runLoad } from "./load-run.ts";
import { FEED_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { findTarget } from "./target.ts";

export interface LoadCommandNeeds {
  readonly connect: Connect;
  readonly feeds: FeedFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the user wants the command to end. */
  readonly stopSignal: () => AbortSignal;
}

interface LoadOptions {
  readonly via: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly name?: string;
  readonly asOf?: string;
  readonly provider?: string;
  readonly fhirBase?: string;
  readonly rejects?: string;
  readonly restart?: true;
  readonly json?: true;
}

/** `corridor load`: streams files of identities, pointers and objections into a running node. */
export function loadCommand(needs: LoadCommandNeeds): Command {
  return new Command("load")
    .description("load identities, pointers and objections (CSV, NDJSON or FHIR R4) into a running node")
    .argument("<files...>", "files, identities first; each says by its beginning what it is")
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--as-of <time>", "the moment up to which the sources are complete (ISO 8601); now, if not given")
    .option("--provider <code>", "load only what this provider sent; it speaks where a FHIR resource names nobody")
    .option("--fhir-base <url>", "the https address of the provider's FHIR server, where a file gives no addresses")
    .option("--name <text>", "a name for the load, for the node's log; never patient data")
    .option("--rejects <file>", "where lines go that were not kept (default: beside the first file)")
    .option("--restart", "begin anew, even where an earlier load of these files can be gone on with")
    .option("--certs <dir>", "folder of the feed's certificate")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print one JSON object at the end instead of lines")
    .addHelpText("after", HELP)
    .action(async (files: string[], options: LoadOptions) => {
      try {
        const report = await load(files, options, needs);
        printReport(report, options.json === true);
        // Real feeds always have bad lines: they are told and kept aside. A load of which nothing was kept has failed.
        process.exitCode = report.accepted === 0 && report.rejected > 0 ? EXIT.failed : EXIT.done;
      } catch (thrown) {
        if (thrown instanceof LoadStopped) process.exitCode = EXIT.failed;
        else reportFailure(thrown);
      }
    });
}

const HELP = `
A load that breaks off is gone on with by the same command: what was acknowledged is durable, and is not read again.
Only a load that ends makes its providers count as complete. Lines of one patient are kept in the order in which they come.`;

async function load(files: readonly string[], options: LoadOptions, needs: LoadCommandNeeds): Promise<LoadReport> {
  const [first = ""] = files;
  const rejectsPath = options.rejects ?? join(dirname(first), `${basename(first)}.rejects.ndjson`);
  if (files.some((file) => resolve(file) === resolve(rejectsPath))) {
    throw new Failure("invalid-input", `--rejects names ${rejectsPath}, which is to be loaded: name another file.`);
  }
  const progressPath = join(dirname(rejectsPath), `${basename(first)}.progress.json`);
  const giveBack = holdLoad(progressPath);
  try {
    return await loadHeld(files, options, progressPath, rejectsPath, needs);
  } finally {
    giveBack();
  }
}

async function loadHeld(
  files: readonly string[],
  options: LoadOptions,
  progressPath: string,
  rejectsPath: string,
  needs: LoadCommandNeeds,
): Promise<LoadReport> {
  const { clock } = needs;
  const { via, provider, asOf, fhirBase } = options;
  const asOfMs = parseAsOf(asOf);
  const target = findTarget(options, FEED_CALLER.name);
  const progress = openProgress({
    path: progressPath,
    rejectsPath,
    load: { via, provider, asOf, fhirBase, files },
    nowMs: clock.wallMs(),
    restart: options.restart === true,
  });
  const { position: from, begunAtMs, rejects: sofar, notResumed } = progress.start;
  const display = makeDisplay({
    ...{ clock, from, bytes: progress.bytes },
    isTerminal: process.stderr.isTTY,
    write: (text) => void process.stderr.write(text),
  });
  if (notResumed !== undefined)
    display.say(`An earlier load is not gone on with: ${notResumed}. This one begins anew.`);
  if (from.read > 0) display.say(`Going on after line ${from.line} of ${files[from.file]}.`);

  // What is taken up again another day is complete up to the moment when it was begun, not up to now.
  const name = options.name ?? "corridor load";
  const header = { name, asOfMs: asOfMs === 0 && from.read > 0 ? begunAtMs : asOfMs };
  const startedMs = clock.monotonicMs();
  const rejects = needs.feeds.makeRejects(rejectsPath, sofar);
  try {
    const order = { header, files, rejects, ...(provider !== undefined && { provider }) };
    const sender = { ...(provider !== undefined && { provider }), ...(fhirBase !== undefined && { base: fhirBase }) };
    const readOfSender: ReadFeedFile = (path, reading) => needs.feeds.read(path, { ...reading, sender });
    const feeds = { ...needs.feeds, read: readOfSender };
    const { reached, waiting } = await runLoad({ ...needs, feeds, order, target, progress, display });
    const { read, accepted, rejected } = reached;
    const seconds = (clock.monotonicMs() - startedMs) / 1_000;
    return {
      ...{ read, accepted, rejected, waiting, reasons: rejects.counts(), seconds },
      rate: Math.round((read - from.read) / Math.max(seconds, 0.001)),
      resumedAt: from.read === 0 ? null : { file: files[from.file] ?? "", line: from.line, read: from.read },
      rejectsPath: rejected > 0 ? rejectsPath : null,
    };
  } finally {
    rejects.close();
  }
}

function parseAsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new Failure("invalid-input", "--as-of must be an ISO 8601 time, such as 2026-11-22T03:00Z.");
  return ms;
}
