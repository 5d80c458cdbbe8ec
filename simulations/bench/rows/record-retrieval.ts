import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Client, credentials } from "@grpc/grpc-js";
import { stringify } from "yaml";

import { nodeFiles } from "../../../certs/layout.ts";
import { systemClock } from "../../../node/base/clock.ts";
import { systemRandom } from "../../../node/base/random.ts";
import { DEMO_CALLER } from "../../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../../node/wire/caller-client.ts";
import { readCallerTls } from "../../../node/wire/tls-files.ts";
import { type SourceDouble, startSourceDouble } from "../../records/source-double.ts";
import { startNetwork, type TestNetwork } from "../../testing/a-network.ts";
import { answerAt, ask, claimOf, DOCTOR, patientOf } from "../../testing/asking.ts";
import { aPerson, type TrialPerson } from "../../testing/people.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { compareRounds, median, type Round } from "../measure.ts";
import { residentMegabytes } from "../resident.ts";

const NAMES = ["record retrieval, first byte", "record retrieval, throughput over three hops"] as const;
const STREAM_SERVER = fileURLToPath(new URL("../stream-server.ts", import.meta.url));
const BYTES = 20 * 1024 * 1024;
const PDF_HEAD = Buffer.from("%PDF-1.7\n");
/** What a custodian's system takes before it begins: to look the document up and to check who asks. */
const SOURCE_TAKES_MS = 100;
const FIRST_BYTE_RATIO_MAX = 1.5;
const THROUGHPUT_RATIO_MIN = 0.5;
const ROUNDS = 5;
const AREAS = ["ash", "elm"] as const;

/** A record of 20 MB from its custodian's system through holder and asker to the caller, each a process of its own. */
export const recordRetrieval: Row = {
  names: NAMES,
  async measure(bench) {
    const source = await startSourceDouble();
    const document = Buffer.concat([PDF_HEAD, Buffer.alloc(BYTES - PDF_HEAD.length, 1)]);
    source.behave((response) => {
      const headers = { "content-type": "application/pdf", "content-length": BYTES };
      systemClock.after(SOURCE_TAKES_MS, () => void response.writeHead(200, headers).end(document));
    });
    const fetch = { base: "https://records.elm.example/", format: "application/pdf" };
    const person = aPerson(1, "1958-02-03", [{ area: "elm", records: ["discharge-letter"], fetch }]);
    const network = await startNetwork({
      areas: AREAS.map((id) => ({ id, name: `${id} area`, collaborative: "north", region: "North" })),
      agreements: [{ between: AREAS }],
      people: [person],
    });
    try {
      await connectSource(network, source);
      return await measureAll(bench, network, source, person);
    } finally {
      await network.stop();
      await source.close();
    }
  },
};

async function connectSource(network: TestNetwork, source: SourceDouble): Promise<void> {
  const elm = network.mesh.node("elm");
  const entry = { provider: "ELMH", kind: "documents", base: "https://records.elm.example/", server: source.base };
  appendFileSync(elm.configPath, stringify({ records: { sources: [entry] } }));
  await elm.process.stop();
  await elm.restart();
}

/** How one record came: milliseconds to its first byte, and bytes a second from then on. */
interface Came {
  readonly firstMs: number;
  readonly perSecond: number;
}

async function measureAll(
  bench: Bench,
  network: TestNetwork,
  source: SourceDouble,
  person: TrialPerson,
): Promise<readonly Result[]> {
  const opened = await openRecords(network, person);
  const bare = await startBareStream(network);
  const pids = AREAS.map((id) => network.mesh.node(id).process.pid);
  const rounds = bench.isQuick ? 2 : ROUNDS;
  const [first, through]: [Round[], Round[]] = [[], []];
  let grownMegabytes = 0;
  try {
    for (let round = -2; round < rounds; round++) {
      const restMegabytes = pids.map(residentMegabytes);
      const [own, record, stream] = [await fetchDirectly(source), await opened.open(), await bare.take()];
      const grown = pids.map((pid, at) => residentMegabytes(pid) - restMegabytes[at]!);
      if (round < 0) continue; // a node that has run for a day is warm
      grownMegabytes = Math.max(grownMegabytes, ...grown);
      first.push({ value: record.firstMs, baseline: own.firstMs });
      through.push({ value: record.perSecond / 1e6, baseline: stream.perSecond / 1e6 });
      bench.say(
        `  round ${round + 1}: first byte ${record.firstMs.toFixed(0)} ms against ${own.firstMs.toFixed(0)} ms, ` +
          `${(record.perSecond / 1e6).toFixed(0)} MB/s against ${(stream.perSecond / 1e6).toFixed(0)} MB/s`,
      );
    }
  } finally {
    opened.close();
    await bare.stop();
  }
  return [firstByte(first), throughput(through, grownMegabytes)];
}

function firstByte(rounds: readonly Round[]): Result {
  const { value, baseline, ratio, spread } = compareRounds(rounds);
  return {
    ...{ name: NAMES[0], unit: "ms", value, baseline, ratio, spread, target: FIRST_BYTE_RATIO_MAX },
    ...{ bar: `ratio <= ${FIRST_BYTE_RATIO_MAX}`, met: ratio <= FIRST_BYTE_RATIO_MAX },
    beside: { "added ms": median(rounds.map((round) => round.value - round.baseline)) },
    note: `from asking to the first byte, access and durable audit at both ends and a handshake between them; the source takes ${SOURCE_TAKES_MS} ms before it begins`,
  };
}

function throughput(rounds: readonly Round[], grownMegabytes: number): Result {
  const { value, baseline, ratio, spread } = compareRounds(rounds);
  return {
    ...{ name: NAMES[1], unit: "MB/s", value, baseline, ratio, spread, target: THROUGHPUT_RATIO_MIN },
    ...{ bar: `ratio >= ${THROUGHPUT_RATIO_MIN}`, met: ratio >= THROUGHPUT_RATIO_MIN },
    beside: { "a node grows by at most MB": grownMegabytes },
    note: `${BYTES / 1024 / 1024} MiB from the first byte on, source, holder, asker and caller each a process, hashed at holder and asker; against one hop of a bare grpc-js stream`,
  };
}

async function openRecords(network: TestNetwork, person: TrialPerson) {
  const [pointer] = answerAt(await ask(network, person), "elm").pointers;
  if (pointer === undefined) throw new Error("the record was not found");
  const { host, port, callerDir } = network.mesh.node("ash");
  const client = await connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
  const who = { patient: patientOf(person), claim: claimOf(DOCTOR), nodeId: "elm", pointerId: pointer.pointerId };
  return {
    async open(): Promise<Came> {
      const timing = new Timing();
      let isWhole = false;
      for await (const event of client.retrieve({ ...who, requestId: systemRandom.uuid() })) {
        if (event.kind === "unavailable") throw new Error(`the record was not opened: ${event.unavailable.fault}`);
        if (event.kind === "piece") timing.take(event.bytes.length);
        if (event.kind === "end") isWhole = true;
      }
      if (!isWhole) throw new Error("the record is not whole");
      return timing.end();
    },
    close: () => client.close(),
  };
}

/** The source by itself, as its holder's node asks it. */
async function fetchDirectly(source: SourceDouble): Promise<Came> {
  const timing = new Timing();
  const [response] = (await once(http.get(`${source.base}P0-0`), "response")) as [http.IncomingMessage];
  for await (const piece of response) timing.take((piece as Buffer).length);
  return timing.end();
}

async function startBareStream(network: TestNetwork) {
  const child = spawn(process.execPath, [STREAM_SERVER, nodeFiles(network.mesh.paths.certs, "elm").directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = await portOf(child);
  const { certificate, key, trust } = readCallerTls(network.mesh.node("elm").callerDir(DEMO_CALLER.name));
  const [ca, ownKey, own] = [trust, key, certificate].map((pem) => Buffer.from(pem));
  const secure = credentials.createSsl(ca, ownKey, own, { checkServerIdentity: () => undefined });
  const client = new Client(`127.0.0.1:${port}`, secure);
  const request = Buffer.alloc(4);
  request.writeUInt32BE(BYTES);
  return {
    async take(): Promise<Came> {
      const timing = new Timing();
      const asTheyAre = (bytes: Buffer): Buffer => bytes;
      const call = client.makeServerStreamRequest("/bench.Stream/Stream", asTheyAre, asTheyAre, request);
      for await (const piece of call) timing.take((piece as Buffer).length);
      return timing.end();
    },
    async stop(): Promise<void> {
      client.close();
      const ended = once(child, "close");
      child.stdin?.end();
      await ended;
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) return Number(line);
  throw new Error("the stream server ended before it listened");
}

class Timing {
  readonly #askedMs = performance.now();
  #firstMs = Number.NaN;
  #bytes = 0;

  take(bytes: number): void {
    if (this.#bytes === 0) this.#firstMs = performance.now();
    this.#bytes += bytes;
  }

  /** @throws {Error} not all of it has come. */
  end(): Came {
    if (this.#bytes !== BYTES) throw new Error(`${this.#bytes} bytes came of ${BYTES}`);
    const perSecond = (1_000 * BYTES) / (performance.now() - this.#firstMs);
    return { firstMs: this.#firstMs - this.#askedMs, perSecond };
  }
}
