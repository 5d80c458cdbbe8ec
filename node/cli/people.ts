import { Command } from "commander";

import { LAST_DAY, dayText } from "../../topology/population/calendar.ts";
import { FORMATS, type Format, RENDERINGS, type Rendering } from "../../topology/population/formats.ts";
import { type PopulationOrder, type ProviderRecord, makePopulation } from "../../topology/population/population.ts";
import { peopleAtScale, peopleInAll } from "../../topology/population/size.ts";
import { readTopology, type Topology, type TopologyNode } from "../../topology/topology.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { reportFailure } from "./exit.ts";
import { openFolder, standardOutput, type TextSink } from "./people-files.ts";

const SEED_MAX = 0xffff_ffff;
const PROGRESS_EVERY_MS = 1_000;
/** Records between two looks at the clock. */
const RECORDS_BETWEEN_LOOKS = 1_000;

const TRUTH = "truth.csv";
const TRUTH_HEADER = "provider,local_id,person\n";

/** Written last: a folder without it is not complete. */
const SUMMARY = "population.json";

interface PeopleOptions {
  readonly out: string;
  readonly scale: string;
  readonly people?: string;
  readonly seed: string;
  readonly format: string;
  readonly node?: string;
  readonly force?: true;
}

/** `corridor people`: makes the synthetic people of a topology, as files that `corridor load` takes. */
export function peopleCommand({ clock }: { readonly clock: Clock }): Command {
  return new Command("people")
    .description("make the synthetic people of a topology, as files to load, and who they truly are")
    .argument("<topology>", "the topology file")
    .requiredOption(
      "--out <dir>",
      "the folder for the files; - writes one node's to standard output, without the truth",
    )
    .option("--scale <factor>", "people of each node as a share of its population", "0.001")
    .option("--people <n>", "people in all, instead of --scale")
    .option("--seed <n>", "the same seed makes the same people", "1")
    .option("--format <form>", FORMATS.join(", "), "csv")
    .option("--node <id>", "only what this node is sent")
    .option("--force", "replace files that are there")
    .action(async (topology: string, options: PeopleOptions) => {
      try {
        await run(parseOrder(readTopology(topology), options), clock);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

interface Order {
  readonly topology: Topology;
  /** The nodes whose files are written. */
  readonly nodes: readonly TopologyNode[];
  /** People of every node of the topology. */
  readonly people: readonly number[];
  /** How the size was asked for. */
  readonly size: { readonly scale: number } | { readonly people: number };
  readonly seed: number;
  readonly format: Format;
  /** `undefined` is standard output. */
  readonly dir: string | undefined;
  readonly force: boolean;
}

function parseOrder(topology: Topology, options: PeopleOptions): Order {
  const format = FORMATS.find((known) => known === options.format);
  if (format === undefined) throw new Failure("invalid-input", `--format must be one of ${FORMATS.join(", ")}.`);
  const seed = parseNumber("--seed", options.seed, Number.isInteger, 0, SEED_MAX);
  const nodes = options.node === undefined ? topology.nodes : topology.nodes.filter(({ id }) => id === options.node);
  if (nodes.length === 0) {
    const ids = topology.nodes.map(({ id }) => id).join(", ");
    throw new Failure("invalid-input", `--node names none of this topology's nodes: ${ids}.`);
  }
  const toOutput = options.out === "-";
  if (toOutput && (nodes.length > 1 || RENDERINGS[format].files.length > 1)) {
    throw new Failure("invalid-input", "--out - writes one file: add --node, and --format ndjson or fhir.");
  }
  return {
    ...{ topology, nodes, seed, format, force: options.force === true },
    ...parseSize(topology, options),
    dir: toOutput ? undefined : options.out,
  };
}

function parseSize(topology: Topology, options: PeopleOptions): Pick<Order, "people" | "size"> {
  if (options.people !== undefined) {
    const people = parseNumber("--people", options.people, Number.isInteger, 1, Number.MAX_SAFE_INTEGER);
    return { people: peopleInAll(topology, people), size: { people } };
  }
  const scale = parseNumber("--scale", options.scale, Number.isFinite, Number.MIN_VALUE, 1_000);
  return { people: peopleAtScale(topology, scale), size: { scale } };
}

function parseNumber(option: string, text: string, fits: (value: number) => boolean, min: number, max: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (fits(value) && value >= min && value <= max) return value;
  const kind = fits === Number.isInteger ? `a whole number from ${min} to ${max}` : `a number above 0, up to ${max}`;
  throw new Failure("invalid-input", `${option} must be ${kind}.`);
}

async function run(order: Order, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs();
  const work: Work = {
    ...order,
    rendering: RENDERINGS[order.format],
    made: makePopulation(populationOf(order)),
    tallies: new Map(order.nodes.map(({ id }) => [id as string, { identities: 0, pointers: 0 }])),
    progress: reportProgress(clock, startedMs),
  };
  const people = await (order.dir === undefined ? toStandardOutput(work) : toFolder(work, order.dir));
  const seconds = (clock.monotonicMs() - startedMs) / 1_000;
  const [identities, pointers] = [sumOf(work, "identities"), sumOf(work, "pointers")];
  const rate = Math.round(people / Math.max(seconds, 0.001));
  const line = `${people} people with ${identities} identity records and ${pointers} pointers (${seconds.toFixed(1)} s, ${rate} people a second).`;
  if (order.dir === undefined) console.error(line);
  else console.log(`${line}\nEverything is in ${order.dir}; ${TRUTH} says who is who.`);
}

function populationOf({ topology, nodes, seed, people }: Order): PopulationOrder {
  const [first] = nodes;
  const one = nodes.length < topology.nodes.length && first !== undefined;
  return { topology, seed, people, ...(one && { only: first.id }) };
}

/** What one node was given. */
interface Tally {
  identities: number;
  pointers: number;
}

/** An order while it is carried out. */
interface Work extends Order {
  readonly rendering: Rendering;
  readonly made: Iterable<ProviderRecord>;
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly progress: (people: number) => void;
}

async function toStandardOutput(work: Work): Promise<number> {
  const output = standardOutput();
  return write(work, () => [output]);
}

async function toFolder(work: Work, dir: string): Promise<number> {
  const filesOf = (id: string): string[] => work.rendering.files.map((file) => `${id}.${file}`);
  const names = [...work.nodes.flatMap(({ id }) => filesOf(id)), TRUTH];
  const folder = await openFolder(dir, names, SUMMARY, work.force);
  try {
    const sinkOf = (name: string): TextSink => folder.sinks.get(name)!;
    const byNode = new Map(work.nodes.map(({ id }) => [id as string, filesOf(id).map(sinkOf)]));
    const people = await write(work, (id) => byNode.get(id)!, sinkOf(TRUTH));
    await folder.finish(`${JSON.stringify(summaryOf(work, folder.sinks), undefined, 2)}\n`);
    return people;
  } finally {
    await folder.close();
  }
}

/** Returns how many people have a record. */
async function write(work: Work, sinksOf: (node: string) => readonly TextSink[], truth?: TextSink): Promise<number> {
  const { nodes, rendering, made, tallies, progress } = work;
  for (const { id } of nodes) sinksOf(id).forEach((sink, at) => sink.add(rendering.headers[at]!));
  truth?.add(TRUTH_HEADER);
  let last = "";
  let people = 0;
  let records = 0;
  for (const record of made) {
    if (record.person !== last) people++;
    last = record.person;
    count(tallies.get(record.node)!, record);
    const sinks = sinksOf(record.node);
    for (const [at, text] of rendering.render(record).entries()) if (!sinks[at]!.add(text)) await sinks[at]!.flush();
    if (truth !== undefined && !record.again && !truth.add(truthLine(record))) await truth.flush();
    if (++records % RECORDS_BETWEEN_LOOKS === 0) progress(people);
  }
  for (const { id } of nodes) for (const sink of sinksOf(id)) await sink.flush();
  await truth?.flush();
  return people;
}

function truthLine({ identity, person }: ProviderRecord): string {
  return `${identity.provider},${identity.local_id},${person}\n`;
}

function count(tally: Tally, { pointers }: ProviderRecord): void {
  tally.identities++;
  tally.pointers += pointers.length;
}

function sumOf({ tallies }: Work, field: keyof Tally): number {
  return [...tallies.values()].reduce((sum, tally) => sum + tally[field], 0);
}

/** Says what the folder holds, and what to say to make the same again; without a time, so that the same again is the same. */
function summaryOf(work: Work, sinks: ReadonlyMap<string, TextSink>): object {
  return {
    about: "Invented people: nobody exists. NHS numbers are from the range that is never issued.",
    network: work.topology.network.name,
    seed: work.seed,
    ...work.size,
    format: work.format,
    lastDay: dayText(LAST_DAY),
    nodes: work.nodes.map((node) => ({
      id: node.id,
      population: node.population,
      peopleMade: work.people[work.topology.nodes.indexOf(node)],
      identities: work.tallies.get(node.id)!.identities,
      pointers: work.tallies.get(node.id)!.pointers,
    })),
    files: [...sinks].map(([name, sink]) => ({ name, bytes: sink.bytes() })),
  };
}

/** A line on standard error each second. */
function reportProgress(clock: Clock, startedMs: number): (people: number) => void {
  let lastMs = startedMs;
  return (people) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    console.error(`${people} people, ${Math.round((people / (nowMs - startedMs)) * 1_000)} a second`);
  };
}
