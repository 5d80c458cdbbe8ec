import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Failure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import { makePersonSearch } from "../mpi/search.ts";
import { parseSearch } from "../mpi/search-terms.ts";
import * as fillKeys from "../requests/fill-match-keys.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import * as outbox from "../storage/outbox.ts";
import { silentLog } from "../telemetry/log.ts";
import { anIdentity, openTestIndex } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { startInProcess } from "./in-process.ts";
import { matchKeys } from "./match-keys.ts";

const PEOPLE = 450;

it("gives an index its match keys that was made before there were any; until then no search is answered", async () => {
  const clock = makeFakeClock();
  const index = openTestIndex([], clock);
  const { db } = index;
  const executor = makeInlineExecutor(db, { ...outbox.makeHandlers(db), ...fillKeys.makeHandlers(db, clock) });
  const keys = (): unknown => db.prepare("SELECT key, identity_no FROM match_key").raw().all();
  const asked = { family: "Khan", given: [], birthDate: ["1980-05-17"], fuzzy: false, exact: false, history: false };
  const search = () => makePersonSearch(db).search(parseSearch(asked, "2026-11-22", false));
  try {
    await index.load([anIdentity()]);
    await index.load([anIdentity({ familyName: "Hadley", recordedOn: "2025-01-01" })]);
    await index.load(
      Array.from({ length: PEOPLE }, (_, at) => anIdentity({ localId: `L${at}`, nhsNumber: "", givenName: `A${at}` })),
    );
    const whole = keys();
    db.exec("DELETE FROM match_key; INSERT INTO outbox (kind, key, payload) VALUES ('match-keys', 'fill', '{}')");
    assert.throws(search, (thrown) => thrown instanceof Failure && thrown.code === "overloaded");

    const kind = matchKeys((after, signal) => fillKeys.fillMatchKeys(executor, after, signal));
    const jobs = startInProcess({
      readDb: db,
      executor,
      clock,
      random: seededRandom(1),
      kinds: [kind],
      log: silentLog,
    });
    await clock.advance(5_000);
    await jobs.stop();
    assert.deepEqual(keys(), whole);
    assert.equal(search().kind, "too-many");
  } finally {
    await index.close();
  }
});

it("leaves what is behind a stretch to a job of its own, and ends with the last row", async () => {
  const clock = makeFakeClock();
  const index = openTestIndex([], clock);
  const { db } = index;
  const handlers = fillKeys.makeHandlers(db, clock);
  const jobs = (): unknown => db.prepare("SELECT key, payload FROM outbox WHERE kind = 'match-keys'").raw().all();
  try {
    await index.load(
      Array.from({ length: 5 }, (_, at) => anIdentity({ localId: `L${at}`, nhsNumber: "", givenName: `A${at}` })),
    );
    const step = (after: number, upTo: number) => handlers["fill-match-keys"]?.({ after, upTo });
    assert.equal(step(0, 3), 3);
    assert.deepEqual(jobs(), [["after-3", '{"after":"3"}']]);
    db.exec("DELETE FROM outbox");
    assert.equal(step(3, 6), 6);
    assert.deepEqual(jobs(), []);
  } finally {
    await index.close();
  }
});

it("is asked for by the migration, where there are identities without keys", async () => {
  const index = openTestIndex();
  const { db } = index;
  const migration = new URL("../storage/migrations/index/0007-match-keys.sql", import.meta.url);
  const jobs = (): unknown => db.prepare("SELECT kind, key FROM outbox").raw().all();
  const migrate = (): void => {
    db.exec("DROP TABLE match_key; DROP INDEX identity_history; DELETE FROM outbox");
    db.exec(readFileSync(migration, "utf8"));
  };
  try {
    migrate();
    assert.deepEqual(jobs(), []);
    await index.load([anIdentity()]);
    migrate();
    assert.deepEqual(jobs(), [["match-keys", "fill"]]);
  } finally {
    await index.close();
  }
});
