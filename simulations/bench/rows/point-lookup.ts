import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

import { makeObjections } from "../../../node/access/objection-store.ts";
import { systemClock } from "../../../node/base/clock.ts";
import { seededRandom } from "../../../node/base/random.ts";
import { type LocatorProvider, makeLocator } from "../../../node/locator/locator.ts";
import type { NodeId } from "../../../node/base/words.ts";
import { makeMpi } from "../../../node/mpi/mpi.ts";
import { findRecords } from "../../../node/requests/find-records.ts";
import { openDatabase } from "../../../node/storage/database.ts";
import { feedsInto, readTopology } from "../../../topology/topology.ts";
import type { Bench, Row } from "../bench-row.ts";
import { filledFolder } from "../fill.ts";
import { type Round, compareRounds } from "../measure.ts";
import { WEST_MIDLANDS } from "../network.ts";
import { ownPermit, questionsOnHeld } from "../own-questions.ts";
import { HOLDER_ID } from "../people.ts";

const SEED = 20_261_122;
const ROUNDS = 9;
const FEW = 100_000;
const MANY = 6_100_000;
const LOOKUPS = 10_000;
const QUICK_LOOKUPS = 2_000;
const RATIO_MAX = 1.5;
/** A round that the disk took part in is made again, this often at most. */
const TRIES = 8;

const name = "point lookup, 100 k to 6.1 M people";

/** How much longer it takes to find one person and their pointers in an index of a whole region than in a small one. */
export const pointLookup: Row = {
  names: [name],
  async measure(bench) {
    const [few, many] = [openLookup(bench, FEW), openLookup(bench, MANY)];
    const lookups = bench.isQuick ? QUICK_LOOKUPS : LOOKUPS;
    try {
      for (const each of [few, many]) inMemory(each, lookups); // what a node has that has run for a day
      const rounds: Round[] = [];
      let bytesRead = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const [baseline, value] = [inMemory(few, lookups), inMemory(many, lookups)];
        rounds.push({ baseline: baseline.us, value: value.us });
        bytesRead += baseline.bytesRead + value.bytesRead;
      }
      const judged = compareRounds(rounds);
      return [
        {
          ...{ name, unit: "us each", ...judged },
          ...{ target: RATIO_MAX, bar: `ratio <= ${RATIO_MAX}`, met: judged.ratio <= RATIO_MAX },
          note: `baseline: the same with ${FEW} people; ${ROUNDS} rounds of ${lookups} people at random, all of whom are found, each with the story that answers a question, on files that the system has in memory (${bytesRead / 1_024} KiB were read from the disk all the same)`,
        },
      ];
    } finally {
      few.close();
      many.close();
    }
  },
};

/**
 * One round on a file that the system has in memory. Some systems take back within seconds what is not touched, and a
 * read of the disk costs as much as several look-ups: the row is about the index, not about the disk.
 */
function inMemory(lookup: Lookup, times: number): { readonly us: number; readonly bytesRead: number } {
  for (let tried = 1; ; tried++) {
    lookup.readThrough();
    const before = bytesReadFromDisk();
    const us = lookup.lookUp(times);
    const bytesRead = bytesReadFromDisk() - before;
    if (bytesRead === 0 || tried === TRIES) return { us, bytesRead };
  }
}

/** What this process has had fetched from a disk so far (Linux: proc_pid_io(5)). */
function bytesReadFromDisk(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

interface Lookup {
  /** Has the system read the whole file. */
  readThrough(): void;
  /** Looks so many people up, at random, and says how long one took, in microseconds. */
  lookUp(times: number): number;
  close(): void;
}

function openLookup(bench: Bench, people: number): Lookup {
  const file = join(filledFolder(bench.folder, people, bench.say), "index.db");
  const db = openDatabase(file, { readonly: true });
  const locator = makeLocator({ db, clock: systemClock, providers: providersOfHolder() });
  const needs = {
    ...makeMpi(db),
    withheldOf: makeObjections(db).withheld,
    pointersOf: locator.pointersOf,
    mayHearOfPossibleMatch: () => true,
  };
  const random = seededRandom(SEED);
  const permit = ownPermit(HOLDER_ID as NodeId, questionsOnHeld(people, 1, random)[0]!);
  return {
    readThrough: () => readThrough(file),
    lookUp(times) {
      const questions = questionsOnHeld(people, times, random);
      const startedMs = performance.now();
      const found = questions.filter((question) => findRecords(question, permit, needs).why === "held").length;
      const tookMs = performance.now() - startedMs;
      if (found !== times) throw new Error(`${times - found} of ${times} people were not found`);
      return (tookMs / times) * 1_000;
    },
    close: () => void db.close(),
  };
}

/** The system keeps what was read: a file that was just filled is on the disk as much as in memory. */
function readThrough(path: string): void {
  const file = openSync(path, "r");
  const piece = Buffer.allocUnsafe(4 * 2 ** 20);
  while (readSync(file, piece) > 0);
  closeSync(file);
}

function providersOfHolder(): LocatorProvider[] {
  return feedsInto(readTopology(WEST_MIDLANDS), HOLDER_ID as NodeId).map(({ provider, feed }) => ({
    ...{ code: provider.code, name: provider.name, phone: provider.phone, state: feed.state },
    ...{ sensitivity: feed.sensitivity ?? "N", staleAfterMinutes: feed.staleAfterMinutes },
  }));
}
