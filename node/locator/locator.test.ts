import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { makeFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import { POINTERS_SHOWN_MAX } from "./locator.ts";
import { aPermit, aPointer, aProvider, anIdentity, openTestIndex, type TestIndex } from "../testing/an-index.ts";

const MINUTE_MS = 60_000;

describe("pointers of a person", () => {
  let index: TestIndex;
  beforeEach(async () => {
    index = openTestIndex([aProvider("RRK"), aProvider("RJE", { sensitivity: "R" })]);
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9" })]);
  });
  afterEach(() => index.close());

  it("are shown newest first, with custodian, format and an id that tells nothing", async () => {
    await index.load([aPointer(), aPointer({ recordId: "D2", recordedOn: "2026-01-01", recordType: "allergies" })]);
    const { shown, more } = index.locator.pointersOf([1], aPermit());
    assert.equal(more, 0);
    assert.deepEqual(
      shown.map(({ recordType }) => recordType),
      ["allergies", "discharge-letter"],
    );
    const { pointerId, document, ...view } = shown[1]!;
    assert.match(pointerId, /^[\w-]{16}$/);
    assert.match(document ?? "", /^[\w-]{22}$/);
    assert.notEqual(document, shown[0]?.document);
    assert.deepEqual(view, {
      recordType: "discharge-letter",
      custodian: { code: "RRK", name: "Trust RRK", phone: "0121 496 0100" },
      recordedOn: "2025-01-02",
      updatedAtMs: Date.UTC(2026, 10, 20, 3, 0),
      format: "application/pdf",
      access: "full",
      sources: [],
    });
  });

  it("show no format at summary level, and are absent when sealed or none", async () => {
    await index.load([
      aPointer(),
      aPointer({ recordId: "D2", recordType: "allergies" }),
      aPointer({ recordId: "D3", recordType: "safeguarding" }),
    ]);
    const levels = { "discharge-letter": "summary", allergies: "sealed", safeguarding: "none" } as const;
    const { shown, more } = index.locator.pointersOf([1], aPermit({ levels }));
    assert.deepEqual(
      shown.map(({ recordType, access, format }) => [recordType, access, format]),
      [["discharge-letter", "summary", ""]],
    );
    assert.equal(more, 0);
  });

  it("are withheld whole above the caller's level, for the service's sake or the custodian's", async () => {
    await index.load([
      aPointer({ sensitivity: "V" }),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
      aPointer({ recordId: "D2" }),
    ]);
    const shown = (sensitivities: readonly ("N" | "R" | "V")[]): number =>
      index.locator.pointersOf([1, 2], aPermit({ sensitivities })).shown.length;
    assert.equal(shown(["N"]), 1);
    assert.equal(shown(["N", "R"]), 2);
    assert.equal(shown(["N", "R", "V"]), 3);
  });

  it("of a legally protected kind never show, whatever the permit says", async () => {
    await index.load([aPointer({ recordType: "sexual-health" })]);
    assert.deepEqual(index.locator.pointersOf([1], aPermit()), { shown: [], more: 0, held: true });
  });

  it("are not read where they may not be shown, however many there are", async () => {
    const sealed = Array.from({ length: 50 }, (_, n) => aPointer({ recordId: `D${n}` }));
    const sensitive = Array.from({ length: 50 }, (_, n) =>
      aPointer({ recordId: `V${n}`, recordType: "allergies", sensitivity: "V" }),
    );
    await index.load([...sealed, ...sensitive]);
    // Any of them that is read, but the first, which says whose they are, would now be found damaged.
    index.db.exec(
      "UPDATE pointer SET checksum = checksum + 1 WHERE pointer_no > (SELECT min(pointer_no) FROM pointer)",
    );
    const permit = aPermit({ levels: { "discharge-letter": "sealed" }, sensitivities: ["N", "R"] });
    assert.deepEqual(index.locator.pointersOf([1], permit), { shown: [], more: 0, held: true });
    assert.throws(() => index.locator.pointersOf([1], aPermit()));
    assert.deepEqual(index.locator.pointersOf([3], permit), { shown: [], more: 0, held: false });
  });

  it("are the newest of all identities together, so many as an answer carries; the rest is counted", async () => {
    const day = (n: number): string => new Date(Date.UTC(2000, 0, 1 + n)).toISOString().slice(0, 10);
    const perIdentity = POINTERS_SHOWN_MAX * 0.6;
    const of = (provider: string, localId: string, first: number) =>
      Array.from({ length: perIdentity }, (_, n) =>
        aPointer({ provider, localId, recordId: `${provider}${n}`, recordedOn: day(first + 2 * n) }),
      );
    await index.load(of("RRK", "P1", 0));
    await index.load(of("RJE", "X9", 1));
    const { shown, more } = index.locator.pointersOf([1, 2], aPermit());
    const newest = Array.from({ length: POINTERS_SHOWN_MAX }, (_, n) => day(2 * perIdentity - 1 - n));
    assert.deepEqual(
      shown.map(({ recordedOn }) => recordedOn),
      newest,
    );
    assert.equal(more, 2 * perIdentity - POINTERS_SHOWN_MAX);
    assert.equal(index.locator.pointersOf([1], aPermit()).more, 0);
  });

  it("beyond what an answer carries are counted for one identity too, and only those that may be seen", async () => {
    for (let from = 0; from < POINTERS_SHOWN_MAX + 30; from += 103) {
      await index.load(Array.from({ length: 103 }, (_, n) => aPointer({ recordId: `D${from + n}` })));
    }
    await index.load([aPointer({ recordId: "S", recordType: "safeguarding" })]);
    const { shown, more } = index.locator.pointersOf([1], aPermit({ levels: { safeguarding: "sealed" } }));
    assert.deepEqual([shown.length, more], [POINTERS_SHOWN_MAX, 30]);
  });

  it("belong to their identity, also of neighbours", async () => {
    await index.load([aPointer(), aPointer({ provider: "RJE", localId: "X9", recordId: "E1" })]);
    assert.equal(index.locator.pointersOf([1], aPermit()).shown.length, 1);
    assert.equal(index.locator.pointersOf([2], aPermit()).shown.length, 1);
    assert.equal(index.locator.pointersOf([3], aPermit()).shown.length, 0);
  });

  it("keep their id when updated, and when moved to another patient", async () => {
    await index.load([aPointer(), anIdentity({ localId: "P2", nhsNumber: "9000000017" })]);
    const id = index.locator.pointersOf([1], aPermit()).shown[0]?.pointerId;
    await index.load([aPointer({ format: "text/html" })]);
    assert.deepEqual(
      index.locator.pointersOf([1], aPermit()).shown.map(({ pointerId, format }) => [pointerId, format]),
      [[id, "text/html"]],
    );
    await index.load([aPointer({ localId: "P2" })]);
    assert.equal(index.locator.pointersOf([1], aPermit()).shown.length, 0);
    assert.equal(index.locator.pointersOf([3], aPermit()).shown[0]?.pointerId, id);
  });

  for (const column of [
    "record_type = 'allergies'",
    "provider = 'RJE'",
    "sensitivity = 'R'",
    "pointer_no = 65537 * 2",
  ]) {
    it(`are not read from a damaged row: ${column}`, async () => {
      await index.load([aPointer()]);
      index.db.exec(`UPDATE pointer SET ${column}`);
      assert.throws(
        () => index.locator.pointersOf([1, 2], aPermit()),
        (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
      );
    });
  }
});

describe("pointers of a provider that no longer shares", () => {
  for (const state of ["left", "planned", "viewing-only"] as const) {
    it(`(${state}) are withheld`, async () => {
      const index = openTestIndex([aProvider("RRK", { state })]);
      await index.load([anIdentity(), aPointer()]);
      assert.deepEqual(index.locator.pointersOf([1], aPermit()), { shown: [], more: 0, held: true });
      await index.close();
    });
  }
});

describe("coverage", () => {
  let index: TestIndex;
  let clock: FakeClock;
  beforeEach(() => {
    clock = makeFakeClock();
    index = openTestIndex(
      [
        aProvider("RRK", { staleAfterMinutes: 60 }),
        aProvider("RJE", { state: "paused" }),
        aProvider("RXT", { state: "planned" }),
        aProvider("RXW", { state: "viewing-only" }),
        aProvider("RYW", { state: "testing" }),
        aProvider("RNA", { state: "left" }),
      ],
      clock,
    );
  });
  afterEach(() => index.close());

  const states = (): string[] => index.locator.coverage().providers.map(({ code, state }) => `${code} ${state}`);

  it("lists every provider but those that left; one that never sent is stale", () => {
    assert.deepEqual(states(), [
      "RRK stale",
      "RJE paused",
      "RXT not-connected",
      "RXW not-connected",
      "RYW not-connected",
    ]);
    assert.equal(index.locator.coverage().providers[0]?.lastReceivedAtMs, 0);
  });

  it("is fresh at once after a load, and stale when the agreed time has passed", async () => {
    index.locator.coverage();
    await index.load([anIdentity()]);
    assert.equal(states()[0], "RRK feeding");
    assert.equal(index.locator.coverage().providers[0]?.lastReceivedAtMs, clock.wallMs());
    await clock.advance(60 * MINUTE_MS);
    assert.equal(states()[0], "RRK feeding");
    await clock.advance(1_000);
    assert.equal(states()[0], "RRK stale");
  });

  it("goes by what the load says it is complete up to, and never back", async () => {
    const nineHoursAgo = clock.wallMs() - 540 * MINUTE_MS;
    await index.load([anIdentity()], nineHoursAgo);
    assert.equal(states()[0], "RRK stale");
    assert.equal(index.locator.coverage().providers[0]?.lastReceivedAtMs, nineHoursAgo);
    await index.load([anIdentity()]);
    await index.load([anIdentity()], nineHoursAgo);
    assert.equal(states()[0], "RRK feeding");
  });

  it("is computed at most once a second", async () => {
    const first = index.locator.coverage();
    await clock.advance(999);
    assert.equal(index.locator.coverage(), first);
    await clock.advance(1);
    assert.notEqual(index.locator.coverage(), first);
  });
});
