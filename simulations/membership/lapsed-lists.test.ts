import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { readIssuingAuthority } from "../../certs/authority.ts";
import { signCrl } from "../../certs/crl.ts";
import { authorityFiles } from "../../certs/layout.ts";
import { systemClock } from "../../node/base/clock.ts";
import { readUnverified, signManifest } from "../../topology/manifest.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import { ask, outcomeAt } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson } from "../testing/people.ts";

const DAY_MS = 86_400_000;
const HEARD_WITHIN_MS = 10_000;
const AREAS = ["ash", "birch"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));

/** How long ago a list should have been followed by another, what a node makes of the directory then, and of its peers. */
const LAPSED = [
  { agoMs: 0, ageing: false, outcome: "records" },
  { agoMs: 1.5 * DAY_MS, ageing: true, outcome: "records" },
  { agoMs: 13.9 * DAY_MS, ageing: true, outcome: "records" },
  { agoMs: 14.1 * DAY_MS, ageing: true, outcome: "directory-stale" },
] as const;

describe("a revocation list that nobody has followed", () => {
  const patient = aPerson(1, "1961-04-12", [{ area: "birch", records: ["discharge-letter"] }]);
  let network: TestNetwork;
  before(async function () {
    this.timeout(60_000);
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: ["ash", "birch"] }], people: [patient] },
    });
  });
  after(() => network?.stop());

  const row = {
    id: "R3",
    title: "alarms at once, shows in the verdict from a day on, and refuses peers from fourteen days on",
  };
  catalogueRow({ ...row, quick: 4, full: 20, timeoutMs: 300_000 }, async (trials) => {
    let heardMs = 0;
    for (const trial of trials) {
      const { agoMs, ageing, outcome } = LAPSED[trial % LAPSED.length]!;
      const before = alarms();
      // One that ends while it is in force ends in two seconds.
      const endsMs = systemClock.wallMs() + (agoMs === 0 ? 2_000 : -agoMs);
      await publish(BigInt(trial + 1), endsMs);
      const beganMs = performance.now();
      while (alarms() === before) {
        assert.ok(performance.now() - beganMs < HEARD_WITHIN_MS, "nobody was told");
        await sleep(100);
      }
      heardMs = Math.max(heardMs, performance.now() - beganMs - (agoMs === 0 ? 2_000 : 0));
      const asked = await ask(network, patient);
      assert.equal(outcomeAt(asked, "birch")[0], outcome, `ended ${agoMs / DAY_MS} days ago`);
      assert.equal(asked.verdict.directory.ageing, ageing);
      if (ageing) assert.match(asked.verdict.sentence, /The list of areas was last confirmed/);
    }
    return { counts: { lists: trials.count }, worst: { heardMs: Math.round(heardMs) } };
  });

  /** How often ash was told. */
  function alarms(): number {
    const log = readFileSync(network.mesh.paths.log("ash"), "utf8");
    return log.split("A revocation list of the manifest should have been followed by another").length - 1;
  }

  async function publish(number: bigint, nextUpdateMs: number): Promise<void> {
    const { manifest: path, certs } = network.mesh.paths;
    const issuer = readIssuingAuthority(certs, "north");
    const list = await signCrl({ issuer, number, thisUpdateMs: nextUpdateMs - DAY_MS, nextUpdateMs, revoked: [] });
    const before = readUnverified(readFileSync(path, "utf8"));
    const issuedAt = new Date(systemClock.wallMs()).toISOString();
    const next = { ...before, sequence: before.sequence + 1, issuedAt, crls: [list.toString("base64")] };
    writeFileSync(`${path}.new`, await signManifest(next, readFileSync(authorityFiles(certs).manifestKey, "utf8")));
    renameSync(`${path}.new`, path);
  }
});
