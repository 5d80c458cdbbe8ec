import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { readUnverified } from "../../topology/manifest.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ask, outcomeAt } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson } from "../testing/people.ts";

const START_MS = 60_000;
/** What is promised for a whole network. */
const EVERYWHERE_WITHIN_MS = 60_000;

const AREAS = ["ash", "birch", "cedar", "dunes"].map((id) => ({
  id,
  name: id,
  collaborative: "north",
  region: "Upland",
}));

describe("a manifest on its way from node to node", function () {
  this.timeout(START_MS);
  const patient = aPerson(1, "1961-04-12", [{ area: "cedar", records: ["discharge-letter"] }]);
  let network: TestNetwork;

  before(async () => {
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: AREAS.map(({ id }) => id) }], people: [patient] },
    });
  });
  after(async () => {
    await network?.stop();
  });

  const sequenceIn = (path: string): number => readUnverified(readFileSync(path, "utf8")).sequence;

  async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<number> {
    const startedMs = performance.now();
    while (!(await holds())) {
      if (performance.now() - startedMs > EVERYWHERE_WITHIN_MS) assert.fail(`${what} does not come about`);
      await sleep(200);
    }
    return performance.now() - startedMs;
  }

  catalogueRow(
    {
      id: "R5",
      title: "is everywhere within a minute, though nobody publishes it there and one node is down",
      quick: 1,
      full: 20,
      timeoutMs: 1_800_000,
    },
    async (trials) => {
      let slowestMs = 0;
      for (const trial of trials) {
        // A file of its own for cedar, older than the directory may be: it answers nobody, and refuses to ask.
        const own = join(network.folder, "cedar.manifest.jws");
        await network.fallBehind("cedar", 15);
        await network.mesh.node("dunes").process.stop();
        assert.notEqual(outcomeAt(await ask(network, patient), "cedar")[0], "records", `trial ${trial}`);
        await network.publish();
        const newest = sequenceIn(network.mesh.paths.manifest);
        const tookMs = await until("the newest manifest at cedar", () => sequenceIn(own) === newest);
        await until("cedar's answer", async () => outcomeAt(await ask(network, patient), "cedar")[0] === "records");
        slowestMs = Math.max(slowestMs, tookMs);
        await network.mesh.node("dunes").restart();
      }
      return { counts: { published: trials.count }, worst: { "there after ms": Math.round(slowestMs) } };
    },
  );
});
