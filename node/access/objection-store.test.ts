import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { anIdentity, anObjection, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { ObjectionState } from "./objection-store.ts";

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
      assert.equal(index.objections.areEffective([1], "TREAT"), isEffective);
    });
  }

  it("count for the person, whichever provider received them, and for nobody else", async () => {
    await index.load([anObjection({ provider: "RJE", localId: "X9" })]);
    assert.ok(index.objections.areEffective([1, 2], "TREAT"));
    assert.ok(!index.objections.areEffective([1], "TREAT"));
  });

  it("give way to emergency access only where the patient allows it, the most restrictive first", async () => {
    await index.load([anObjection({ overrideInEmergency: true })]);
    assert.ok(index.objections.areEffective([1], "ETREAT"));
    assert.ok(!index.objections.areEffective([1], "BTG"));
    await index.load([anObjection({ objectionId: "O2", overrideInEmergency: false })]);
    assert.ok(index.objections.areEffective([1], "BTG"));
  });

  it("end when the provider says so", async () => {
    await index.load([anObjection()]);
    await index.load([anObjection({ state: "withdrawn" })]);
    assert.ok(!index.objections.areEffective([1], "TREAT"));
  });

  it("are not read from a damaged row", async () => {
    await index.load([anObjection()]);
    index.db.exec("UPDATE objection SET state = 'withdrawn'");
    assert.throws(
      () => index.objections.areEffective([1], "TREAT"),
      (thrown) => thrown instanceof Failure && thrown.code === "store-unavailable",
    );
  });
});
