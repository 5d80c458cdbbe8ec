import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

import type { Manifest, Member } from "../../topology/manifest.ts";
import type { NodeId } from "../base/words.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { startWitnessing } from "./witnessing.ts";

const ROUND_MS = 10_000;

/** A log without an entry. */
const EMPTY_LOG = {
  run: (name: string) =>
    Promise.resolve(
      name === "audit.tree-head" ? { size: 0, root: new Uint8Array(), earlierRoot: new Uint8Array() } : [],
    ),
} as unknown as StoreExecutor;

function aManifest(nodes: number): Manifest {
  const { publicKey } = generateKeyPairSync("ed25519");
  const assertionKey = publicKey.export({ format: "jwk" }).x!;
  const members = Array.from({ length: nodes }, (_, at) => ({ id: `node-${at}`, status: "live", assertionKey }));
  const network = { name: "Trial", domain: "trial.corridor.example", authority: "Nobody" };
  return { network, members: members as Member[] } as Manifest;
}

/** Who was asked in each of some rounds. */
async function roundsOf(nodes: number, rounds: number): Promise<string[][]> {
  const clock = makeFakeClock();
  const manifest = aManifest(nodes);
  const asked: string[][] = [];
  let now: string[] = [];
  const witnessing = await startWitnessing({
    ...{ ownId: "node-0" as NodeId, manifest: () => manifest, store: EMPTY_LOG, clock, alarm() {} },
    signNote: () => Promise.resolve(new Uint8Array(64)),
    transport: {
      addCheckpoint: () => Promise.resolve({ status: 404, body: "" }),
      async listCheckpoints({ id }) {
        now.push(id);
        return [];
      },
      proveConsistency: () => Promise.resolve([]),
    },
  });
  for (let round = 0; round < rounds; round++) {
    now = [];
    asked.push(now);
    await clock.advance(ROUND_MS);
  }
  await witnessing.stop();
  return asked;
}

describe("comparing what witnesses vouch for", () => {
  it("asks everybody each time where they are few", async () => {
    for (const round of await roundsOf(9, 2)) assert.equal(new Set(round).size, 8);
  });

  it("asks so many each time where they are many, and everybody in turn", async () => {
    const rounds = await roundsOf(36, 5);
    for (const round of rounds) assert.equal(new Set(round).size, 8);
    assert.equal(new Set(rounds.flat()).size, 35);
  });

  it("has nobody to ask in a network of one", async () => {
    assert.deepEqual(await roundsOf(1, 2), [[], []]);
  });
});
