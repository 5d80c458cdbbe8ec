import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { makeTurns } from "../base/turns.ts";
import { aPointer, aProvider, anIdentity, anObjection, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { BATCH_ITEMS_MAX, loadBatch } from "./load-batch.ts";

describe("loading a batch", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const count = (table: string): number => Number(index.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());

  it("keeps identities, pointers and objections in their order; its end leaves one piece of work behind", async () => {
    const result = await index.load([anIdentity(), aPointer(), anObjection()]);
    assert.deepEqual(result, { accepted: 3, rejected: [] });
    assert.deepEqual(["identity_record", "pointer", "objection", "outbox"].map(count), [1, 1, 1, 1]);
    const job = index.db.prepare("SELECT kind, payload FROM outbox").get();
    assert.deepEqual(job, { kind: "load-tidy", payload: "{}" });
  });

  it("changes nothing when it is loaded again", async () => {
    const items = [
      anIdentity(),
      anIdentity({ provider: "RJE", localId: "X9" }),
      anIdentity({ localId: "P2", givenName: "Amira" }),
      anIdentity({ givenName: "A.", recordedOn: "2023-01-01" }),
      anIdentity({ localId: "P2", givenName: "Amira", phone: "" }),
      aPointer(),
      aPointer({ localId: "P2" }),
      aPointer({ recordId: "D2" }),
      anObjection(),
      anObjection({ state: "withdrawn" }),
    ];
    const asOfMs = Date.UTC(2026, 10, 20, 1);
    const first = await index.load(items, asOfMs);
    assert.deepEqual(first, { accepted: items.length, rejected: [] });
    const before = index.dump();
    assert.deepEqual(await index.load(items, asOfMs), first);
    assert.equal(index.dump(), before);
  });

  it("rejects what is no item, names its place, and keeps the rest", async () => {
    const rejection = { field: "birth_date", reason: "in the future" };
    const result = await index.load([anIdentity(), { rejected: rejection }, aPointer()]);
    assert.deepEqual(result, { accepted: 2, rejected: [{ ...rejection, index: 1 }] });
    assert.equal(count("pointer"), 1);
  });

  it("says how fresh only the providers are of which it kept something", async () => {
    await index.load([anIdentity(), aPointer({ provider: "RJE" })]);
    assert.deepEqual(index.db.prepare("SELECT provider FROM feed_state").pluck().all(), ["RRK"]);
  });

  it("says nothing of freshness while the load is not finished", async () => {
    await index.load([anIdentity()], 0, "broken-off");
    assert.deepEqual(index.db.prepare("SELECT provider FROM feed_state").pluck().all(), []);
  });

  it("keeps nothing of a batch that meets a damaged row, and the store goes on", async () => {
    await index.load([anIdentity()]);
    index.db.exec("UPDATE identity_record SET phone = 'x'");
    const before = index.dump();
    await assert.rejects(
      index.load([anIdentity({ localId: "P5", nhsNumber: "9000000017" }), anIdentity({ phone: "1" })]),
      (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
    );
    assert.equal(index.dump(), before);
    assert.equal((await index.load([anIdentity({ localId: "P6", nhsNumber: "9000000025" })])).accepted, 1);
  });

  it("refuses more items than a batch may hold", async () => {
    const items = Array.from({ length: BATCH_ITEMS_MAX + 1 }, () => anIdentity());
    await assert.rejects(index.load(items), (thrown) => thrown instanceof Failure && thrown.code === "overloaded");
    assert.equal(count("identity_record"), 0);
  });

  it("takes the writer only for a short while at a time, and keeps the order", async () => {
    const clock = makeFakeClock();
    let looks = 0;
    const slow = { ...clock, monotonicMs: () => looks++ };
    const ticking = openTestIndex([aProvider("RRK")], slow);
    // Each version of the identity, and of the pointer, must come after the one before it.
    const items = Array.from({ length: 100 }, (_, n) => [
      anIdentity({ recordedOn: `2024-01-${String(1 + Math.floor(n / 4)).padStart(2, "0")}`, phone: String(n) }),
      aPointer({ recordId: `D${n % 7}`, format: `text/x-${n}` }),
    ]).flat();
    assert.deepEqual(await ticking.load(items, 1), { accepted: 200, rejected: [] });
    assert.deepEqual(
      ticking.db.prepare("SELECT record_id, format FROM pointer ORDER BY record_id").raw().all(),
      Array.from({ length: 7 }, (_, n) => [`D${n}`, `text/x-${n + (n < 2 ? 98 : 91)}`]),
    );
    const versions = ticking.db.prepare("SELECT phone FROM identity_record ORDER BY version").pluck().all();
    assert.deepEqual(
      versions,
      Array.from({ length: 25 }, (_, n) => String(4 * n + 3)),
    );
    // 25 versions and 7 pointers: one command looks at the clock once for each, each further command once more.
    assert.ok(looks > 32 + 1, `it was more than one command (${looks} looks)`);
    await ticking.close();
  });

  const headers: [what: string, name: string, asOfMs: number][] = [
    ["no name", "", 0],
    ["a name with a line break", "a\nb", 0],
    ["a name with an NHS number", "load of 900 000 0009", 0],
    ["a moment in the future", "a", Date.UTC(2030, 0, 1)],
    ["a negative moment", "a", -1],
  ];
  for (const [what, name, asOfMs] of headers) {
    it(`refuses a header with ${what}`, async () => {
      const needs = {
        clock: makeFakeClock(),
        inTurn: makeTurns(1),
        store: { run: () => assert.fail("nothing is stored"), close: () => Promise.resolve() },
        feedsChanged: () => assert.fail("nothing has changed"),
      };
      await assert.rejects(loadBatch({ name, asOfMs }, [anIdentity()], needs), (thrown) => {
        assert.ok(thrown instanceof Failure && thrown.code === "invalid-input");
        return !thrown.message.includes("900");
      });
    });
  }
});
