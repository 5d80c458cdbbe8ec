import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { anIdentity, anObjection, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { Purpose } from "../base/words.ts";
import { recordKey } from "../base/withheld.ts";
import { type ObjectionState, parseObjectionScope } from "./objection-store.ts";

describe("objections", () => {
  let index: TestIndex;
  beforeEach(async () => {
    index = openTestIndex();
    await index.load([anIdentity(), anIdentity({ provider: "RJE", localId: "X9" })]);
  });
  afterEach(() => index.close());

  const effective: Record<ObjectionState, boolean> = {
    received: true,
    upheld: true,
    declined: false,
    withdrawn: false,
  };
  for (const [state, isEffective] of Object.entries(effective)) {
    it(`are ${isEffective ? "" : "not "}effective when ${state}`, async () => {
      await index.load([anObjection({ state: state as ObjectionState })]);
      assert.equal(index.objections.withheld([1], "TREAT").everything, isEffective);
    });
  }

  it("count for the person, whichever provider received them, and for nobody else", async () => {
    await index.load([anObjection({ provider: "RJE", localId: "X9" })]);
    assert.ok(index.objections.withheld([1, 2], "TREAT").everything);
    assert.ok(!index.objections.withheld([1], "TREAT").everything);
  });

  it("give way to emergency access only where the patient allows it, the most restrictive first", async () => {
    await index.load([anObjection({ overrideInEmergency: true })]);
    assert.ok(index.objections.withheld([1], "ETREAT").everything);
    assert.ok(!index.objections.withheld([1], "BTG").everything);
    await index.load([anObjection({ objectionId: "O2", overrideInEmergency: false })]);
    assert.ok(index.objections.withheld([1], "BTG").everything);
  });

  it("end when the provider says so", async () => {
    await index.load([anObjection()]);
    await index.load([anObjection({ state: "withdrawn" })]);
    assert.ok(!index.objections.withheld([1], "TREAT").everything);
  });

  it("withhold what they are about, all of them together, and no longer than they are in force", async () => {
    await index.load([
      anObjection({ objectionId: "O1", scope: "type:maternity" }),
      anObjection({ objectionId: "O2", scope: "organisation:RJE", overrideInEmergency: true }),
      anObjection({ objectionId: "O3", scope: "record:R7", provider: "RJE", localId: "X9" }),
    ]);
    const parts = (purpose: Purpose, ...identities: number[]) => {
      const { everything, recordTypes, organisations, records } = index.objections.withheld(identities, purpose);
      return [everything, [...recordTypes], [...organisations], [...records]];
    };
    assert.deepEqual(parts("TREAT", 1, 2), [false, ["maternity"], ["RJE"], [recordKey("RJE", "R7")]]);
    assert.deepEqual(parts("BTG", 1, 2), [false, ["maternity"], [], [recordKey("RJE", "R7")]], "one gives way");
    assert.deepEqual(parts("TREAT", 2), [false, [], [], [recordKey("RJE", "R7")]], "unmerged, each has their own");
    await index.load([anObjection({ objectionId: "O1", scope: "type:maternity", state: "withdrawn" })]);
    assert.deepEqual(parts("TREAT", 1), [false, [], ["RJE"], []]);
    await index.load([anObjection({ objectionId: "O2" })]);
    assert.deepEqual(parts("TREAT", 1), [true, [], [], []], "widened to everything");
  });

  it("are about everything again where what they are about was lost, so that more is withheld and not less", async () => {
    await index.load([anObjection({ scope: "type:maternity" })]);
    index.db.exec("UPDATE objection_detail SET scope = 'type:ecg'");
    assert.throws(() => index.objections.withheld([1], "TREAT"), Failure);
    index.db.exec("DELETE FROM objection_detail");
    assert.ok(index.objections.withheld([1], "TREAT").everything);
  });

  it("are not read from a damaged row", async () => {
    await index.load([anObjection()]);
    index.db.exec("UPDATE objection SET state = 'withdrawn'");
    assert.throws(
      () => index.objections.withheld([1], "TREAT").everything,
      (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
    );
  });
});

describe("what an objection is about", () => {
  it("is read in three forms and no other", () => {
    assert.deepEqual(parseObjectionScope("organisation:RRK"), { kind: "organisation", code: "RRK" });
    assert.deepEqual(parseObjectionScope("type:maternity"), { kind: "type", recordType: "maternity" });
    assert.deepEqual(parseObjectionScope("record:a:b"), { kind: "record", recordId: "a:b" });
    for (const wrong of ["", "everything", "type:", "type:letters", "organisation:rrk", "record:", "Type:maternity"]) {
      assert.equal(parseObjectionScope(wrong), undefined, wrong);
    }
  });
});
