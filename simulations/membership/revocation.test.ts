import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { authorityFiles, nodeFiles } from "../../certs/layout.ts";
import { writeNextCrl } from "../../certs/revoke.ts";
import { issueNode } from "../../certs/issue.ts";
import { readCertificates } from "../../certs/pem.ts";
import { type Manifest, readUnverified, signManifest } from "../../topology/manifest.ts";
import { systemClock } from "../../node/base/clock.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ask, outcomeAt } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson } from "../testing/people.ts";

const START_MS = 60_000;
/** A second for the node to look at the file, one for the question, and twice as much where the machine is busy. */
const REFUSED_WITHIN_MS = 6_000;

const AREAS = ["ash", "birch", "cedar"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));

describe("a certificate that is revoked", function () {
  this.timeout(START_MS);
  const patient = aPerson(1, "1961-04-12", [{ area: "birch", records: ["discharge-letter"] }]);
  let network: TestNetwork;

  before(async () => {
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: ["ash", "birch", "cedar"] }], people: [patient] },
    });
  });
  after(async () => {
    await network?.stop();
  });

  /** Publishes the manifest in force with the authority's list of today. */
  async function publish(change: (manifest: Manifest) => Manifest): Promise<void> {
    const { certs, manifest } = network.mesh.paths;
    const now = readUnverified(readFileSync(manifest, "utf8"));
    const next = change({ ...now, sequence: now.sequence + 1, issuedAt: new Date().toISOString() });
    writeFileSync(`${manifest}.new`, await signManifest(next, readFileSync(authorityFiles(certs).manifestKey, "utf8")));
    renameSync(`${manifest}.new`, manifest);
  }

  async function revoke(nodeId: string): Promise<void> {
    const { certs } = network.mesh.paths;
    const files = nodeFiles(certs, nodeId);
    const [leaf] = readCertificates(readFileSync(files.certificate, "utf8"), files.certificate);
    const order = { authority: "north", serial: leaf!.serialNumber.toLowerCase(), clock: systemClock };
    const { path } = await writeNextCrl(certs, { ...order, reason: "key-compromise" });
    await publish((manifest) => ({ ...manifest, crls: [base64OfPem(readFileSync(path, "utf8"))] }));
  }

  async function untilOutcome(nodeId: string, via: string, wanted: (outcome: string) => boolean): Promise<number> {
    const startedMs = performance.now();
    for (;;) {
      const [outcome] = outcomeAt(await ask(network, patient, { via }), nodeId);
      if (wanted(outcome)) return performance.now() - startedMs;
      if (performance.now() - startedMs > 10 * REFUSED_WITHIN_MS) assert.fail(`${nodeId} stays at ${outcome}`);
      await sleep(50);
    }
  }

  catalogueRow(
    {
      id: "R1",
      title: "gets no answer and gives none once the node knows, and its renewed one does",
      quick: 1,
      full: 100,
      timeoutMs: 900_000,
    },
    async (trials) => {
      let slowestMs = 0;
      for (const trial of trials) {
        await untilOutcome("birch", "ash", (outcome) => outcome === "records");
        await revoke("birch");
        // Nothing of what it says is taken, and nothing is said to it.
        const asHolder = await untilOutcome("birch", "ash", (outcome) => outcome === "unreachable");
        const asAsker = await untilOutcome("ash", "birch", (outcome) => outcome === "unreachable");
        slowestMs = Math.max(slowestMs, asHolder, asAsker);
        assert.ok(Math.max(asHolder, asAsker) < REFUSED_WITHIN_MS, `trial ${trial}: ${asHolder} ms, ${asAsker} ms`);
        await untilOutcome("cedar", "ash", (outcome) => outcome === "nothing-to-show");

        const node = network.mesh.node("birch");
        await node.process.stop();
        await issueNode(network.mesh.paths.certs, {
          id: "birch",
          collaborative: "north",
          clock: systemClock,
          replace: true,
        });
        await node.restart();
      }
      return { counts: { revoked: trials.count }, worst: { "refused after ms": Math.round(slowestMs) } };
    },
  );

  it("R4: stays refused whatever is put in the list's place: none, an older one, one that nobody signed", async () => {
    await untilOutcome("birch", "ash", (outcome) => outcome === "records");
    await revoke("birch");
    await untilOutcome("birch", "ash", (outcome) => outcome === "unreachable");
    const { crls } = readUnverified(readFileSync(network.mesh.paths.manifest, "utf8"));
    for (const put of [[], ["MAA="], [crls![0]!.slice(0, 200)]]) {
      await publish((manifest) => ({ ...manifest, crls: put }));
      await sleep(1_500);
      assert.match(outcomeAt(await ask(network, patient, { via: "ash" }), "birch")[0], /^(?:unreachable|resting)$/);
    }
  });
});

function base64OfPem(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
