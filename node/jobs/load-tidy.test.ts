import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { seededRandom } from "../base/random.ts";
import * as loadBatch from "../requests/load-batch.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import * as outbox from "../storage/outbox.ts";
import { silentLog } from "../telemetry/log.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { startInProcess } from "./in-process.ts";
import { loadTidy } from "./load-tidy.ts";

const DAY_MS = 86_400_000;

it("drops all that waited too long, however much it is, after the load's end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "corridor-tidy-"));
  const path = join(folder, "index.db");
  const db = openStore(path, "index");
  const clock = makeFakeClock();
  const random = seededRandom(1);
  const executor = makeInlineExecutor(db, {
    ...outbox.makeHandlers(db),
    ...loadBatch.makeHandlers(db, random, clock),
  });
  const readDb = openDatabase(path, { readonly: true });
  const nowMs = clock.wallMs();
  const wait = db.prepare("INSERT INTO waiting_item VALUES (?, 'pointer', 'RRK', ?, ?, '{}', 0, ?, 0)");
  const waiting = (): unknown => readDb.prepare("SELECT count(*) FROM waiting_item").pluck().get();
  try {
    db.transaction(() => {
      for (let n = 1; n <= 3_500; n++) wait.run(n, `P${n}`, `D${n}`, n <= 7 ? nowMs : nowMs - 31 * DAY_MS);
    })();
    assert.deepEqual(await executor.run("finish-load", { asOfMs: nowMs, providers: [] }), { waiting: 0 });
    assert.equal(waiting(), 3_500, "no feeder waits for it");
    const kind = loadTidy((signal) => loadBatch.dropOldWaiting({ clock, store: executor }, signal));
    const jobs = startInProcess({ readDb, executor, clock, random, kinds: [kind], log: silentLog });
    await clock.advance(1_000);
    await jobs.stop();
    assert.equal(waiting(), 7);
    assert.deepEqual(readDb.prepare("SELECT kind FROM job_done").pluck().all(), ["load-tidy"]);
  } finally {
    await executor.close();
    readDb.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
