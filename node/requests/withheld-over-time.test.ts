import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import { seededRandom } from "../base/random.ts";
import { makeNumberStandingStore, LIVING } from "../mpi/number-standing.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import {
  anIdentity,
  anIdentityRecord,
  anObjection,
  aPointer,
  byNumber,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { type FeedChange, makeHandlers, takeFeedMessage } from "./feed-message.ts";

const { nhsNumber, birthDate } = anIdentityRecord();

describe("what is withheld of a patient", () => {
  let index: TestIndex;

  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const shown = (): readonly string[] =>
    index
      .find(byNumber(nhsNumber, birthDate))
      .pointers.map(({ recordType }) => recordType)
      .toSorted();

  it("is the most that any of their records says while these are one, and each one's own once they are parted", async () => {
    const clock = makeFakeClock();
    const store = makeInlineExecutor(index.db, makeHandlers(index.db, seededRandom(5)));
    const say = (change: FeedChange) =>
      takeFeedMessage({ feed: "pas", provider: "RRK", changes: new Concealed([change]) }, { clock, store });
    await index.load([
      anIdentity({ localId: "P1" }),
      anIdentity({ localId: "P2", nhsNumber: "", nhsNumberStatus: "", givenName: "A" }),
      aPointer({ localId: "P1", recordId: "D1", recordType: "allergies" }),
      aPointer({ localId: "P1", recordId: "D2", recordType: "discharge-letter" }),
      anObjection({ localId: "P2", objectionId: "O2", scope: "type:allergies" }),
    ]);
    assert.deepEqual(shown(), ["allergies", "discharge-letter"]);
    assert.equal((await say({ kind: "merge", losing: "P2", winning: "P1" })).kind, "taken");
    assert.deepEqual(shown(), ["discharge-letter"]);
    assert.equal((await say({ kind: "unmerge", losing: "P2" })).kind, "taken");
    assert.deepEqual(shown(), ["allergies", "discharge-letter"]);
  });

  it("does not change when they have died, nor when that was a mistake: nothing is refused for it", async () => {
    await index.load([
      anIdentity(),
      aPointer({ recordId: "D1", recordType: "allergies" }),
      aPointer({ recordId: "D2", recordType: "discharge-letter" }),
      anObjection({ scope: "type:allergies" }),
    ]);
    const stand = makeNumberStandingStore(index.db);
    const alive = index.find(byNumber(nhsNumber, birthDate));
    assert.deepEqual(shown(), ["discharge-letter"]);
    for (const deathRegistered of [false, true]) {
      stand(Number(nhsNumber), { ...LIVING, died: "2026-11-01", deathRegistered });
      assert.deepEqual(index.find(byNumber(nhsNumber, birthDate)), alive);
    }
    stand(Number(nhsNumber), LIVING);
    assert.deepEqual(index.find(byNumber(nhsNumber, birthDate)), alive);
  });
});
