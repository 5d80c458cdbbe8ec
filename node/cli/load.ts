import { basename, join } from "node:path";

import { Command } from "commander";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Connect, FeedFiles } from "./client.ts";
import { EXIT, reportFailure } from "./exit.ts";
import { type LoadCounts, type LoadSummary, loadFiles } from "./load-files.ts";
import { FEED_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { findTarget } from "./target.ts";

const PROGRESS_EVERY_MS = 1_000;

export interface LoadCommandNeeds {
  readonly connect: Connect;
  readonly feeds: FeedFiles;
  readonly clock: Clock;
}

interface LoadOptions {
  readonly via: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly name?: string;
  readonly asOf?: string;
  readonly provider?: string;
  readonly rejects?: string;
  readonly json?: true;
}

/** `corridor load`: streams files of identities, pointers and objections into a running node. */
export function loadCommand(needs: LoadCommandNeeds): Command {
  return new Command("load")
    .description("load identities, pointers and objections (CSV or NDJSON) into a running node")
    .argument("<files...>", "files, identities first; the header of a CSV says what it holds")
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--as-of <time>", "the moment up to which the sources are complete (ISO 8601); now, if not given")
    .option("--provider <code>", "load only what this provider sent")
    .option("--name <text>", "a name for the load, for the node's log; never patient data")
    .option("--rejects <file>", "where lines go that were not kept (default: beside the first file)")
    .option("--certs <dir>", "folder of the feed's certificate")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print one JSON object at the end instead of lines")
    .action(async (files: string[], options: LoadOptions) => {
      try {
        const summary = await run(files, options, needs);
        // Real feeds always have bad lines: they are told and kept aside. A load of which nothing was kept has failed.
        process.exitCode = summary.accepted === 0 && summary.rejected > 0 ? EXIT.failed : EXIT.done;
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function run(files: readonly string[], options: LoadOptions, needs: LoadCommandNeeds): Promise<LoadSummary> {
  const first = files[0] ?? "";
  const rejectsPath = options.rejects ?? join(first, "..", `${basename(first)}.rejects.ndjson`);
  const client = await needs.connect(findTarget(options, FEED_CALLER.name));
  const startedMs = needs.clock.monotonicMs();
  try {
    const summary = await loadFiles(
      {
        header: { name: options.name ?? "corridor load", asOfMs: parseAsOf(options.asOf) },
        files,
        rejectsPath,
        ...(options.provider !== undefined && { provider: options.provider }),
        onProgress: reportProgress(needs.clock, startedMs),
      },
      client,
      needs.feeds,
    );
    report(summary, (needs.clock.monotonicMs() - startedMs) / 1_000, rejectsPath, options.json === true);
    return summary;
  } finally {
    client.close();
  }
}

function parseAsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new Failure("invalid-input", "--as-of must be an ISO 8601 time, such as 2026-11-22T03:00Z.");
  return ms;
}

/** A line on standard error each second, so that standard output stays the result's own. */
function reportProgress(clock: Clock, startedMs: number): (counts: LoadCounts) => void {
  let lastMs = startedMs;
  return ({ read, accepted, rejected }) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    const rate = Math.round((read / (nowMs - startedMs)) * 1_000);
    console.error(`${accepted} durable, ${rejected} rejected, ${rate} lines a second`);
  };
}

function report(summary: LoadSummary, seconds: number, rejectsPath: string, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ ...summary, seconds, rejectsPath: summary.rejected > 0 ? rejectsPath : null }));
    return;
  }
  const rate = Math.round(summary.read / Math.max(seconds, 0.001));
  console.log(`${summary.accepted} of ${summary.read} lines are durable (${seconds.toFixed(1)} s, ${rate} a second).`);
  if (summary.rejected === 0) return;
  console.log(`${summary.rejected} were not kept; each with its reason in ${rejectsPath}:`);
  for (const { field, reason, count } of summary.reasons) {
    console.log(`  ${String(count).padStart(7)}  ${field === "" ? "" : `${field}: `}${reason}`);
  }
}
