import assert from "node:assert/strict";

import type { Outcome } from "../../node/base/answer.ts";
import { PROTOCOL, type ProtocolVersion, speaksWith } from "../../node/base/words.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import { locate, outcomeAt } from "../testing/asking.ts";
import { aPerson } from "../testing/people.ts";

const { major, minor } = PROTOCOL;

/** What each node speaks; the first is of the version of today. */
const SPOKEN: Readonly<Record<string, ProtocolVersion>> = {
  ash: PROTOCOL,
  beech: { major, minor: minor + 1 },
  cedar: { major, minor: minor + 2 },
  dogwood: { major: major + 1, minor: 0 },
};
const NODES = Object.keys(SPOKEN);

describe("nodes of several protocol versions", function () {
  this.timeout(60_000);
  const person = aPerson(
    1,
    "1961-04-12",
    NODES.map((area) => ({ area, records: ["encounters"] as const })),
  );
  let network: TestNetwork;

  before(async () => {
    network = await startNetwork({
      areas: NODES.map((id) => ({ id, name: id, collaborative: "trees", region: "Wood" })),
      agreements: [{ between: NODES }],
      people: [person],
    });
    const others = Object.entries(SPOKEN).filter(([id]) => id !== "ash");
    await Promise.all(others.map(([id, version]) => network.startOtherVersion(id, version)));
  });
  after(() => network?.stop());

  // Whoever asks: older, newer, of another major version.
  for (const via of NODES) {
    it(`talk where their minor versions are one apart at most, asked at ${via}`, async () => {
      const located = await locate(network, person, { via, answerByMs: 5_000 });
      const expected = (id: string): Outcome => (speaksWith(SPOKEN[via]!, SPOKEN[id]!) ? "records" : "incompatible");
      for (const id of NODES) assert.equal(outcomeAt(located, id)[0], expected(id), `${via} asks ${id}`);
      assert.equal(located.exitCode, 4);
    });
  }

  it("are all still there afterwards, and answer", async () => {
    for (const { id } of network.mesh.nodes) {
      const located = await locate(network, person, { via: id });
      assert.equal(outcomeAt(located, id)[0], "records");
    }
  });
});
