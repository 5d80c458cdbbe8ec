import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { makeTurns } from "../base/turns.ts";
import { openStore } from "../storage/database.ts";
import { startThreadExecutor } from "../storage/thread-executor.ts";
import { aPointer, anIdentity } from "../testing/an-index.ts";
import { BATCH_ITEMS_MAX, LOAD_COMMANDS_AT_ONCE, loadBatch, makeHandlers, type ParsedItem } from "./load-batch.ts";

const FEEDERS = 3;
const BATCHES = 4;
/** The bar for a command with its commit, and three times that on a machine that others use too. */
const WRITER_MS_MAX = 3 * 20;

describe("a load and the index's writer", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "corridor-pace-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const anItem = (batch: string, n: number): ParsedItem => {
    const localId = `P${batch}-${n - (n % 2)}`;
    return n % 2 === 0
      ? anIdentity({ localId, nhsNumber: "", givenName: `Name${n}` })
      : aPointer({ localId, recordId: `D${batch}-${n}` });
  };
  const middle = (times: readonly number[]): number => times.toSorted((one, other) => one - other)[times.length >> 1]!;

  it("takes it for a short while, however large the batch", () => {
    const db = openStore(join(folder, "index.db"), "index");
    const load = makeHandlers(db, systemRandom, systemClock)["load-batch"]!;
    const taken: number[] = [];
    const timesMs: number[] = [];
    for (let batch = 0; batch < 12; batch++) {
      const items = Array.from({ length: 8 * BATCH_ITEMS_MAX }, (_, n) => anItem(String(batch), n));
      const entries = items.map((item) => {
        assert.ok("kind" in item && item.kind !== "objection");
        return item.kind === "identity"
          ? { kind: item.kind, record: item.values.expose() }
          : { kind: item.kind, record: item.values.expose() };
      });
      const beganMs = performance.now();
      taken.push(db.transaction(load)({ asOfMs: 0, nowMs: 0, entries }).taken);
      timesMs.push(performance.now() - beganMs);
    }
    db.close();
    assert.ok(
      taken.every((count) => count > 0 && count < 8 * BATCH_ITEMS_MAX),
      `${taken}`,
    );
    assert.ok(middle(timesMs) <= WRITER_MS_MAX, `a command took ${middle(timesMs).toFixed(0)} ms`);
  });

  it("lets others have it between two commands, however many feed", async function () {
    this.timeout(60_000); // forty commits, on whatever else the disk has to do
    const store = await startThreadExecutor({ file: join(folder, "index.db"), store: "index" });
    const waitOfAnother = async (): Promise<number> => {
      const beganMs = performance.now();
      await store.run("finish-load", { asOfMs: 0, providers: [] });
      return performance.now() - beganMs;
    };
    const idle: number[] = [];
    for (let n = 0; n < 20; n++) idle.push(await waitOfAnother());

    const needs = { clock: systemClock, store, inTurn: makeTurns(LOAD_COMMANDS_AT_ONCE), feedsChanged() {} };
    const feed = async (feeder: number): Promise<void> => {
      for (let batch = 0; batch < BATCHES; batch++) {
        const items = Array.from({ length: BATCH_ITEMS_MAX }, (_, n) => anItem(`${feeder}-${batch}`, n));
        assert.equal((await loadBatch({ name: "pace", asOfMs: 0 }, items, needs)).accepted, BATCH_ITEMS_MAX);
      }
    };
    let over = false;
    const loaded = Promise.all(Array.from({ length: FEEDERS }, (_, feeder) => feed(feeder))).then(() => (over = true));
    const waits: number[] = [];
    while (!over) {
      waits.push(await waitOfAnother());
      await systemClock.sleep(5);
    }
    await loaded;
    await store.close();
    // It waits for one command, and for commits that a busy disk makes longer for everybody.
    const waitMsMax = WRITER_MS_MAX + 10 * middle(idle);
    assert.ok(
      middle(waits) <= waitMsMax,
      `another command waited ${middle(waits).toFixed(0)} ms, not ${waitMsMax.toFixed(0)}`,
    );
  });
});
