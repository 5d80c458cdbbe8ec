import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Failure } from "../base/failure.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type Quarantine, openQuarantine, readQuarantined } from "./quarantine.ts";

describe("a quarantine", () => {
  let folder: string;
  let path: string;
  let clock: FakeClock;
  let quarantine: Quarantine;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-quarantine-"));
    path = join(folder, "quarantine.json");
    clock = makeFakeClock();
    quarantine = openQuarantine(path, clock);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const entry = (peer: string, forMs?: number) => ({
    ...{ peer, reason: "Asks about everybody", by: "an.operator", sinceMs: clock.wallMs() },
    ...(forMs !== undefined && { untilMs: clock.wallMs() + forMs }),
  });

  it("refuses one peer and no other, by a code that says nothing of any patient", async () => {
    await quarantine.add(entry("wm-cw"));
    assert.deepEqual(quarantine.refusalOf("wm-cw"), { kind: "refused", code: "not-permitted", reason: "quarantined" });
    assert.equal(quarantine.refusalOf("wm-bsol"), undefined);
  });

  it("ends when somebody releases the peer, or when its time is over", async () => {
    await quarantine.add(entry("wm-cw", 3_600_000));
    await quarantine.add(entry("wm-hw"));
    assert.equal(await quarantine.release("wm-hw"), true);
    assert.equal(await quarantine.release("wm-hw"), false, "it is out already");
    await clock.advance(3_599_999);
    assert.notEqual(quarantine.refusalOf("wm-cw"), undefined);
    await clock.advance(1);
    assert.equal(quarantine.refusalOf("wm-cw"), undefined);
    assert.deepEqual(quarantine.list(), []);
  });

  it("is in force after a restart", async () => {
    await quarantine.add(entry("wm-cw"));
    assert.deepEqual(openQuarantine(path, clock).list(), [entry("wm-cw")]);
  });

  it("is whole after several at once", async () => {
    await Promise.all(["wm-cw", "wm-hw", "wm-stw"].map((peer) => quarantine.add(entry(peer))));
    assert.equal(readQuarantined(path).length, 3);
  });

  it("is in force though it cannot be kept, and says that it would be forgotten", async () => {
    mkdirSync(`${path}.new`);
    await assert.rejects(quarantine.add(entry("wm-cw")), (thrown) => isFailure(thrown, "store-unavailable"));
    assert.notEqual(quarantine.refusalOf("wm-cw"), undefined);
  });

  it("does not guess whom a spoilt file held", () => {
    writeFileSync(path, "[{]");
    assert.throws(
      () => openQuarantine(path, clock),
      (thrown) => isFailure(thrown, "configuration"),
    );
    assert.equal(readFileSync(path, "utf8"), "[{]");
  });
});

function isFailure(thrown: unknown, code: string): boolean {
  return thrown instanceof Failure && thrown.code === code && thrown.message.includes("quarantine.json");
}
