import assert from "node:assert/strict";

import fc from "fast-check";

import { seededRandom } from "../base/random.ts";
import { makeTurns } from "../base/turns.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import {
  aPermit,
  aPointer,
  aProvider,
  anIdentity,
  anObjection,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { makeFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import { finishLoad, loadBatch, makeHandlers, type ParsedItem } from "./load-batch.ts";

const DAY_MS = 86_400_000;

describe("what comes before its patient's identity", () => {
  let clock: FakeClock;
  let index: TestIndex;
  beforeEach(() => {
    clock = makeFakeClock();
    index = openTestIndex([aProvider("RRK"), aProvider("RJE")], clock);
  });
  afterEach(() => index.close());

  const count = (table: string): number => Number(index.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  const formats = (): string[] => index.locator.pointersOf([1], aPermit()).shown.map(({ format }) => format);

  it("is kept but not shown, says nothing of freshness, and is taken in when the identity comes", async () => {
    assert.deepEqual(await index.load([aPointer(), anObjection()]), { accepted: 2, rejected: [] });
    assert.deepEqual(["waiting_item", "pointer", "objection", "feed_state"].map(count), [2, 0, 0, 0]);
    await index.load([anIdentity()]);
    assert.deepEqual(["waiting_item", "pointer", "objection", "feed_state"].map(count), [0, 1, 1, 1]);
    assert.ok(
      index.objections.withheld([1], "TREAT").everything,
      "an objection that came first counts from the beginning",
    );
  });

  it("is counted at the end of its load, also where all of it waits", async () => {
    const store = makeInlineExecutor(index.db, makeHandlers(index.db, seededRandom(1), clock));
    const needs = { clock, store, inTurn: makeTurns(1), feedsChanged() {} };
    const header = { name: "test", asOfMs: 0 };
    const { providers } = await loadBatch(header, [aPointer(), aPointer({ recordId: "D2" }), anObjection()], needs);
    assert.deepEqual(await finishLoad(header, providers, needs), { waiting: 3 });
    assert.equal(count("feed_state"), 0, "a provider none of whose patients is known is not complete");
  });

  it("waits for the identity of its own provider", async () => {
    await index.load([aPointer({ provider: "RJE" }), anIdentity()]);
    assert.deepEqual(["waiting_item", "pointer"].map(count), [1, 0]);
  });

  it("gives way to the provider's later word on the same record, wherever that belongs", async () => {
    await index.load([aPointer({ localId: "P2", format: "text/x-1" })]);
    await index.load([aPointer({ localId: "P2", format: "text/x-2" })]);
    assert.equal(count("waiting_item"), 1);
    await index.load([anIdentity(), aPointer({ format: "text/x-3" })]);
    assert.deepEqual(["waiting_item", "pointer"].map(count), [0, 1]);
    await index.load([anIdentity({ localId: "P2", nhsNumber: "9000000017" })]);
    assert.deepEqual(formats(), ["text/x-3"]);
  });

  it("changes nothing when it is loaded again", async () => {
    const items = [aPointer(), anObjection(), aPointer({ recordId: "D2" })];
    await index.load(items);
    await index.load(items);
    assert.equal(count("waiting_item"), 3);
    await index.load([...items, anIdentity(), ...items]);
    assert.deepEqual(["waiting_item", "pointer", "objection"].map(count), [0, 2, 1]);
  });

  it("is shown no longer under whom its provider said before; an objection stays in force there", async () => {
    await index.load([anIdentity(), aPointer(), anObjection()]);
    assert.equal(formats().length, 1);
    const moved = [aPointer({ localId: "P2" }), anObjection({ localId: "P2", state: "withdrawn" })];
    await index.load(moved);
    assert.deepEqual(formats(), []);
    assert.ok(index.objections.withheld([1], "TREAT").everything);
    const before = index.dump();
    await index.load(moved);
    assert.equal(index.dump(), before);
    await index.load([anIdentity({ localId: "P2", nhsNumber: "9000000017" })]);
    assert.deepEqual(["waiting_item", "pointer", "objection"].map(count), [0, 1, 1]);
    assert.deepEqual([formats(), index.objections.withheld([1], "TREAT").everything], [[], false]);
  });

  it("is dropped after thirty days", async () => {
    await index.load([aPointer()]);
    await clock.advance(31 * DAY_MS);
    await index.tidy();
    assert.equal(count("waiting_item"), 0);
  });

  it("is not taken in from a damaged row", async () => {
    await index.load([aPointer()]);
    index.db.exec("UPDATE waiting_item SET item = replace(item, 'D1', 'D7')");
    await assert.rejects(index.load([anIdentity()]), /damaged/);
    assert.equal(count("identity_record"), 0);
  });

  it("ends as if the identities had come first, in whatever order and batches they come", async () => {
    const patients = ["P1", "P2", "P3"];
    const word = fc.record({
      localId: fc.constantFrom(...patients),
      recordId: fc.constantFrom("D1", "D2", "D3"),
      format: fc.integer({ min: 0, max: 999 }).map((n) => `text/x-${n}`),
    });
    const identities = patients.map((localId) => anIdentity({ localId }));
    const words = fc.array(word, { maxLength: 12 });
    const places = fc.array(fc.nat(), { minLength: patients.length, maxLength: patients.length });
    await fc.assert(
      fc.asyncProperty(words, places, fc.integer({ min: 1, max: 5 }), async (said, at, size) => {
        const pointers = said.map((each) => aPointer(each));
        const mixed: ParsedItem[] = [...pointers];
        identities.forEach((identity, n) => mixed.splice(at[n]! % (mixed.length + 1), 0, identity));
        assert.deepEqual(await endOf(mixed, size), await endOf([...identities, ...pointers], 100));
      }),
      { numRuns: 40 },
    );
  });
});

/** Whose each record is in the end, and what was said of it last. */
async function endOf(items: readonly ParsedItem[], size: number): Promise<unknown> {
  const index = openTestIndex();
  for (let from = 0; from < items.length; from += size) await index.load(items.slice(from, from + size));
  const rows = index.db
    .prepare(
      `SELECT local_id, record_id, format FROM pointer JOIN identity_record ON identity_no = pointer_no / 65536
         ORDER BY record_id`,
    )
    .all();
  await index.close();
  return rows;
}
