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
const IN_FLIGHT = [1, 16, 64];
/** The bar is judged here. */
const BAR_AT = 64;
const RATIO_MIN = 0.6;
/** No day of the questions is before this. */
const ASKED_ON = "2026-11-22";

/** Questions of which answer is expected, so that no refusal is counted as speed. */
interface Expected {
  readonly patient: PatientQuery;
  readonly outcome: "records" | "nothing-to-show";
}

/** Unary locate at one holder with everything on, against the bare echo. */
export function unaryLocate({ people, name }: { readonly people: number; readonly name: string }): Row {
  return {
    names: [name],
    async measure(bench) {
      const dataDir = filledFolder(bench.folder, people, bench.say);
      const network = await startHolder(bench, dataDir);
      const asker = await makeAsker(network);
      const names = { server: network.filesOf(HOLDER_ID), client: network.filesOf(ASKER_ID) };
      const echo = await startEcho(names.server, names.client, nodeDns(network.topology.network.domain, HOLDER_ID));
      try {
        return [await compare({ name, people, bench, network, asker, echo })];
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
  readonly bench: Bench;
  readonly network: HolderNetwork;
  readonly asker: Asker;
  readonly echo: Echo;
}

async function compare(trial: Trial): Promise<Result> {
  const { name, people, bench, network, asker, echo } = trial;
  const phaseMs = bench.isQuick ? 1_000 : 3_000;
  const questions = mixedQuestions(people, seededRandom(SEED));
  let asked = 0;
  const locate = async (): Promise<void> => {
    const { patient, outcome } = questions[asked++ % questions.length]!;
    const answer = await asker.ask(patient);
    if (answer.outcome !== outcome) throw new Error(`an answer was ${answer.outcome}, not ${outcome}`);
  };
  const sizes = new Map<number, readonly MessageSizes[]>();
  for (const inFlight of IN_FLIGHT) {
    const seen = await sizesAt(inFlight, (turn) => asker.sizesOf(questions[turn]!.patient));
    asked += seen.length;
    sizes.set(inFlight, seen);
  }
  let turn = 0;
  const echoAt = (inFlight: number) => (): Promise<void> => {
    const list = sizes.get(inFlight)!;
    return echo.ask(list[turn++ % list.length]!);
  };

  for (const warm of [echoAt(BAR_AT), locate]) await keepInFlight(BAR_AT, phaseMs, warm);
  const rounds = new Map<number, Round[]>(IN_FLIGHT.map((inFlight) => [inFlight, []]));
  const loads = new Map<number, Load[]>(IN_FLIGHT.map((inFlight) => [inFlight, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const inFlight of IN_FLIGHT) {
      const bare = await keepInFlight(inFlight, phaseMs, echoAt(inFlight));
      const real = await keepInFlight(inFlight, phaseMs, locate);
      rounds.get(inFlight)!.push({ value: real.perSecond, baseline: bare.perSecond });
      loads.get(inFlight)!.push(real);
    }
    const { value, baseline } = rounds.get(BAR_AT)!.at(-1)!;
    bench.say(`  round ${round}: ${value.toFixed(0)}/s against ${baseline.toFixed(0)}/s at ${BAR_AT} in flight`);
  }
  await network.holder.stop();
  assert.equal(answersInAudit(network.auditPath), asked, "every answer is in the holder's audit");

  const judged = compareRounds(rounds.get(BAR_AT)!);
  return {
    ...{ name, unit: "questions/s", target: RATIO_MIN, bar: `ratio >= ${RATIO_MIN} at ${BAR_AT} in flight` },
    ...{ value: judged.value, baseline: judged.baseline, ratio: judged.ratio, spread: judged.spread },
    met: judged.ratio >= RATIO_MIN,
    beside: besideOf(rounds, loads),
    note: noteOf(sizes.get(BAR_AT)!, asked, phaseMs),
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

const SIZING_MS = 300;

/** Message sizes of real questions, so many in flight: the busier the asker, the more claims an assertion covers. */
async function sizesAt(
  inFlight: number,
  ask: (turn: number) => Promise<MessageSizes>,
): Promise<readonly MessageSizes[]> {
  const sizes: MessageSizes[] = [];
  let turns = 0;
  await keepInFlight(inFlight, SIZING_MS, async () => {
    const turn = turns++;
    sizes[turn] = await ask(turn);
  });
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
  rounds: ReadonlyMap<number, readonly Round[]>,
  loads: ReadonlyMap<number, readonly Load[]>,
): Record<string, number> {
  const beside: Record<string, number> = {};
  for (const [inFlight, each] of rounds) {
    const { value, baseline, ratio } = compareRounds(each);
    const latenciesMs = loads.get(inFlight)!.flatMap((load) => load.latenciesMs);
    beside[`${inFlight} in flight: locate/s`] = value;
    beside[`${inFlight} in flight: echo/s`] = baseline;
    beside[`${inFlight} in flight: ratio`] = ratio;
    beside[`${inFlight} in flight: locate p50 ms`] = median(latenciesMs);
    beside[`${inFlight} in flight: locate p99 ms`] = percentile(latenciesMs, 99);
  }
  return beside;
}

function noteOf(sizes: readonly MessageSizes[], asked: number, phaseMs: number): string {
  const [held, empty] = [0, 1].map((half) => sizes.filter((_, at) => at % 2 === half));
  const middle = (list: readonly MessageSizes[], end: keyof MessageSizes): number =>
    Math.round(median(list.map((each) => each[end])));
  const floorBound = BAR_AT / (EMPTY_ANSWER_FLOOR_MS / 2 / 1_000);
  return [
    `half held, half empty answers, in turn; ${ROUNDS} rounds of ${phaseMs / 1_000} s each way`,
    `request ${middle(sizes, "request")} bytes, answers ${middle(held!, "response")} (held) and ${middle(empty!, "response")} (empty)`,
    `the ${EMPTY_ANSWER_FLOOR_MS} ms floor of empty answers alone would allow ${floorBound}/s at ${BAR_AT} in flight`,
    `all ${asked} answers are in the holder's audit`,
  ].join("; ");
}
