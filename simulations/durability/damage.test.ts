import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { systemClock } from "../../node/base/clock.ts";
import { asFailure } from "../../node/base/failure.ts";
import { type Random, seededRandom } from "../../node/base/random.ts";
import { makeLocator } from "../../node/locator/locator.ts";
import { makeMpi } from "../../node/mpi/mpi.ts";
import { readBehind } from "../../node/storage/behind.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { keepStore, type KeptStore } from "../../node/storage/store-keeper.ts";
import { aPermit, aProvider } from "../../node/testing/an-index.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import { numberAt } from "../bench/people.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { CORRIDOR, type DoorNetwork, makeDoorNetwork, PROVIDER } from "../testing/doors-network.ts";
import { aQuestionAbout, lookInto, makeAckedFeed, placesOf } from "./acked-feed.ts";

const PATIENTS = 1_000;
const PAGE_BYTES = 4_096;

describe("a damaged index", function () {
  this.timeout(120_000);
  let network: DoorNetwork;
  let acked: number[];
  /** Its files as they were when the node was killed amid a load, and as they were when it had stopped in order. */
  let killed: string;
  let stopped: string;

  before(async () => {
    network = await makeDoorNetwork();
    const feed = makeAckedFeed(network, { patients: 20 });
    let node = await network.start();
    await feed.run(node.port, { batches: PATIENTS / 20 });
    // As a backup would, it keeps what comes from now on in the log: there is something to lose, whenever the kill comes.
    const reader = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
    reader.exec("BEGIN; SELECT count(*) FROM pointer");
    const running = feed.run(node.port, {});
    while (feed.acked.length < PATIENTS / 20 + 5) await sleep(10);
    await node.kill();
    await running;
    acked = placesOf(feed.acked);
    killed = copyStore(network.dataDir, join(network.dir, "killed"));
    reader.close();
    node = await network.start();
    await node.stop();
    stopped = copyStore(network.dataDir, join(network.dir, "stopped"));
  });
  after(() => network?.remove());

  catalogueRow(
    {
      ...{ id: "D4", title: "says so where its log was cut short or changed and something acknowledged is gone" },
      ...{ quick: 20, full: 300 },
    },
    async (trials) => {
      const counts = { whole: 0, said: 0, refused: 0 };
      for (const trial of trials) {
        const random = seededRandom(crc32(trials.seed(trial)));
        const copy = copyStore(killed, join(network.dir, "log-damaged"));
        damageLog(join(copy, "index.db-wal"), trial, random);
        const seen = openDamaged(copy);
        if (seen.refused) counts.refused++;
        else {
          const { lost, integrity } = lookInto(join(copy, "index.db"), acked);
          assert.equal(integrity, "ok");
          assert.ok(lost.length === 0 || seen.said, `trial ${trial}: ${lost.length} were lost in silence`);
          counts[seen.said ? "said" : "whole"]++;
        }
        rmSync(copy, { recursive: true });
      }
      assert.ok(counts.said > 0, "some were lost, and it was said");
      return { counts };
    },
  );

  catalogueRow(
    {
      ...{
        id: "D5",
        title: "is found by a flipped byte in its file, at start and while it is read, and shows no stranger",
      },
      ...{ quick: 20, full: 200 },
    },
    async (trials) => {
      const truth = recordsIn(stopped, acked);
      const counts = { foundAtStart: 0, foundWhileOpen: 0, failedOnRead: 0, asIfNothing: 0, strangers: 0 };
      for (const trial of trials) {
        const random = seededRandom(crc32(trials.seed(trial)));
        const copy = copyStore(stopped, join(network.dir, "flipped"));
        const kept = keepStore(join(copy, "index.db"), "index", systemClock, () => undefined);
        flipByte(join(copy, "index.db"), random);
        const { right, failed, nothing, strangers } = askAll(copy, truth);
        assert.equal(right + failed + nothing + strangers, truth.size);
        if (failed > 0) counts.failedOnRead++;
        counts.asIfNothing += nothing;
        counts.strangers += strangers;
        if (findsWhileOpen(kept)) counts.foundWhileOpen++;
        kept.letGo();
        if (openDamaged(copy).refused) counts.foundAtStart++;
        rmSync(copy, { recursive: true });
      }
      assert.equal(counts.strangers, 0);
      assert.equal(counts.foundWhileOpen, trials.count);
      assert.equal(counts.foundAtStart, trials.count);
      return { counts: { ...counts, asked: trials.count * truth.size } };
    },
  );

  it("is behind in every answer, in the log and for the doctor, once writes were lost", async () => {
    rmSync(network.dataDir, { recursive: true });
    copyStore(killed, network.dataDir);
    truncateSync(join(network.dataDir, "index.db-wal"), 40 * PAGE_BYTES);
    let node = await network.start();
    assert.match(node.output(), /"event":"acknowledged-writes-lost"/);
    await node.stop();
    node = await network.start();
    try {
      assert.match(node.output(), /"event":"store-behind"/, "it stays noted");
      const ward = await connectCaller(
        { host: "127.0.0.1", port: node.port, certsDir: network.callerDir("ward") },
        systemClock,
      );
      for await (const event of ward.locate(aQuestionAbout(acked[0]!))) {
        if (event.kind !== "answer" || !event.answer.own) continue;
        const feed = event.answer.coverage?.providers.find(({ code }) => code === PROVIDER);
        assert.equal(feed?.state, "stale");
      }
      ward.close();
      const { code, stdout } = await doctor(network.configPath);
      assert.equal(code, 1);
      assert.match(stdout, /fault\s+index\.db .*lost writes that had been acknowledged.*--caught-up/);
    } finally {
      await node.stop();
    }
  });
});

/** Copies what belongs to the index, as it lies there. */
function copyStore(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { mode: 0o700 });
  for (const name of ["index.db", "index.db-wal", "index.db-seal"]) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
  return to;
}

/** In turn: cuts the log short, flips a bit of it, removes it. */
function damageLog(path: string, trial: number, random: Random): void {
  const { size } = statSync(path);
  const at = Math.floor(random.fraction() * size);
  if (trial % 10 === 9) rmSync(path);
  else if (trial % 2 === 0) truncateSync(path, at);
  else flipByte(path, random);
}

function flipByte(path: string, random: Random): void {
  const fd = openSync(path, "r+");
  const at = Math.floor(random.fraction() * statSync(path).size);
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = byte[0]! ^ (1 << Math.floor(8 * random.fraction()));
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

/** Opens a store as its writer does at the start of a node. */
function openDamaged(folder: string): { readonly refused: boolean; readonly said: boolean } {
  const path = join(folder, "index.db");
  const alarms: string[] = [];
  try {
    keepStore(path, "index", systemClock, ({ event }) => alarms.push(event)).close();
  } catch (thrown) {
    assert.match(asFailure(thrown).message, /damaged/);
    return { refused: true, said: true };
  }
  assert.equal(alarms.includes("acknowledged-writes-lost"), readBehind(path) !== undefined);
  return { refused: false, said: readBehind(path) !== undefined };
}

function findsWhileOpen(kept: KeptStore): boolean {
  const stretches = 1 + Math.ceil(statSync(kept.db.name).size / (256 * PAGE_BYTES));
  try {
    for (let round = 0; round < 2 * stretches; round++) kept.verifyStretch();
    return false;
  } catch (thrown) {
    assert.match(asFailure(thrown).message, /damaged/);
    return true;
  }
}

/** The public id of each patient's one record. */
function recordsIn(folder: string, places: readonly number[]): Map<string, string> {
  const db = openDatabase(join(folder, "index.db"), { readonly: true });
  const token = db.prepare<[string], string>("SELECT token FROM pointer WHERE record_id = ?").pluck();
  const truth = new Map(places.map((place) => [numberAt(place)!, token.get(`R${place}`)!]));
  db.close();
  return truth;
}

/** Asks about everybody past all checks at start, as a node would that was running when the damage came. */
function askAll(folder: string, truth: ReadonlyMap<string, string>) {
  const seen = { right: 0, failed: 0, nothing: 0, strangers: 0 };
  const db = openQuietly(folder);
  if (db === undefined) return { ...seen, failed: truth.size };
  try {
    const mpi = makeMpi(db);
    const locator = makeLocator({ db, clock: systemClock, providers: [aProvider(PROVIDER)] });
    for (const [number, token] of truth) {
      try {
        const persons = mpi.inOneSnapshot(() => mpi.personsByNumber(NhsNumber.parse(number)!));
        const shown = persons.flatMap(({ identities }) => locator.pointersOf(identities, aPermit()).shown);
        if (shown.some(({ pointerId }) => pointerId !== token)) seen.strangers++;
        else if (shown.length === 1) seen.right++;
        else seen.nothing++;
      } catch {
        seen.failed++;
      }
    }
  } catch {
    return { ...seen, failed: truth.size - seen.right - seen.nothing - seen.strangers };
  } finally {
    db.close();
  }
  return seen;
}

function openQuietly(folder: string) {
  try {
    return openDatabase(join(folder, "index.db"), { readonly: true });
  } catch {
    return undefined;
  }
}

function doctor(configPath: string): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(CORRIDOR, ["doctor", "--config", configPath], (_, stdout) =>
      resolve({ code: child.exitCode ?? -1, stdout }),
    );
  });
}
