import { rmSync } from "node:fs";
import { join } from "node:path";

import type { Verdict } from "../../../node/base/answer.ts";
import { BirthDate } from "../../../node/base/birth-date.ts";
import { systemClock, today } from "../../../node/base/clock.ts";
import { NhsNumber } from "../../../node/base/nhs-number.ts";
import type { PatientQuery } from "../../../node/base/question.ts";
import { seededRandom, systemRandom } from "../../../node/base/random.ts";
import { DEMO_CALLER } from "../../../node/cli/mesh/demo-caller.ts";
import { loadPeople } from "../../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../../node/cli/mesh/mesh.ts";
import { readFeedFile } from "../../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../../node/feeds/rejects.ts";
import { type CallerClient, connectCaller } from "../../../node/wire/caller-client.ts";
import { englandPath } from "../../../topology/england/generate.ts";
import { TRAVELLER } from "../../../topology/england/people.ts";
import { readTopology } from "../../../topology/topology.ts";
import { type DelayProxy, startDelayProxy } from "../../delay-proxy.ts";
import { CLAIM } from "../asker.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { percentile } from "../measure.ts";
import { residentMegabytes } from "../resident.ts";
import { bareRoundTripMs } from "../round-trip.ts";

const SEED = 20_261_123;
const PORT_BASE = 7_700;
const NODES_PER_PROCESS = 9;
const ASKER = "wm-bsol";
/** Round trips to the 35 peers, given out by seed, as near and far areas have them. */
const ROUND_TRIPS_MS = [10, 20, 40] as const;
const SLOWEST_MS = Math.max(...ROUND_TRIPS_MS);
const ANSWER_BY_MS = 10_000;
/** When a clinician's verdict is due unless asked otherwise. */
const ANSWER_BY_USUAL_MS = 2_000;
const WARM_UP_LOCATES = 20;

const TOPOLOGY = englandPath(2026);
const NAMES = ["locate across all England, p50", "locate across all England, p99"] as const;

/** 36 nodes in four processes, peers behind delays; asked one question after another, through a caller's own door. */
export const englandLocate: Row = {
  names: NAMES,
  async measure(bench) {
    const dataDir = join(bench.folder, "england");
    rmSync(dataDir, { recursive: true, force: true });
    const count = bench.isQuick ? 50 : 200;
    const loopback = await withMesh({ bench, dataDir }, async (mesh) => {
      await loadPeople({
        ...{ mesh, peopleDir: TOPOLOGY.replace(/\.yaml$/, ".people"), clock: systemClock, signal: never() },
        connect: (target) => connectCaller(target, systemClock),
        feeds: { read: (path) => readFeedFile(path, { today: today(systemClock) }), makeRejects },
      });
      return askInTurn(mesh, count);
    });
    const proxies = await startProxies();
    try {
      const endpoints = new Map([...proxies].map(([id, { endpoint }]) => [id, endpoint]));
      const delayed = await withMesh({ bench, dataDir, endpoints }, (mesh) => askInTurn(mesh, count));
      return resultsOf(delayed, loopback, await bareRoundTripMs(SLOWEST_MS / 2, seededRandom(SEED)));
    } finally {
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

interface Locates {
  /** From the question to the verdict, as the caller's client sees it. */
  readonly latenciesMs: readonly number[];
  /** Until every node listened. */
  readonly startSeconds: number;
  readonly megabytesPerNode: number;
}

interface MeshOrder {
  readonly bench: Bench;
  readonly dataDir: string;
  readonly endpoints?: ReadonlyMap<string, string>;
}

async function withMesh(
  { bench, dataDir, endpoints }: MeshOrder,
  work: (mesh: Mesh) => Promise<readonly number[]>,
): Promise<Locates> {
  const beganMs = performance.now();
  const mesh = await startMesh({
    ...{ topologyPath: TOPOLOGY, dataDir, portBase: PORT_BASE, nodesPerProcess: NODES_PER_PROCESS },
    ...{ clock: systemClock, say: (line: string) => bench.say(`  ${line}`), signal: never() },
    ...(endpoints && { endpoints }),
  });
  const startSeconds = (performance.now() - beganMs) / 1_000;
  try {
    const latenciesMs = await work(mesh);
    const processes = [...new Set(mesh.nodes.map(({ process }) => process.pid))];
    const resident = processes.reduce((sum, pid) => sum + residentMegabytes(pid), 0);
    return { latenciesMs, startSeconds, megabytesPerNode: resident / mesh.nodes.length };
  } finally {
    await mesh.stop();
  }
}

/** In front of every node but the asker, whose own callers are on its own network. */
async function startProxies(): Promise<Map<string, DelayProxy>> {
  const random = seededRandom(SEED);
  const proxies = new Map<string, DelayProxy>();
  for (const [index, { id }] of readTopology(TOPOLOGY).nodes.entries()) {
    if (id === ASKER) continue;
    const roundTripMs = ROUND_TRIPS_MS[Math.floor(random.fraction() * ROUND_TRIPS_MS.length)]!;
    const target = { host: "127.0.0.1", port: PORT_BASE + index };
    proxies.set(id, await startDelayProxy({ target, delayMs: roundTripMs / 2, random }));
  }
  return proxies;
}

async function askInTurn(mesh: Mesh, count: number): Promise<readonly number[]> {
  const { host, port, callerDir } = mesh.node(ASKER);
  const client = await connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
  const latenciesMs: number[] = [];
  try {
    for (let turn = 0; turn < WARM_UP_LOCATES; turn++) await locateOnce(client);
    for (let turn = 0; turn < count; turn++) {
      const startedMs = performance.now();
      const { scopes, sentence } = await locateOnce(client);
      latenciesMs.push(performance.now() - startedMs);
      if (!scopes.every(({ everyAreaAnswered }) => everyAreaAnswered)) {
        throw new Error(`not every area answered, and the figure would mean nothing: ${sentence}`);
      }
    }
  } finally {
    client.close();
  }
  return latenciesMs;
}

/** One whole locate. */
async function locateOnce(client: CallerClient): Promise<Verdict> {
  const patient: PatientQuery = {
    by: "number",
    nhsNumber: NhsNumber.parse(TRAVELLER.nhsNumber)!,
    birthDate: BirthDate.parse(TRAVELLER.birthDate, today(systemClock))!,
  };
  const call = { patient, claim: CLAIM, requestId: systemRandom.uuid(), answerByMs: ANSWER_BY_MS };
  for await (const event of client.locate(call)) {
    if (event.kind === "verdict") return event.verdict;
  }
  throw new Error("a locate ended without a verdict");
}

/**
 * No bar of its own: here all 36 nodes share one machine's processors. Beside it stands what a locate of six costs.
 *
 * @param slowestMs the slowest peer's round trip as the network makes it, in milliseconds.
 */
function resultsOf(delayed: Locates, loopback: Locates, slowestMs: number): readonly Result[] {
  const { startSeconds, megabytesPerNode } = loopback;
  const note = `${delayed.latenciesMs.length} locates in turn, 36 nodes in ${36 / NODES_PER_PROCESS} processes, full TLS and audit in each; round trips ${ROUND_TRIPS_MS.join(", ")} ms by chance, the slowest ${slowestMs.toFixed(1)} as one byte takes it; every area answered`;
  return NAMES.map((name, at) => {
    const percent = at === 0 ? 50 : 99;
    const value = percentile(delayed.latenciesMs, percent);
    return {
      ...{ name, value, unit: "ms", baseline: slowestMs, ratio: value / slowestMs },
      ...{ target: ANSWER_BY_USUAL_MS, bar: "value <= 2 s, when a verdict is due", met: value <= ANSWER_BY_USUAL_MS },
      spread: [Math.min(...delayed.latenciesMs), Math.max(...delayed.latenciesMs)],
      beside: {
        [`loopback p${percent} ms`]: percentile(loopback.latenciesMs, percent),
        ...(at === 0 && { "start s": startSeconds, "MB a node": megabytesPerNode }),
      },
      ...(at === 0 && { note }),
    };
  });
}

function never(): AbortSignal {
  return new AbortController().signal;
}
