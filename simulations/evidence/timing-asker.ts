import { readFileSync } from "node:fs";

import { status as Status } from "@grpc/grpc-js";

import { nodeFiles } from "../../certs/layout.ts";
import { orderedUuid } from "../../node/base/ordered-uuid.ts";
import { seededRandom } from "../../node/base/random.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { readNodeTls } from "../../node/wire/tls-files.ts";
import { METHOD, rawClient } from "../testing/doors-call.ts";
import { ASKER } from "../testing/doors-network.ts";
import { peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { CAUSES, type Cause, PARAMEDIC, somebodyOf } from "./empty-causes.ts";

/** What the asker is started with, as JSON on its command line. */
export interface TimingOrder {
  readonly port: number;
  readonly certsDir: string;
  readonly rounds: number;
  readonly seed: number;
  /** How much longer the questions of the control take: about the absent, like those that they are held against. */
  readonly seededMs: number;
}

/** What it prints at its end, as JSON. */
export interface Timed {
  /** Milliseconds from sending to the last byte, in the order of the rounds. */
  readonly times: Readonly<Record<Asked, readonly number[]>>;
  /** Answers that were not like the first of their round, byte for byte. */
  readonly unlike: number;
  readonly bytes: number;
  /** Rounds that were made again, because a connection had reached its age. */
  readonly again: number;
}

export type Asked = Cause | "control";

const ASKED: readonly Asked[] = [...(Object.keys(CAUSES) as Cause[]), "control"];
/** So long until everything that is compiled on the way is compiled. */
const WARM_UP_ROUNDS = 20;

/**
 * Asks about people of every cause in turn, in a random order, on one connection: a process of its own, so that nothing but
 * the answers is in its times.
 */
async function askAll({ port, certsDir, rounds, seed, seededMs }: TimingOrder): Promise<Timed> {
  const files = nodeFiles(certsDir, ASKER);
  const client = rawClient(port, readNodeTls(files.directory));
  const signer = makeAssertionSigner(readFileSync(files.assertionKey, "utf8"));
  const random = seededRandom(seed);
  const times: Record<Asked, number[]> = { absent: [], objected: [], hidden: [], restricted: [], control: [] };
  let [unlike, bytes, again] = [0, 0, 0];

  for (let round = -WARM_UP_ROUNDS; round < rounds;) {
    const questions = await Promise.all(ASKED.map((asked) => compose(asked, round + WARM_UP_ROUNDS)));
    const answers = [];
    for (const { asked, attemptId, question } of shuffled(questions)) {
      const startedMs = performance.now();
      if (asked === "control") waitBusily(startedMs + seededMs);
      const { code, failure, messages } = await client.call(METHOD.answerLocate, [question]);
      const tookMs = performance.now() - startedMs;
      answers.push({ asked, tookMs, code, failure, said: withoutAttempt(messages[0], attemptId) });
    }
    if (answers.some(({ code }) => code === Status.UNAVAILABLE) && again++ < rounds / 100 + 10) continue;
    for (const { asked, tookMs, code, failure, said } of answers) {
      if (code !== Status.OK) throw new Error(`a question was refused: ${failure}`);
      if (!said.equals(answers[0]!.said)) unlike++;
      bytes = said.length;
      if (round >= 0) times[asked].push(tookMs);
    }
    round++;
  }
  client.close();
  return { times, unlike, bytes, again };

  async function compose(asked: Asked, count: number) {
    const person = somebodyOf(asked === "control" ? "absent" : asked, count);
    const attemptId = orderedUuid(random, Date.now());
    const spoils = { ...PARAMEDIC, covering: { attemptId } };
    const made = await peerQuestion({ sign: async (_, payload) => signer.sign(payload) }, person, spoils);
    return { asked, attemptId, question: peerBytes(made) };
  }

  function shuffled<T>(all: readonly T[]): T[] {
    const left = [...all];
    return all.map(() => left.splice(Math.floor(random.fraction() * left.length), 1)[0]!);
  }
}

/** The answer as it came, its own attempt's id blanked: that differs by design and is the asker's own. */
function withoutAttempt(message: Buffer | undefined, attemptId: string): Buffer {
  const bytes = Buffer.from(message ?? "");
  const at = bytes.indexOf(attemptId);
  if (at !== -1) bytes.fill(0, at, at + attemptId.length);
  return bytes;
}

function waitBusily(untilMs: number): void {
  while (performance.now() < untilMs);
}

if (import.meta.main) {
  const timed = await askAll(JSON.parse(process.argv[2] ?? "") as TimingOrder);
  process.stdout.write(JSON.stringify(timed));
}
