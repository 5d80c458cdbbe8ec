import { Command } from "commander";

import { Failure } from "../base/failure.ts";
import { toComparable } from "../mpi/linkage/comparable.ts";
import { CountedFrequencies } from "../mpi/linkage/frequencies.ts";
import { linkFrom, makeLinker } from "../mpi/linkage/linker.ts";
import { readModelFile } from "../mpi/linkage/model-file.ts";
import { ownModel } from "../mpi/linkage/model.ts";
import { scorePair } from "../mpi/linkage/score.ts";
import { EXIT, reportFailure } from "./exit.ts";
import { type LinkRow, readLinkRows } from "./link-file.ts";

interface ExplainOptions {
  readonly in: string;
  readonly model?: string;
  readonly json?: true;
}

/** `corridor mpi explain`: why two records of a file are linked or not, field by field. Names no value. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("say field by field why two records of a file are, or are not, one person's")
    .argument("<a>", "the record_id of one")
    .argument("<b>", "the record_id of the other")
    .requiredOption("--in <file>", "a CSV file as corridor link takes it")
    .option("--model <file>", "a model from corridor mpi train, instead of the one that nodes link with")
    .option("--json", "one JSON object")
    .action(async (a: string, b: string, options: ExplainOptions) => {
      try {
        await run(a, b, options);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function run(a: string, b: string, { in: path, model: modelPath, json }: ExplainOptions): Promise<void> {
  const model = modelPath === undefined ? ownModel() : readModelFile(modelPath);
  const frequencies = new CountedFrequencies(model);
  const wanted = new Map<string, LinkRow>();
  let records = 0;
  for await (const row of readLinkRows(path, () => {})) {
    records++;
    frequencies.add(toComparable(row.input));
    if (row.recordId === a || row.recordId === b) wanted.set(row.recordId, row);
  }
  const [one, other] = [wanted.get(a), wanted.get(b)];
  if (one === undefined || other === undefined || a === b) {
    throw new Failure("invalid-input", "The file has no two such records: name two record_ids that are in it.", {
      where: path,
    });
  }
  const [x, y] = [toComparable(one.input), toComparable(other.input)];
  const { comparison, veto, lacksProof } = makeLinker(model, frequencies).pair(x, y);
  const { weight, fields } = scorePair(x, y, comparison, model, frequencies);
  const from = linkFrom(model, records);
  const links = veto === undefined && !lacksProof && weight >= from;
  const explanation = { links, weight, linksFrom: from, veto: veto ?? "", lacksProof, fields, model: model.version };
  if (json === true) console.log(JSON.stringify(explanation));
  else for (const line of linesOf(explanation)) console.log(line);
  process.exitCode = EXIT.done;
}

interface Explanation {
  readonly links: boolean;
  readonly weight: number;
  readonly linksFrom: number;
  readonly veto: string;
  readonly lacksProof: boolean;
  readonly fields: readonly { readonly field: string; readonly level: string; readonly weight: number }[];
  readonly model: string;
}

function* linesOf({ links, weight, linksFrom, veto, lacksProof, fields, model }: Explanation): Generator<string> {
  for (const { field, level, weight: bits } of fields) yield `${bitsText(bits)}  ${field}: ${level}`;
  yield `${bitsText(weight)}  in all; a pair of this file links from ${linksFrom.toFixed(1)} bits (parameters ${model})`;
  if (veto !== "") yield `never by machine: ${veto}`;
  else if (lacksProof)
    yield "no link by itself: too little tells them from relatives of one household, or from namesakes";
  yield links ? "linked, unless something else about the persons speaks against it" : "not linked by this pair";
}

function bitsText(bits: number): string {
  return `${bits >= 0 ? "+" : ""}${bits.toFixed(1)}`.padStart(7);
}
