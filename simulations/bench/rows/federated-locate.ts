import { rmSync } from "node:fs";
import { join } from "node:path";

import type { Outcome } from "../../../node/base/answer.ts";
import { BirthDate } from "../../../node/base/birth-date.ts";
import { systemClock, today } from "../../../node/base/clock.ts";
import { NhsNumber } from "../../../node/base/nhs-number.ts";
import type { PatientQuery } from "../../../node/base/question.ts";
import { type Random, seededRandom, systemRandom } from "../../../node/base/random.ts";
import type { Connect } from "../../../node/cli/client.ts";
import { DEMO_CALLER } from "../../../node/cli/mesh/demo-caller.ts";
import { loadPeople } from "../../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../../node/cli/mesh/mesh.ts";
import { readFeedFile } from "../../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../../node/feeds/rejects.ts";
import { type CallerClient, connectCaller } from "../../../node/wire/caller-client.ts";
import { CAST_DIR } from "../../../topology/people/generate.ts";
import { readTopology } from "../../../topology/topology.ts";
import { ASKER_ID, CLAIM } from "../asker.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { keepInFlight, percentile } from "../measure.ts";
import { WEST_MIDLANDS } from "../network.ts";
import { bareRoundTripMs } from "../round-trip.ts";
import { type DelayProxy, startDelayProxy } from "../../delay-proxy.ts";

const SEED = 20_261_122;
const PORT_BASE = 7_600;
/** Round trips to the five peers, given out by seed. */
const ROUND_TRIPS_MS = [10, 20, 40, 10, 20];
const SLOWEST_MS = Math.max(...ROUND_TRIPS_MS);
const ANSWER_BY_MS = 2_000;
/** Before anything counts, the nodes are asked for so long, so many at once: a node that has run for a day is warm. */
const WARM_UP_MS = 10_000;
const WARM_UP_IN_FLIGHT = 8;

const NAMES = ["federated locate, p50", "federated locate, p99"] as const;
const connect: Connect = (target) => connectCaller(target, systemClock);
const feeds = { read: (path: string) => readFeedFile(path, { today: today(systemClock) }), makeRejects };

/** Six nodes, six processes, peers behind delays; asked one question after another, through a caller's own door. */
export const federatedLocate: Row = {
  names: NAMES,
  async measure(bench) {
    const dataDir = join(bench.folder, "mesh");
    rmSync(dataDir, { recursive: true, force: true });
    const count = bench.isQuick ? 100 : 400;
    const loopback = await withMesh({ bench, dataDir }, async (mesh) => {
      const signal = new AbortController().signal;
      await loadPeople({ mesh, peopleDir: CAST_DIR, connect, feeds, clock: systemClock, signal });
      return askInTurn(mesh, count);
    });
    const proxies = await startProxies();
    try {
      const endpoints = new Map([...proxies].map(([id, { endpoint }]) => [id, endpoint]));
      const delayed = await withMesh({ bench, dataDir, endpoints }, (mesh) => askInTurn(mesh, count));
      return resultsOf(delayed, loopback, await bareRoundTripMs(SLOWEST_MS / 2, seededRandom(SEED)));
    } finally {
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    }
  },
};

interface MeshOrder {
  readonly bench: Bench;
  readonly dataDir: string;
  readonly endpoints?: ReadonlyMap<string, string>;
}

async function withMesh<T>({ bench, dataDir, endpoints }: MeshOrder, work: (mesh: Mesh) => Promise<T>): Promise<T> {
  const mesh = await startMesh({
    ...{ topologyPath: WEST_MIDLANDS, dataDir, portBase: PORT_BASE, nodesPerProcess: 1, clock: systemClock },
    ...{ say: (line: string) => bench.say(`  ${line}`), signal: new AbortController().signal },
    ...(endpoints && { endpoints }),
  });
  try {
    return await work(mesh);
  } finally {
    await mesh.stop();
  }
}

/** In front of every node but the asker, whose own callers are on its own network. */
async function startProxies(): Promise<Map<string, DelayProxy>> {
  const random = seededRandom(SEED);
  const left = [...ROUND_TRIPS_MS];
  const proxies = new Map<string, DelayProxy>();
  for (const [index, { id }] of readTopology(WEST_MIDLANDS).nodes.entries()) {
    if (id === ASKER_ID) continue;
    const [roundTripMs] = left.splice(Math.floor(random.fraction() * left.length), 1);
    const target = { host: "127.0.0.1", port: PORT_BASE + index };
    proxies.set(id, await startDelayProxy({ target, delayMs: roundTripMs! / 2, random }));
  }
  return proxies;
}

interface Locates {
  /** From the question to the verdict, as the caller's client sees it. */
  readonly latenciesMs: readonly number[];
  /** What the areas said, all locates together. */
  readonly outcomes: ReadonlyMap<Outcome, number>;
}

async function askInTurn(mesh: Mesh, count: number): Promise<Locates> {
  const patients = await castPatients(count, seededRandom(SEED));
  const asker = mesh.node(ASKER_ID);
  const client = await connectCaller(
    { host: asker.host, port: asker.port, certsDir: asker.callerDir(DEMO_CALLER.name) },
    systemClock,
  );
  const latenciesMs: number[] = [];
  const outcomes = new Map<Outcome, number>();
  let turn = 0;
  try {
    await keepInFlight(WARM_UP_IN_FLIGHT, WARM_UP_MS, async () => {
      await locateOnce(client, patients[turn++ % patients.length]!);
    });
    for (const patient of patients) {
      const startedMs = performance.now();
      const answered = await locateOnce(client, patient);
      latenciesMs.push(performance.now() - startedMs);
      for (const outcome of answered) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  } finally {
    client.close();
  }
  return { latenciesMs, outcomes };
}

/** One whole locate: every member must have answered, or the figure means nothing. */
async function locateOnce(client: CallerClient, patient: PatientQuery): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const event of client.locate({
    ...{ patient, claim: CLAIM, requestId: systemRandom.uuid(), answerByMs: ANSWER_BY_MS },
  })) {
    if (event.kind === "answer") outcomes.push(event.answer.outcome);
    else if (!event.verdict.scopes.every(({ everyAreaAnswered }) => everyAreaAnswered)) {
      throw new Error(`not every area answered: ${event.verdict.sentence}`);
    }
  }
  return outcomes;
}

/** Adults of the cast whom nobody marks restricted, drawn by seed. */
async function castPatients(count: number, random: Random): Promise<PatientQuery[]> {
  const known = new Map<string, PatientQuery>();
  const hidden = new Set<string>();
  for (const { id } of readTopology(WEST_MIDLANDS).nodes) {
    for await (const { parsed } of feeds.read(join(CAST_DIR, `${id}.identities.csv`))) {
      if ("rejected" in parsed || parsed.kind !== "identity") continue;
      const { nhsNumber: digits, birthDate: born, restricted } = parsed.values.expose();
      const nhsNumber = NhsNumber.parse(digits);
      const birthDate = BirthDate.parse(born, today(systemClock));
      if (nhsNumber === undefined || birthDate === undefined) continue;
      if (restricted) hidden.add(digits);
      if (birthDate.ageOn(today(systemClock)) >= 18) known.set(digits, { by: "number", nhsNumber, birthDate });
    }
  }
  const patients = [...known].filter(([digits]) => !hidden.has(digits)).map(([, patient]) => patient);
  return Array.from({ length: count }, () => patients[Math.floor(random.fraction() * patients.length)]!);
}

/** @param slowestMs the slowest peer's round trip as the network makes it, in milliseconds. */
function resultsOf(delayed: Locates, loopback: Locates, slowestMs: number): readonly Result[] {
  const [p50, p99] = [50, 99].map((percent) => percentile(delayed.latenciesMs, percent)) as [number, number];
  const [bareP50, bareP99] = [50, 99].map((percent) => percentile(loopback.latenciesMs, percent)) as [number, number];
  const spread = [Math.min(...delayed.latenciesMs), Math.max(...delayed.latenciesMs)] as const;
  const shared = { unit: "ms", baseline: slowestMs, spread };
  const outcomes = [...delayed.outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(", ");
  const note = `${delayed.latenciesMs.length} locates in turn, question to verdict at the caller; round trips ${ROUND_TRIPS_MS.toSorted((one, other) => one - other).join(", ")} ms, the slowest ${slowestMs.toFixed(1)} as one byte takes it; areas answered ${outcomes}`;
  return [
    {
      ...{ name: NAMES[0], value: p50, ratio: p50 / slowestMs, ...shared, note },
      ...{ target: slowestMs + 10, bar: `value <= slowest round trip + 10 ms`, met: p50 <= slowestMs + 10 },
      beside: { "loopback p50 ms": bareP50 },
    },
    {
      ...{ name: NAMES[1], value: p99, ratio: p99 / slowestMs, ...shared },
      ...{ target: 3 * slowestMs, bar: `value <= 3 x slowest round trip`, met: p99 <= 3 * slowestMs },
      beside: { "loopback p99 ms": bareP99 },
    },
  ];
}
