import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readTopology } from "../../topology/topology.ts";
import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import { aPermit, byNumber } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type Quota, type QuotaAlarm, makeQuota } from "./quota.ts";
import { type QuotaMemory, openQuotaMemory } from "./quota-memory.ts";

const SWEEPER = "wm-cw" as NodeId;
const HONEST = "wm-bsol" as NodeId;
const MILLION = 1_000_000;
const PER_MILLION = 6_000;
const HOUR_MS = 3_600_000;

const REGISTERED: Claim["relationship"] = { kind: "registered" };
const ATTENDING: Claim["relationship"] = { kind: "attendance", reference: "A-17" };

describe("a quota", () => {
  let folder: string;
  let clock: FakeClock;
  let quota: Quota;
  let alarms: QuotaAlarm[];
  let faults: string[];

  const inFile = (): QuotaMemory => openQuotaMemory(join(folder, "quotas.json"), (text) => faults.push(text));
  const nowhere: QuotaMemory = { before: { atMs: 0, askers: {} }, keep: () => Promise.resolve() };
  const open = (memory = nowhere, populations: Readonly<Record<string, number>> = {}): Quota =>
    makeQuota({
      ...{ clock, random: seededRandom(1), patientsPerMillion: PER_MILLION },
      populationOf: (asker) => populations[asker] ?? MILLION,
      memory,
      alarm: (alarm) => alarms.push(alarm),
    });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-quota-"));
    clock = makeFakeClock();
    alarms = [];
    faults = [];
    quota = open();
  });
  afterEach(async () => {
    await quota.close();
    rmSync(folder, { recursive: true, force: true });
  });

  let invented = 0;
  /** Somebody new each time; `who` the same somebody again. */
  function asks(asker: NodeId, relationship = REGISTERED, who = ++invented): Failure | undefined {
    const claim = { ...aPermit().claim, purpose: "TREAT" as const, relationship };
    try {
      quota.admit({ asker, patient: byNumber("9000000009", dateOf(who)), claim });
      return undefined;
    } catch (thrown) {
      assert.ok(thrown instanceof Failure);
      return thrown;
    }
  }
  const sweep = (asker: NodeId, count: number, relationship = REGISTERED): number =>
    Array.from({ length: count }, () => asks(asker, relationship)).filter((refused) => refused === undefined).length;
  const eventsOf = (): string[] => alarms.map(({ event }) => event);

  it("lets an asker ask about so many patients in an hour, by its population, and tells it when to ask again", () => {
    assert.equal(sweep(SWEEPER, 10_000), PER_MILLION);
    const refused = asks(SWEEPER);
    assert.equal(refused?.code, "over-quota");
    assert.ok(
      refused.retryAfterMs! > 0 && refused.retryAfterMs! <= HOUR_MS / PER_MILLION + 1,
      "the time of one patient",
    );
  });

  it("gives back what was spent as the hour goes by", async () => {
    sweep(SWEEPER, PER_MILLION);
    await clock.advance(HOUR_MS / 6);
    assert.equal(sweep(SWEEPER, 2_000), PER_MILLION / 6);
  });

  it("holds nobody else to what one has spent", () => {
    sweep(SWEEPER, 10_000);
    assert.equal(sweep(HONEST, 1_000), 1_000);
  });

  it("counts a patient once, however often asked about in the hour, and each guess of a birth date anew", () => {
    sweep(SWEEPER, PER_MILLION - 1);
    for (let again = 0; again < 50; again++) assert.equal(asks(SWEEPER, REGISTERED, 1_000_000), undefined);
    assert.equal(asks(SWEEPER)?.code, "over-quota");
    assert.equal(asks(SWEEPER, REGISTERED, 1_000_000), undefined, "who was asked about may be asked about again");
  });

  it("charges dearly for numbers that are somebody else's: guessing is over sooner", () => {
    let answered = 0;
    while (asks(SWEEPER) === undefined) {
      quota.noteMismatch({ asker: SWEEPER, patient: byNumber("9000000009", dateOf(invented)) });
      answered++;
    }
    assert.ok(answered < PER_MILLION / 20, `${answered} guesses`);
    assert.ok(alarms.some(({ mismatches }) => mismatches > 100));
  });

  it("charges once for a number that a screen asks about with the wrong birth date again and again", () => {
    for (let again = 0; again < PER_MILLION; again++) {
      assert.equal(asks(SWEEPER, REGISTERED, 1_000_000), undefined);
      quota.noteMismatch({ asker: SWEEPER, patient: byNumber("9000000009", dateOf(1_000_000)) });
    }
    assert.equal(sweep(SWEEPER, PER_MILLION), PER_MILLION - 21);
  });

  it("lets attendances pass with an alarm, up to what no emergency department could see, and never tells of it", () => {
    sweep(SWEEPER, PER_MILLION);
    assert.equal(sweep(SWEEPER, 10_000, ATTENDING), 2_000);
    assert.deepEqual(eventsOf(), ["peer-asks-a-lot", "peer-over-quota-urgent", "peer-over-quota"]);
    assert.equal(
      asks(SWEEPER, { kind: "attendance", reference: "" })?.code,
      "over-quota",
      "one without a reference is none",
    );
  });

  it("alarms at half, and once for each cause until there was a quiet hour", async () => {
    sweep(SWEEPER, PER_MILLION / 2);
    assert.deepEqual(eventsOf(), ["peer-asks-a-lot"]);
    sweep(SWEEPER, PER_MILLION * 2);
    assert.deepEqual(eventsOf(), ["peer-asks-a-lot", "peer-over-quota"]);
    assert.deepEqual([alarms[1]?.peer, alarms[1]?.patients], [SWEEPER, PER_MILLION]);
    await clock.advance(2 * HOUR_MS);
    sweep(SWEEPER, PER_MILLION * 2);
    assert.equal(alarms.length, 4, "told again");
  });

  it("follows the asker's habit down to a third of what its population allows, and up again", async () => {
    for (let hour = 0; hour < 9 * 24; hour++) {
      sweep(SWEEPER, 5);
      await clock.advance(HOUR_MS);
    }
    assert.equal(sweep(SWEEPER, 10_000), PER_MILLION / 3);
    for (let hour = 0; hour < 9 * 24; hour++) {
      await clock.advance(HOUR_MS);
      sweep(SWEEPER, 400);
    }
    await clock.advance(HOUR_MS);
    assert.ok(sweep(SWEEPER, 10_000) > 4_000);
  });

  it("allows a thousand an hour however few people the asker serves, and whoever it is", async () => {
    await quota.close();
    quota = open(nowhere, { [SWEEPER]: 0 });
    assert.equal(sweep(SWEEPER, 5_000), 1_000);
  });

  it("remembers across a restart what was spent, and no patient", async () => {
    quota = open(inFile());
    sweep(SWEEPER, PER_MILLION);
    await quota.close();
    const kept = readFileSync(join(folder, "quotas.json"), "utf8");
    assert.doesNotMatch(kept, /9000000009|19\d\d-/);
    quota = open(inFile());
    assert.ok(sweep(SWEEPER, 100) <= 1);
    await clock.advance(HOUR_MS / 6);
    assert.equal(sweep(SWEEPER, 2_000), PER_MILLION / 6);
  });

  it("is kept each minute, so that a kill gives back a minute's at most", async () => {
    quota = open(inFile());
    sweep(SWEEPER, PER_MILLION);
    await clock.advance(60_000);
    await waitFor(() => readFileSync(join(folder, "quotas.json"), "utf8").includes(SWEEPER));
    const killed = quota;
    quota = open(inFile());
    assert.ok(sweep(SWEEPER, 1_000) <= PER_MILLION / 60 + 1);
    await killed.close();
  });

  it("begins anew, and says so, where what was kept cannot be read", async () => {
    await quota.close();
    writeFileSync(join(folder, "quotas.json"), '{"atMs":"yesterday"}');
    quota = open(inFile());
    assert.match(faults.join(), /begin anew: .*quotas\.json/);
    assert.equal(asks(SWEEPER), undefined);
  });

  describe("on a Monday at ten, at five times the region's rate", () => {
    // Attendances: 27.2 million a year in England, in that hour at twice the mean. All looking: 19 a second there in a busy
    // hour, which is 2.5 times the mean. Both in proportion to the area's people.
    const england = 63_000_000;
    const attendances = (2 * 27_200_000) / (365 * 24) / england;
    const looks = (19 * 3_600) / england;
    const { nodes } = readTopology(join(import.meta.dirname, "../../topology/west-midlands.yaml"));
    const populations = Object.fromEntries(nodes.map(({ id, population }) => [id, population]));

    /** A week at a share of what a busy network looks at, then three hours of the morning: how many were not answered. */
    async function blocked(usualShare: number, morningShare: number): Promise<{ attending: number; looking: number }> {
      await quota.close();
      quota = open(nowhere, populations);
      for (let hour = 0; usualShare > 0 && hour < 7 * 24; hour++) {
        for (const { id, population } of nodes) sweep(id, (usualShare * population * looks) / 2.5);
        await clock.advance(HOUR_MS);
      }
      const refused = { attending: 0, looking: 0 };
      for (let minute = 0; minute < 180; minute++) {
        for (const { id, population } of nodes) {
          const attending = Math.ceil((5 * population * attendances) / 60);
          const looking = Math.ceil((5 * morningShare * population * looks) / 60);
          refused.attending += attending - sweep(id, attending, ATTENDING);
          refused.looking += looking - sweep(id, looking);
        }
        await clock.advance(60_000);
      }
      return refused;
    }

    it("blocks nobody, in a network that is used as much as any, little, or since today", async () => {
      for (const [usual, morning] of [
        [1, 1],
        [0.02, 0.02],
        [0, 1],
      ] as const) {
        assert.deepEqual(await blocked(usual, morning), { attending: 0, looking: 0 }, `${usual} of the usual rate`);
      }
    }).timeout(60_000);

    it("blocks no attendance though the same area looks at two hundred and fifty times what it usually does", async () => {
      const { attending, looking } = await blocked(0.02, 1);
      assert.equal(attending, 0);
      assert.ok(looking > 0, "it is held to its habit");
    }).timeout(60_000);
  });
});

/** A different day for each, some of them more than once in a thousand years. */
function dateOf(who: number): string {
  return new Date(Date.UTC(1900, 0, 1) + (who % 45_000) * 86_400_000).toISOString().slice(0, 10);
}

async function waitFor(done: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      if (done()) return;
    } catch {
      // not there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("it did not come");
}
