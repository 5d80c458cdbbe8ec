import { Command } from "commander";

import { Failure } from "../base/failure.ts";
import { toComparable, type Comparable } from "../mpi/linkage/comparable.ts";
import { FIELDS, LEVELS } from "../mpi/linkage/levels.ts";
import { type LinkModel, ownModel } from "../mpi/linkage/model.ts";
import { train, type Training } from "../mpi/linkage/train.ts";
import { reportFailure } from "./exit.ts";
import { readLinkRows, writeWhole } from "./link-file.ts";

/** More than these say nothing new, and do not fit into memory. */
const RECORDS_MAX = 500_000;

interface TrainOptions {
  readonly out: string;
  readonly version: string;
  readonly seed: string;
}

/** `corridor mpi train`: finds the linker's parameters for records of one's own. */
export function trainCommand(): Command {
  return new Command("train")
    .description("find the linker's parameters for records of one's own, to compare with those that nodes link with")
    .argument("<in...>", "CSV files as corridor link takes them")
    .requiredOption("--out <file>", "the model to write, for corridor link --model")
    .requiredOption("--version <name>", "what the model is called in every decision made by it")
    .option("--seed <n>", "the same records and seed give the same model", "1")
    .action(async (files: string[], options: TrainOptions) => {
      try {
        await run(files, options);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function run(files: readonly string[], { out, version, seed }: TrainOptions): Promise<void> {
  if (!/^[\w.-]{1,40}$/.test(version)) {
    throw new Failure("configuration", "Name the model by 1 to 40 letters, digits, dots, hyphens.", {
      where: "--version",
    });
  }
  if (!/^\d{1,9}$/.test(seed)) {
    throw new Failure("configuration", "The seed is a number of up to nine digits.", { where: "--seed" });
  }
  const records: Comparable[] = [];
  for (const file of files) {
    for await (const { input } of readLinkRows(file, () => {})) {
      if (records.length < RECORDS_MAX) records.push(toComparable(input));
    }
  }
  const base = ownModel();
  const training = train(records, base, version, Number(seed));
  if (training.blockings.length === 0) {
    throw new Failure("invalid-input", "Too few of these records are alike to say how one person's records differ.");
  }
  await writeWhole(out, [`${JSON.stringify(training.model, undefined, 2)}\n`]);
  for (const line of linesOf(training, base)) console.log(line);
}

/** What was found, beside what nodes link with. */
function* linesOf({ records, blockings, model }: Training, base: LinkModel): Generator<string> {
  yield `${records} records`;
  for (const { kind, pairs, share } of blockings) {
    yield `  by ${kind}: ${pairs} pairs, ${(100 * share).toFixed(1)} % of them one person's`;
  }
  yield "bits for each level, found here and in use:";
  for (const field of FIELDS) {
    for (const [level, name] of LEVELS[field].entries()) {
      yield `  ${`${field}: ${name}`.padEnd(44)} ${bits(model, field, level)} ${bits(base, field, level)}`;
    }
  }
}

function bits({ fields }: LinkModel, field: (typeof FIELDS)[number], level: number): string {
  return Math.log2(fields[field].m[level]! / fields[field].u[level]!)
    .toFixed(1)
    .padStart(7);
}
