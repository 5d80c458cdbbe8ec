import assert from "node:assert/strict";

import type { Manifest } from "../../topology/manifest.ts";
import { seededRandom } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { startManifestExchange } from "./exchange-manifests.ts";

const [OWN, PEER] = ["ash" as NodeId, "elm" as NodeId];

describe("the manifest's way from node to node", () => {
  it("tells how long after this node a member was first heard to enforce the one in force here", async () => {
    const clock = makeFakeClock();
    let [sequence, theirs] = [17, 17];
    const manifest = (): Manifest =>
      ({ sequence, members: [OWN, PEER].map((id) => ({ id, status: "live" })) }) as unknown as Manifest;
    const exchange = startManifestExchange({
      ...{ ownId: OWN, clock, random: seededRandom(1), alarm: () => {} },
      directory: { inForce: () => ({ manifest: manifest() }), signed: () => "", offer: () => Promise.resolve() },
      exchange: () => Promise.resolve({ sequence: theirs }),
    });
    try {
      assert.equal(exchange.lagMs(PEER), undefined, "it was not heard");
      exchange.answer(PEER, 17);
      assert.equal(exchange.lagMs(PEER), 0);
      sequence = 18;
      await clock.advance(1_000);
      assert.equal(exchange.lagMs(PEER), undefined, "it has the older one");
      await clock.advance(38_000);
      theirs = 18;
      exchange.answer(PEER, theirs);
      assert.ok(Math.abs(exchange.lagMs(PEER)! - 38_000) <= 1_000);
      await clock.advance(60_000);
      exchange.answer(PEER, theirs);
      assert.ok(exchange.lagMs(PEER)! <= 39_000, "what counts is when it was first heard");
    } finally {
      await exchange.stop();
    }
  });
});
