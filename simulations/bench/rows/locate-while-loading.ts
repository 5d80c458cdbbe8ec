import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "../../../node/base/random.ts";
import { makeAsker } from "../asker.ts";
import type { Row } from "../bench-row.ts";
import { writeIdentityFile } from "../feed-files.ts";
import { startFeeder } from "../feeder.ts";
import { filledFolder } from "../fill.ts";
import { type Round, compareRounds, keepInFlight, median, percentile } from "../measure.ts";
import { startHolder } from "../network.ts";
import { questionsOnHeld } from "../own-questions.ts";

const SEED = 20_261_122;
const PEOPLE = 1_000_000;
const ROUNDS = 5;
const IN_FLIGHT = 4;
const PHASE_MS = 5_000;
const QUICK_PHASE_MS = 2_000;
/** Until the command has started and its batches flow. */
const UNDER_WAY_MS = 2_000;
/** More than a phase can load. */
const RECORDS_A_ROUND = 300_000;
/** Beyond every place that the filler used. */
const NEW_PEOPLE_FROM = 4_000_000;
const RATIO_MAX = 3;
const STALL_MS_MAX = 100;

const name = "locate while the node ingests, p99";

/** A peer's questions to a node that takes in a bulk load at the same time, against the same node at rest, in turn. */
export const locateWhileLoading: Row = {
  names: [name],
  async measure(bench) {
    const folder = join(bench.folder, "ingesting");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    cpSync(filledFolder(bench.folder, PEOPLE, bench.say), join(folder, "data"), { recursive: true });
    const network = await startHolder(bench, join(folder, "data"), { watched: true });
    const asker = await makeAsker(network);
    const phaseMs = bench.isQuick ? QUICK_PHASE_MS : PHASE_MS;
    const questions = questionsOnHeld(PEOPLE, 20_000, seededRandom(SEED));
    let turn = 0;
    const ask = async (): Promise<void> => {
      const { outcome } = await asker.ask(questions[turn++ % questions.length]!.patient);
      if (outcome !== "records") throw new Error(`an answer was ${outcome}`);
    };
    const p99 = async (): Promise<number> => percentile((await keepInFlight(IN_FLIGHT, phaseMs, ask)).latenciesMs, 99);
    const rounds: Round[] = [];
    const stallsMs: number[] = [];
    try {
      await keepInFlight(IN_FLIGHT, phaseMs, ask);
      for (let round = 0; round < ROUNDS; round++) {
        const baseline = await p99();
        const file = join(folder, `identities-${round}.csv`);
        writeIdentityFile(file, NEW_PEOPLE_FROM + round * RECORDS_A_ROUND, RECORDS_A_ROUND);
        const feeder = startFeeder(network, file);
        let ended = false;
        void feeder.loaded.then(() => (ended = true));
        await sleep(UNDER_WAY_MS);
        await network.vitals(); // what happened before does not count
        rounds.push({ baseline, value: await p99() });
        stallsMs.push((await network.vitals()).stallMs);
        if (ended) throw new Error("the load ended before the questions did: give it more records");
        await feeder.kill();
      }
    } finally {
      asker.close();
      await network.holder.stop();
      rmSync(folder, { recursive: true, force: true });
    }
    const judged = compareRounds(rounds);
    const stallMs = Math.max(...stallsMs);
    return [
      {
        ...{ name, unit: "ms", ...judged, target: RATIO_MAX },
        bar: `ratio <= ${RATIO_MAX}, the node's event loop never held up for more than ${STALL_MS_MAX} ms`,
        met: judged.ratio <= RATIO_MAX && stallMs <= STALL_MS_MAX,
        beside: { "event loop held up, most ms": stallMs, "event loop held up, median of rounds ms": median(stallsMs) },
        note: `baseline: the same node without a load; ${IN_FLIGHT} questions in flight about people who are held, among ${PEOPLE}; ${ROUNDS} rounds of ${phaseMs / 1_000} s each way`,
      },
    ];
  },
};
