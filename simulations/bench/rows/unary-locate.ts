import assert from "node:assert/strict";

import Sqlite from "better-sqlite3";

import { nodeDns } from "../../../certs/profile.ts";
import { BirthDate } from "../../../node/base/birth-date.ts";
import { NhsNumber } from "../../../node/base/nhs-number.ts";
import type { PatientQuery } from "../../../node/base/question.ts";
import { type Random, seededRandom } from "../../../node/base/random.ts";
import { EMPTY_ANSWER_FLOOR_MS } from "../../../node/requests/answer-locate.ts";
import { ASKER_ID, type Asker, makeAsker } from "../asker.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { type Echo, type MessageSizes, startEcho } from "../echo-client.ts";
import { filledFolder } from "../fill.ts";
import { type Load, type Round, compareRounds, keepInFlight, median, percentile } from "../measure.ts";
import { type HolderNetwork, startHolder } from "../network.ts";
import { HOLDER_ID, personAt } from "../people.ts";

const SEED = 20_261_122;
const ROUNDS = 5;
/** Questions in flight, and echoes beside them; the bar is judged at the last. */
type InFlight = readonly { readonly says: string; readonly questions: number; readonly echoes: number }[];

const ONE_BY_ONE: InFlight = [1, 16, 64].map((count) => ({
  says: `${count} in flight`,
  questions: count,
  echoes: count,
}));
const RATIO_MIN = 0.6;

/** Frames of up to so many questions. */
const FRAME = 64;
/** As many echoes as they can be at once, whatever is beside them: more make them no faster. */
const FRAMES: InFlight = [1, 4, 16].map((count) => ({
  ...{ says: `${count} frames of ${FRAME} in flight`, questions: count * FRAME, echoes: 64 },
}));
const COALESCED_RATIO_MIN = 6;
/** No day of the questions is before this. */
const ASKED_ON = "2026-11-22";

/** Questions of which answer is expected, so that no refusal is counted as speed. */
interface Expected {
  readonly patient: PatientQuery;
  readonly outcome: "records" | "nothing-to-show";
}

interface LocateRow {
  readonly people: number;
  readonly name: string;
}

/** Locate at one holder with everything on, a question at a time in each place, against the bare echo. */
export function unaryLocate(row: LocateRow): Row {
  return rowOf(row, ONE_BY_ONE, RATIO_MIN);
}

/** The same with so many questions at once that they fill frames. */
export function coalescedLocate(row: LocateRow): Row {
  return rowOf(row, FRAMES, COALESCED_RATIO_MIN);
}

function rowOf({ people, name }: LocateRow, inFlight: InFlight, ratioMin: number): Row {
  return {
    names: [name],
    async measure(bench) {
      const dataDir = filledFolder(bench.folder, people, bench.say);
      const network = await startHolder(bench, dataDir);
      const asker = await makeAsker(network);
      const names = { server: network.filesOf(HOLDER_ID), client: network.filesOf(ASKER_ID) };
      const echo = await startEcho(names.server, names.client, nodeDns(network.topology.network.domain, HOLDER_ID));
      try {
        return [await compare({ name, people, inFlight, ratioMin, bench, network, asker, echo })];
      } finally {
        asker.close();
        await echo.stop();
        await network.holder.stop();
      }
    },
  };
}

interface Trial {
  readonly name: string;
  readonly people: number;
  readonly inFlight: InFlight;
  readonly ratioMin: number;
  readonly bench: Bench;
  readonly network: HolderNetwork;
  readonly asker: Asker;
  readonly echo: Echo;
}

async function compare(trial: Trial): Promise<Result> {
  const { name, people, inFlight, ratioMin, bench, network, asker, echo } = trial;
  const phaseMs = bench.isQuick ? 1_000 : 3_000;
  const questions = mixedQuestions(people, seededRandom(SEED));
  let asked = 0;
  const locate = async (): Promise<void> => {
    const { patient, outcome } = questions[asked++ % questions.length]!;
    const answer = await asker.ask(patient);
    if (answer.outcome !== outcome) throw new Error(`an answer was ${answer.outcome}, not ${outcome}`);
  };
  const sizes = await sizesAlone((turn) => asker.sizesOf(questions[turn]!.patient));
  asked += sizes.length;
  let turn = 0;
  const bareEcho = (): Promise<void> => echo.ask(sizes[turn++ % sizes.length]!);

  const last = inFlight.at(-1)!;
  await keepInFlight(last.echoes, phaseMs, bareEcho);
  await keepInFlight(last.questions, phaseMs, locate);
  const rounds = new Map<string, Round[]>(inFlight.map(({ says }) => [says, []]));
  const loads = new Map<string, Load[]>(inFlight.map(({ says }) => [says, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { says, questions: many, echoes } of inFlight) {
      const bare = await keepInFlight(echoes, phaseMs, bareEcho);
      const real = await keepInFlight(many, phaseMs, locate);
      rounds.get(says)!.push({ value: real.perSecond, baseline: bare.perSecond });
      loads.get(says)!.push(real);
    }
    const { value, baseline } = rounds.get(last.says)!.at(-1)!;
    bench.say(`  round ${round}: ${value.toFixed(0)}/s against ${baseline.toFixed(0)}/s, ${last.says}`);
  }
  await network.holder.stop();
  assert.equal(answersInAudit(network.auditPath), asked, "every answer is in the holder's audit");

  const judged = compareRounds(rounds.get(last.says)!);
  return {
    ...{ name, unit: "questions/s", target: ratioMin, bar: `ratio >= ${ratioMin}, ${last.says}` },
    ...{ value: judged.value, baseline: judged.baseline, ratio: judged.ratio, spread: judged.spread },
    met: judged.ratio >= ratioMin,
    beside: besideOf(rounds, loads),
    note: noteOf(sizes, asked, phaseMs, last.questions),
  };
}

/** Made beforehand, for making one costs a tenth of asking it; so many that the people asked about outgrow every cache. */
const QUESTIONS = 50_000;

/** Half about people who are held, half about numbers that are not, in turn. */
function mixedQuestions(people: number, random: Random): readonly Expected[] {
  return Array.from({ length: QUESTIONS }, (_, turn) => {
    const isHeld = turn % 2 === 0;
    const from = isHeld ? 0 : 2 * people; // beyond every place that the filler has used
    for (;;) {
      const person = personAt(from + Math.floor(random.fraction() * people));
      if (person === undefined) continue;
      const nhsNumber = NhsNumber.parse(person.nhsNumber)!;
      const birthDate = BirthDate.parse(person.birthDate, ASKED_ON)!;
      return { patient: { by: "number", nhsNumber, birthDate }, outcome: isHeld ? "records" : "nothing-to-show" };
    }
  });
}

const SIZED = 64;

/** Message sizes of real questions that come alone, each with its own assertion: what an echo carries in their place. */
async function sizesAlone(ask: (turn: number) => Promise<MessageSizes>): Promise<readonly MessageSizes[]> {
  const sizes: MessageSizes[] = [];
  for (let turn = 0; turn < SIZED; turn++) sizes.push(await ask(turn));
  return sizes;
}

function answersInAudit(path: string): number {
  const audit = new Sqlite(path, { readonly: true });
  try {
    return audit.prepare<[], number>("SELECT count(*) FROM audit_log WHERE kind = 'answer'").pluck().get() ?? 0;
  } finally {
    audit.close();
  }
}

function besideOf(
  rounds: ReadonlyMap<string, readonly Round[]>,
  loads: ReadonlyMap<string, readonly Load[]>,
): Record<string, number> {
  const beside: Record<string, number> = {};
  for (const [says, each] of rounds) {
    const { value, baseline, ratio } = compareRounds(each);
    const latenciesMs = loads.get(says)!.flatMap((load) => load.latenciesMs);
    beside[`${says}: locate/s`] = value;
    beside[`${says}: echo/s`] = baseline;
    beside[`${says}: ratio`] = ratio;
    beside[`${says}: locate p50 ms`] = median(latenciesMs);
    beside[`${says}: locate p99 ms`] = percentile(latenciesMs, 99);
  }
  return beside;
}

function noteOf(sizes: readonly MessageSizes[], asked: number, phaseMs: number, atOnce: number): string {
  const [held, empty] = [0, 1].map((half) => sizes.filter((_, at) => at % 2 === half));
  const middle = (list: readonly MessageSizes[], end: keyof MessageSizes): number =>
    Math.round(median(list.map((each) => each[end])));
  const floorBound = atOnce / (EMPTY_ANSWER_FLOOR_MS / 2 / 1_000);
  return [
    `half held, half empty answers, in turn; ${ROUNDS} rounds of ${phaseMs / 1_000} s each way`,
    `request ${middle(sizes, "request")} bytes, answers ${middle(held!, "response")} (held) and ${middle(empty!, "response")} (empty)`,
    `the ${EMPTY_ANSWER_FLOOR_MS} ms floor of empty answers alone would allow ${floorBound}/s`,
    `all ${asked} answers are in the holder's audit`,
  ].join("; ");
}
