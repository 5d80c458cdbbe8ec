import assert from "node:assert/strict";
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

import { seededRandom } from "../../node/base/random.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import type { DoorNetwork } from "../testing/doors-network.ts";
import { lookInto, makeAckedFeed, placesOf } from "./acked-feed.ts";
import { traceProcess, whyNoStrace } from "./strace.ts";
import { whyNoSmallDisk, withSmallDisk } from "./small-disk.ts";
import { withNetwork } from "./with-network.ts";

const FAULTS = 50;
/** 5 s on a quiet machine; three times that where others work beside it. */
const RECOVERED_WITHIN_MS = 15_000;
const ENDED_WITHIN_MS = 20_000;

describe("a disk that fails", () => {
  catalogueRow(
    {
      ...{
        id: "D6",
        title: "fsync fails from the k-th on: no acknowledgement after it, the node ends, nothing is lost",
      },
      ...{ quick: 2, full: FAULTS, slice: 10, timeoutMs: 300_000, cannot: whyNoStrace() },
    },
    (trials) => {
      const spread = trials.count < 10 ? Math.floor(FAULTS / trials.count) : 1;
      const faults = [...trials].map((trial) => `fsync,fdatasync:error=EIO:when=${1 + trial * spread}+`);
      return failAndRecover(faults);
    },
  );

  catalogueRow(
    {
      ...{
        id: "D7",
        title: "no space from the k-th write on: no acknowledgement after it, the node ends, nothing is lost",
      },
      ...{ quick: 2, full: FAULTS, slice: 10, timeoutMs: 300_000, cannot: whyNoStrace() },
    },
    (trials) => {
      const spread = trials.count < 10 ? Math.floor(FAULTS / trials.count) : 1;
      const faults = [...trials].map((trial) => `pwrite64:error=ENOSPC:when=${1 + trial * spread}+`);
      return failAndRecover(faults);
    },
  );

  catalogueRow(
    {
      ...{ id: "D7b", title: "a file system that fills up, and has room again: no acknowledgement is lost" },
      ...{ quick: 1, full: 10, timeoutMs: 300_000, cannot: whyNoSmallDisk() },
    },
    async (trials) => {
      let recoveredMs = 0;
      let acked = 0;
      for (const trial of trials) {
        const { fraction } = seededRandom(crc32(trials.seed(trial)));
        const result = await withNetwork((network) =>
          withSmallDisk(network.dataDir, 12, () => {
            const filler = join(network.dataDir, "somebody-elses-file");
            writeFileSync(filler, Buffer.alloc(Math.floor((4 + 3 * fraction()) * 2 ** 20)));
            return fillUp(network, filler);
          }),
        );
        recoveredMs = Math.max(recoveredMs, result.recoveredMs);
        acked += result.acked;
      }
      assert.ok(recoveredMs < RECOVERED_WITHIN_MS, `recovered after ${recoveredMs.toFixed(0)} ms`);
      return { counts: { disks: trials.count, acked }, worst: { recoveredMs } };
    },
  );
});

/** One fault after the other: injected into a running node amid a load, then the node started again on a sound disk. */
function failAndRecover(faults: readonly string[]) {
  return withNetwork(async (network) => {
    const feed = makeAckedFeed(network, { patients: 10 });
    let readyMs = 0;
    for (const inject of faults) {
      const node = await network.start();
      const ahead = feed.acked.length;
      const calls = "fsync,fdatasync,pwrite64";
      const out = join(network.dir, "faults.trace");
      const trace = await traceProcess(node.pid, { out, calls, inject });
      const failure = await feed.run(node.port, {});
      assert.ok(failure !== undefined, "the load was not taken as if nothing were");
      assert.ok(await endsWithin(node.ended, ENDED_WITHIN_MS), "the node gives its store up and ends");
      await trace.stop();
      assert.equal(
        ackedAfterFault(
          out,
          feed.acked.slice(ahead).map(({ ackedMs }) => ackedMs),
        ),
        0,
      );
      assert.match(node.output(), /"event":"fatal"/);

      const startedMs = performance.now();
      const again = await network.start();
      readyMs = Math.max(readyMs, performance.now() - startedMs);
      const kept = lookInto(join(network.dataDir, "index.db"), placesOf(feed.acked));
      assert.deepEqual(kept, { lost: [], doubled: 0, integrity: "ok" }, inject);
      assert.doesNotMatch(again.output(), /acknowledged-writes-lost|store-folded/, inject);
      assert.equal(await feed.run(again.port, { batches: 2 }), undefined, "and takes what it could not before");
      assert.equal(await again.stop(), 0);
    }
    return { counts: { faults: faults.length, acked: placesOf(feed.acked).length }, worst: { readyMs } };
  });
}

/** How many acknowledgements came later than a commit takes that was whole when the first fault struck. */
function ackedAfterFault(tracePath: string, ackedMs: readonly number[]): number {
  const first = readFileSync(tracePath, "latin1")
    .split("\n")
    .find((line) => line.includes("(INJECTED)"));
  assert.ok(first !== undefined, "the fault was met");
  const faultMs = 1_000 * Number(/^\d+\s+(\d+\.\d+)/.exec(first)?.[1]);
  return ackedMs.filter((ms) => ms > faultMs + ON_THE_WAY_MS).length;
}

/** An acknowledgement whose commit was whole may still be on its way. */
const ON_THE_WAY_MS = 100;

async function fillUp(network: DoorNetwork, filler: string): Promise<{ recoveredMs: number; acked: number }> {
  const feed = makeAckedFeed(network, { patients: 10 });
  const node = await network.start();
  const failure = await feed.run(node.port, {});
  assert.ok(failure !== undefined && ["store-unavailable", "unreachable", "overloaded"].includes(failure.code));
  assert.ok(await endsWithin(node.ended, ENDED_WITHIN_MS));
  assert.ok(statfsSync(network.dataDir).bavail < 64, "the disk is full");
  rmSync(filler);
  const startedMs = performance.now();
  const again = await network.start();
  assert.equal(await feed.run(again.port, { batches: 1 }), undefined);
  const recoveredMs = performance.now() - startedMs;
  const kept = lookInto(join(network.dataDir, "index.db"), placesOf(feed.acked));
  assert.deepEqual(kept, { lost: [], doubled: 0, integrity: "ok" });
  assert.doesNotMatch(again.output(), /acknowledged-writes-lost/);
  assert.equal(await again.stop(), 0);
  return { recoveredMs, acked: placesOf(feed.acked).length };
}

function endsWithin(ended: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  return Promise.race([ended.then(() => true), late]).finally(() => clearTimeout(timer));
}
