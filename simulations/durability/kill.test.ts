import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { seededRandom } from "../../node/base/random.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type AckedFeed, lookInto, makeAckedFeed, placesOf } from "./acked-feed.ts";
import { withNetwork } from "./with-network.ts";

/** 2 s on a quiet machine; three times that where others work beside it. */
const READY_WITHIN_MS = 6_000;
/** Longest time from a feed's first acknowledgement to the kill. */
const KILL_WITHIN_MS = 900;

describe("a node that is killed", () => {
  catalogueRow(
    {
      ...{ id: "D1", title: "kill -9 at a seeded moment of a load, and start again: nothing lost, nothing doubled" },
      ...{ quick: 4, full: 200, timeoutMs: 180_000 },
    },
    (trials) =>
      withNetwork(async (network) => {
        const feed = makeAckedFeed(network, { patients: 25 });
        let node = await network.start();
        let readyMs = 0;
        for (const trial of trials) {
          const { fraction } = seededRandom(crc32(trials.seed(trial)));
          const running = feed.run(node.port, {});
          await untilMore(feed, running);
          await sleep(KILL_WITHIN_MS * fraction());
          await node.kill();
          assert.ok((await running) !== undefined, "the feed heard of it");
          const startedMs = performance.now();
          node = await network.start();
          readyMs = Math.max(readyMs, performance.now() - startedMs);
          const kept = lookInto(join(network.dataDir, "index.db"), placesOf(feed.acked));
          assert.deepEqual(kept, { lost: [], doubled: 0, integrity: "ok" }, `trial ${trial}`);
          assert.ok(!node.output().includes("acknowledged-writes-lost"), "no false alarm");
        }
        assert.equal(await node.stop(), 0);
        assert.ok(readyMs < READY_WITHIN_MS, `ready after ${readyMs.toFixed(0)} ms`);
        return { counts: { kills: trials.count, acked: placesOf(feed.acked).length }, worst: { readyMs } };
      }),
  );
});

/** Waits for the next acknowledgement, or the end of the load. */
async function untilMore(feed: AckedFeed, running: Promise<unknown>): Promise<void> {
  const before = feed.acked.length;
  let over = false;
  void running.then(() => (over = true));
  while (!over && feed.acked.length === before) await sleep(2);
}
