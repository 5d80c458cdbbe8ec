import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Manifest, Member } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import type { Settings } from "../config/settings.ts";
import type { Greeting } from "../requests/peers.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { checkClock, checkQuarantine } from "./doctor-peers.ts";

describe("the doctor, of the peers", () => {
  let settings: Settings;
  const clock = makeFakeClock();

  before(() => {
    settings = { id: "wm-bsol", dataDir: mkdtempSync(join(tmpdir(), "corridor-doctor-")) } as Settings;
  });
  after(() => rmSync(settings.dataDir, { recursive: true, force: true }));

  it("names whom the node does not answer, for as long as it does not", () => {
    assert.equal(checkQuarantine(settings, clock), "every member is answered");
    const entry = (peer: string, untilMs?: number) => ({
      ...{ peer, reason: "It sweeps", by: "an.operator", sinceMs: 0 },
      ...(untilMs !== undefined && { untilMs }),
    });
    const held = [entry("wm-cw"), entry("wm-hw", clock.wallMs() + 1), entry("wm-stw", clock.wallMs())];
    writeFileSync(join(settings.dataDir, "quarantine.json"), JSON.stringify(held));
    const found = checkQuarantine(settings, clock);
    assert.ok(typeof found === "object" && found.state === "warning");
    assert.match(found.text, /wm-cw \(by an\.operator: It sweeps\); wm-hw .*'corridor peer release/);
    assert.doesNotMatch(found.text, /wm-stw/);
  });

  it("finds its clock at fault where most peers' say so, and asks nobody who is not live", async () => {
    const member = (id: string, status = "live") => ({ id, status }) as Member;
    const members = [member("wm-bsol"), member("a"), member("b"), member("away"), member("left", "suspended")];
    const manifest = { issuedAt: new Date(clock.wallMs()).toISOString(), members } as unknown as Manifest;
    const asked: string[] = [];
    const examine = (aheadMs: number) =>
      checkClock(settings, manifest, clock, () => ({ id }) => {
        asked.push(id);
        if (id === "away") return Promise.reject(new Failure("unreachable", "It is away."));
        return Promise.resolve({ wallMs: clock.wallMs() - aheadMs } as Greeting);
      });
    assert.match(
      JSON.stringify(await examine(1_000)),
      /^"2026-.*This node's clock is 1 s ahead of the median of 2 peers\."$/,
    );
    assert.deepEqual(asked.toSorted(), ["a", "away", "b"]);
    const found = await examine(-74_000);
    assert.ok(typeof found === "object" && found.state === "fault");
    assert.match(found.text, /74 s behind 2 of 2 peers/);
  });
});
