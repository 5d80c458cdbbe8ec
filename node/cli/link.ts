import { statSync } from "node:fs";
import { resolve } from "node:path";

import { Command } from "commander";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { LinkRecords } from "../mpi/linkage/link-records.ts";
import { readModelFile } from "../mpi/linkage/model-file.ts";
import { type LinkModel, ownModel } from "../mpi/linkage/model.ts";
import { reportFailure } from "./exit.ts";
import { readLinkRows, writeWhole } from "./link-file.ts";

const PROGRESS_EVERY_MS = 1_000;

/** `corridor link`: says which records of a file are one person's. */
export function linkCommand({ clock }: { readonly clock: Clock }): Command {
  return new Command("link")
    .description("say which records of a CSV file are one person's, by the parameters that nodes link with")
    .argument("<in>", "a CSV file with a header; record_id and any of the columns that docs/cli.md names")
    .argument("<out>", "the file to write: record_id,cluster_id")
    .option("--model <file>", "a model from corridor mpi train, instead of the one that nodes link with")
    .action(async (from: string, to: string, options: { readonly model?: string }) => {
      try {
        await link(from, to, options.model === undefined ? ownModel() : readModelFile(options.model), clock);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function link(from: string, to: string, model: LinkModel, clock: Clock): Promise<void> {
  if (resolve(from) === resolve(to)) {
    throw new Failure("configuration", "The file to write is the file to read: name another.", { where: to });
  }
  const say = makeProgress(clock);
  const startedMs = clock.monotonicMs();
  const ids = await addRows(from, new Map<string, number>(), model, say);
  const linked = ids.records.link((compared) => say(`compared ${compared} of ${ids.list.length} records`));
  await writeWhole(to, clusterLines(ids.list, linked.groupOf));

  const people = new Set(linked.groupOf).size;
  const seconds = ((clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
  const cut = linked.blocksCut === 0 ? "" : `; ${linked.blocksCut} values too common to compare by were passed over`;
  console.error(
    `${ids.list.length} records, ${people} people, ${linked.pairsCompared} pairs compared in ${seconds} s${cut}`,
  );
  console.error(`parameters ${model.version}; written to ${to}`);
}

async function addRows(path: string, seen: Map<string, number>, model: LinkModel, say: (line: string) => void) {
  const records = new LinkRecords(model);
  const list: string[] = [];
  let bytes = 0;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  for await (const { recordId, source, input } of readLinkRows(path, (count) => (bytes += count))) {
    const first = seen.get(recordId);
    if (first !== undefined) {
      const message = `Rows ${first} and ${list.length + 1} after the header have the same record_id: each record needs its own.`;
      throw new Failure("invalid-input", message, { where: path });
    }
    list.push(recordId);
    seen.set(recordId, list.length);
    records.add(input, source);
    if (list.length % 1_000 === 0)
      say(`read ${list.length} records, ${Math.floor((100 * bytes) / Math.max(1, size))} %`);
  }
  return { records, list };
}

/** A line now and then, on standard error: what a machine reads stays clean. */
function makeProgress(clock: Clock): (line: string) => void {
  let nextMs = clock.monotonicMs() + PROGRESS_EVERY_MS;
  return (line) => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + PROGRESS_EVERY_MS;
    console.error(line);
  };
}

/** Clusters are numbered in the order of their first records. */
function* clusterLines(ids: readonly string[], groupOf: Uint32Array): Generator<string> {
  const numbers = new Map<number, number>();
  yield "record_id,cluster_id\n";
  for (const [at, id] of ids.entries()) {
    const group = groupOf[at]!;
    const number = numbers.get(group) ?? numbers.size + 1;
    numbers.set(group, number);
    yield `${quoted(id)},p${number}\n`;
  }
}

/** As RFC 4180 has it. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
