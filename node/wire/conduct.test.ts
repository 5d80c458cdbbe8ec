import assert from "node:assert/strict";

import { IDLE_BYTES_AT_ONCE_MAX, IDLE_BYTES_PER_SECOND_MAX } from "./bounds.ts";
import { Conduct, IdleAccount } from "./conduct.ts";

const SECOND_MS = 1_000;

describe("a connection's conduct", () => {
  it("counts as idle what was of no use, once", () => {
    const conduct = new Conduct();
    conduct.use(900);
    assert.equal(conduct.moreIdleBytes(1_000), 100);
    assert.equal(conduct.moreIdleBytes(1_000), 0);
    conduct.use(50);
    assert.equal(conduct.moreIdleBytes(1_060), 10);
  });

  it("counts work for nothing", () => {
    const conduct = new Conduct();
    conduct.use(100);
    conduct.waste(1_024);
    assert.equal(conduct.moreIdleBytes(100), 1_024);
  });

  it("gives no credit for headers that were smaller on the wire than unpacked", () => {
    const conduct = new Conduct();
    conduct.use(8_000);
    assert.equal(conduct.moreIdleBytes(100), 0);
    assert.equal(conduct.moreIdleBytes(600), 500);
  });
});

describe("the account of idle bytes", () => {
  it("forgives its rate, for hours", () => {
    const account = new IdleAccount(0);
    for (let seconds = 1; seconds <= 3_600; seconds++) {
      account.charge(IDLE_BYTES_PER_SECOND_MAX, seconds * SECOND_MS);
      assert.ok(!account.isOverdrawn(), `${seconds} s`);
    }
    assert.ok(account.isEmpty());
  });

  it("is overdrawn where more comes at once than is allowed", () => {
    const account = new IdleAccount(0);
    account.charge(IDLE_BYTES_AT_ONCE_MAX, 0);
    assert.ok(!account.isOverdrawn());
    account.charge(1, 0);
    assert.ok(account.isOverdrawn());
  });

  it("is overdrawn where twice the rate goes on", () => {
    const account = new IdleAccount(0);
    const seconds = IDLE_BYTES_AT_ONCE_MAX / IDLE_BYTES_PER_SECOND_MAX;
    for (let second = 1; second <= seconds + 1; second++) {
      account.charge(2 * IDLE_BYTES_PER_SECOND_MAX, second * SECOND_MS);
      assert.equal(account.isOverdrawn(), second > seconds, `${second} s`);
    }
  });

  it("saves nothing up in quiet hours", () => {
    const account = new IdleAccount(0);
    account.charge(0, 3_600 * SECOND_MS);
    account.charge(IDLE_BYTES_AT_ONCE_MAX + 1, 3_600 * SECOND_MS);
    assert.ok(account.isOverdrawn());
  });
});
