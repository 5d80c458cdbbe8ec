import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { BirthDate } from "../../../node/base/birth-date.ts";
import { systemClock, today } from "../../../node/base/clock.ts";
import { NhsNumber } from "../../../node/base/nhs-number.ts";
import { systemRandom } from "../../../node/base/random.ts";
import { DEMO_CALLER } from "../../../node/cli/mesh/demo-caller.ts";
import { loadPeople } from "../../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../../node/cli/mesh/mesh.ts";
import { meshPaths } from "../../../node/cli/mesh/network-files.ts";
import { nodeFiles } from "../../../certs/layout.ts";
import { readFeedFile } from "../../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../../node/feeds/rejects.ts";
import { connectCaller } from "../../../node/wire/caller-client.ts";
import { readCallerTls } from "../../../node/wire/tls-files.ts";
import { topologyText } from "../../testing/a-topology.ts";
import { type FhirAnswer, type FhirRequest, send } from "../../testing/fhir-door.ts";
import { type FhirTokens, makeFhirTokens } from "../../testing/fhir-tokens.ts";
import { aPerson, type TrialPerson, writePeople } from "../../testing/people.ts";
import { CLAIM } from "../asker.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { type Round, compareRounds, keepInFlight, median, percentile } from "../measure.ts";

const NAMES = ["FHIR door, p50 over the gRPC door", "FHIR door, locates against a bare HTTP echo"] as const;
const PORT_BASE = 7_650;
const DOOR_PORT = 7_660;
const ECHO = fileURLToPath(new URL("../http-echo-server.ts", import.meta.url));
const ADDED_MS_MAX = 3;
const RATIO_MIN = 0.4;
const ROUNDS = 5;
/** As many connections as one caller may have: with fewer, the door waits for its commits more than it works. */
const IN_FLIGHT = 32;
const PEOPLE = 500;
const SEARCH = "/fhir/DocumentReference/_search";
const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** What the FHIR door costs: over the gRPC door of the same node, and against a server that does nothing. */
export const fhirDoor: Row = {
  names: NAMES,
  async measure(bench) {
    const added = await withDoor(bench, ["ash", "elm", "oak"], (door) => measureAdded(bench, door));
    const alone = await withDoor(bench, ["ash"], (door) => measureRate(bench, door));
    return [added, alone];
  },
};

/** A small network of real processes, in which `ash` has both doors. */
interface Door {
  readonly mesh: Mesh;
  readonly tokens: FhirTokens;
  readonly people: readonly TrialPerson[];
  readonly certsDir: string;
}

async function withDoor<T>(bench: Bench, areas: readonly string[], work: (door: Door) => Promise<T>): Promise<T> {
  const folder = join(bench.folder, "fhir-door");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const topologyPath = join(folder, "topology.yaml");
  const area = (id: string) => ({ id, name: `${id} area`, collaborative: "north", region: "North" });
  const agreements = areas.length > 1 ? [{ between: areas }] : [];
  writeFileSync(topologyPath, topologyText({ areas: areas.map(area), agreements }));
  const people = Array.from({ length: PEOPLE }, (_, at) =>
    aPerson(
      at,
      "1958-02-03",
      areas.map((id) => ({ area: id, records: ["clinical-letter", "allergies"] as const })),
    ),
  );
  const peopleDir = join(folder, "people");
  writePeople(peopleDir, areas, people);
  const tokens = makeFhirTokens(join(folder, "epr.jwks.json"), "ash");
  const fhir = { listen: `127.0.0.1:${DOOR_PORT}`, tokens: tokens.settings };
  const signal = new AbortController().signal;
  const mesh = await startMesh({
    ...{ topologyPath, dataDir: folder, portBase: PORT_BASE, nodesPerProcess: 1, clock: systemClock, signal },
    ...{ say: (line: string) => bench.say(`  ${line}`), settings: new Map([["ash", { fhir }]]) },
  });
  try {
    await loadPeople({
      ...{ mesh, peopleDir, clock: systemClock, signal },
      connect: (target) => connectCaller(target, systemClock),
      feeds: { read: (path) => readFeedFile(path, { today: today(systemClock) }), makeRejects },
    });
    return await work({ mesh, tokens, people, certsDir: meshPaths(folder).certs });
  } finally {
    await mesh.stop();
  }
}

/** The same people asked about at both doors in turn, one after another. */
async function measureAdded(bench: Bench, door: Door): Promise<Result> {
  const caller = await openCaller(door);
  const facade = openFacade(door, 1);
  const count = bench.isQuick ? 100 : 400;
  try {
    const [grpc, fhir]: [number[], number[]] = [[], []];
    for (let turn = -count; turn < count; turn++) {
      const person = door.people[(turn + count) % PEOPLE]!;
      const grpcMs = await timed(() => caller.ask(person));
      const fhirMs = await timed(() => facade.ask(person));
      if (turn < 0) continue; // a node that has run for a day is warm
      grpc.push(grpcMs);
      fhir.push(fhirMs);
    }
    return addedOf(grpc, fhir, door.mesh.nodes.length);
  } finally {
    caller.close();
    facade.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function addedOf(grpc: readonly number[], fhir: readonly number[], areas: number): Result {
  const [baseline, value] = [percentile(grpc, 50), percentile(fhir, 50)];
  const addedMs = value - baseline;
  return {
    ...{ name: NAMES[0], unit: "ms", value, baseline, ratio: value / baseline, target: ADDED_MS_MAX },
    ...{ bar: `value <= baseline + ${ADDED_MS_MAX} ms`, met: addedMs <= ADDED_MS_MAX },
    beside: { "added ms": addedMs, "gRPC p99 ms": percentile(grpc, 99), "FHIR p99 ms": percentile(fhir, 99) },
    note: `${grpc.length} locates at each door in turn, one after another, ${areas} areas that hold records; a token is verified once and remembered until it ends`,
  };
}

/** An application at one of the two doors. */
interface DoorClient<Answer> {
  ask(person: TrialPerson): Promise<Answer>;
  close(): void;
}

/** One at the gRPC door, with the product's own client. */
async function openCaller({ mesh }: Door): Promise<DoorClient<void>> {
  const { host, port, callerDir } = mesh.node("ash");
  const client = await connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
  return {
    async ask(person) {
      const nhsNumber = NhsNumber.parse(person.nhsNumber)!;
      const birthDate = BirthDate.parse(person.birthDate, today(systemClock))!;
      const question = { patient: { by: "number", nhsNumber, birthDate } as const, claim: CLAIM, answerByMs: 2_000 };
      let isWhole = false;
      for await (const event of client.locate({ ...question, requestId: systemRandom.uuid() })) {
        if (event.kind === "verdict")
          isWhole = event.verdict.scopes.every(({ everyAreaAnswered }) => everyAreaAnswered);
      }
      if (!isWhole) throw new Error("not every area answered at the gRPC door");
    },
    close: () => client.close(),
  };
}

/** An application with its certificate and a token, as it uses the door. */
function openFacade({ mesh, tokens }: Door, connections: number): DoorClient<FhirAnswer> {
  const { certificate: cert, key, trust: ca } = readCallerTls(mesh.node("ash").callerDir(DEMO_CALLER.name));
  const tls = { cert, key, ca, keepAlive: true, checkServerIdentity: () => undefined };
  const agent = new Agent({ ...tls, maxSockets: connections });
  let token = { text: "", madeAtMs: -Infinity };
  return {
    async ask(person) {
      if (performance.now() - token.madeAtMs > 60_000) {
        token = { text: await tokens.tokenOf(), madeAtMs: performance.now() };
      }
      const answer = await send(DOOR_PORT, agent, searchOn(person, { authorization: `Bearer ${token.text}` }));
      const isWhole = answer.status === 200 && answer.text.includes('"total":');
      if (!isWhole) throw new Error(`the FHIR door answered ${answer.status}: ${answer.text.slice(0, 300)}`);
      return answer;
    },
    close: () => agent.destroy(),
  };
}

function searchOn({ nhsNumber, birthDate }: TrialPerson, headers: Readonly<Record<string, string>>): FhirRequest {
  const body = new URLSearchParams({
    "patient.identifier": `https://fhir.nhs.uk/Id/nhs-number|${nhsNumber}`,
    "patient.birthdate": birthDate,
  });
  return { method: "POST", path: SEARCH, headers: { ...FORM, ...headers }, body: body.toString() };
}

/** One area alone, so that it is the door and its node that are measured, and not others on the same machine. */
async function measureRate(bench: Bench, door: Door): Promise<Result> {
  const phaseMs = bench.isQuick ? 1_000 : 4_000;
  const facade = openFacade(door, IN_FLIGHT);
  const caller = await openCaller(door);
  const answerBytes = Buffer.byteLength((await facade.ask(door.people[0]!)).text);
  const echo = await startEcho(door, answerBytes);
  let turn = 0;
  const next = (): TrialPerson => door.people[turn++ % PEOPLE]!;
  const rateOf = async (client: Pick<DoorClient<unknown>, "ask">): Promise<number> =>
    (await keepInFlight(IN_FLIGHT, phaseMs, async () => void (await client.ask(next())))).perSecond;
  try {
    for (const client of [facade, echo, caller]) await rateOf(client);
    const rounds: Round[] = [];
    const byGrpc: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      rounds.push({ value: await rateOf(facade), baseline: await rateOf(echo) });
      byGrpc.push(await rateOf(caller));
      const { value, baseline } = rounds.at(-1)!;
      bench.say(
        `  round ${round}: ${value.toFixed(0)}/s against ${baseline.toFixed(0)}/s; the gRPC door ${byGrpc.at(-1)!.toFixed(0)}/s`,
      );
    }
    const { value, baseline, ratio, spread } = compareRounds(rounds);
    return {
      ...{ name: NAMES[1], unit: "locates/s", value, baseline, ratio, spread, target: RATIO_MIN },
      ...{ bar: `ratio >= ${RATIO_MIN}`, met: ratio >= RATIO_MIN },
      beside: { "gRPC door locates/s": median(byGrpc) },
      note: `${IN_FLIGHT} in flight, one area, token, access and durable audit for each; answers of ${answerBytes} bytes; ${phaseMs / 1_000} s each way`,
    };
  } finally {
    for (const client of [facade, caller]) client.close();
    await echo.stop();
  }
}

/** The bare echo: its server in a process of its own, asked as the door is. */
async function startEcho(door: Door, answerBytes: number) {
  const child = spawn(process.execPath, [ECHO, nodeFiles(door.certsDir, "ash").directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = await portOf(child);
  const { certificate: cert, key, trust: ca } = readCallerTls(door.mesh.node("ash").callerDir(DEMO_CALLER.name));
  const tls = { cert, key, ca, keepAlive: true, checkServerIdentity: () => undefined };
  const agent = new Agent({ ...tls, maxSockets: IN_FLIGHT });
  // As long a header as the token is.
  const headers = { "x-answer-bytes": String(answerBytes), authorization: `Bearer ${await door.tokens.tokenOf()}` };
  return {
    async ask(person: TrialPerson): Promise<FhirAnswer> {
      const answer = await send(port, agent, searchOn(person, headers));
      if (answer.text.length !== answerBytes) throw new Error("the echo is of another length");
      return answer;
    },
    async stop(): Promise<void> {
      agent.destroy();
      const ended = once(child, "close");
      child.stdin?.end();
      await ended;
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) return Number(line);
  throw new Error("the echo server ended before it listened");
}
