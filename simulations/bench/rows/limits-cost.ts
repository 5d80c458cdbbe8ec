import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { BirthDate } from "../../../node/base/birth-date.ts";
import { NhsNumber } from "../../../node/base/nhs-number.ts";
import type { PatientQuery } from "../../../node/base/question.ts";
import { type Asker, makeAsker } from "../asker.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { filledFolder } from "../fill.ts";
import { type Round, compareRounds, keepInFlight } from "../measure.ts";
import { type HolderNetwork, startHolder } from "../network.ts";
import { personAt } from "../people.ts";

const PEOPLE = 100_000;
const IN_FLIGHT = 16;
const ROUNDS = 9;
const RATIO_MAX = 1.05;
/** No day of the questions is before this. */
const ASKED_ON = "2026-11-22";
const NAME = "what limits and re-checks cost, CPU for each locate";
const BARE = fileURLToPath(new URL("../bare/preload.ts", import.meta.url));
const MICROSECONDS_A_TICK = 10_000;

/** One of the two holders, and whoever asks it. */
interface Side {
  readonly network: HolderNetwork;
  readonly asker: Asker;
}

/** Processor time of a holder for each question, as it is, against one whose calls go without limits and re-checks. */
export const limitsCost: Row = {
  names: [NAME],
  async measure(bench) {
    const dataDir = filledFolder(bench.folder, PEOPLE, bench.say);
    const sides: Side[] = [];
    try {
      sides.push(await open(bench, dataDir));
      const folder = join(bench.folder, "bare");
      const copy = join(folder, "data");
      if (!existsSync(join(copy, "index.db"))) cpSync(dataDir, copy, { recursive: true });
      sides.push(await open({ ...bench, folder }, copy, BARE));
      return [await compare(bench, sides[0]!, sides[1]!)];
    } finally {
      for (const { asker, network } of sides) {
        asker.close();
        await network.holder.stop();
      }
    }
  },
};

async function open(bench: Bench, dataDir: string, preload?: string): Promise<Side> {
  const network = await startHolder(bench, dataDir, preload === undefined ? {} : { preload });
  return { network, asker: await makeAsker(network) };
}

async function compare(bench: Bench, real: Side, bare: Side): Promise<Result> {
  const phaseMs = bench.isQuick ? 1_000 : 3_000;
  const questions = makeQuestions();
  for (const side of [real, bare]) await costOf(side, questions, 2 * phaseMs);
  const rounds: Round[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    // Whoever goes first has the machine as the other left it.
    const isTurned = round % 2 === 0;
    const first = await costOf(isTurned ? bare : real, questions, phaseMs);
    const second = await costOf(isTurned ? real : bare, questions, phaseMs);
    rounds.push(isTurned ? { value: second, baseline: first } : { value: first, baseline: second });
    const { value, baseline } = rounds.at(-1)!;
    bench.say(`  round ${round}: ${value.toFixed(0)} µs against ${baseline.toFixed(0)} µs`);
  }
  const { value, baseline, ratio, spread } = compareRounds(rounds);
  return {
    ...{ name: NAME, unit: "µs of CPU", value, baseline, ratio, spread, target: RATIO_MAX },
    ...{ bar: `ratio <= ${RATIO_MAX}, the median of ${ROUNDS}`, met: ratio <= RATIO_MAX },
    note: `of all the holder's threads, ${IN_FLIGHT} in flight; assertions and audit on in both; ${phaseMs / 1_000} s each way`,
  };
}

/** Processor time of the holder's process for one question, in microseconds. */
async function costOf({ network, asker }: Side, questions: readonly PatientQuery[], forMs: number): Promise<number> {
  let turn = 0;
  const before = spentMicroseconds(network.holder.pid);
  const { count } = await keepInFlight(IN_FLIGHT, forMs, async () => {
    const { outcome } = await asker.ask(questions[turn++ % questions.length]!);
    if (outcome !== "records") throw new Error(`an answer was ${outcome}, not records`);
  });
  return (spentMicroseconds(network.holder.pid) - before) / count;
}

/** Of all threads, user and system. Linux only: proc(5). */
function spentMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user! + system!) * MICROSECONDS_A_TICK;
}

function makeQuestions(): readonly PatientQuery[] {
  const everybody = Array.from({ length: 2_000 }, (_, at) => personAt(at * 20));
  return everybody.flatMap((person) => {
    if (person === undefined) return [];
    const [nhsNumber, birthDate] = [NhsNumber.parse(person.nhsNumber)!, BirthDate.parse(person.birthDate, ASKED_ON)!];
    return [{ by: "number", nhsNumber, birthDate } as const];
  });
}
