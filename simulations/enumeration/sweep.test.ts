import assert from "node:assert/strict";
import { join } from "node:path";

import { openAuditReader } from "../../node/audit/audit-reader.ts";
import { systemClock } from "../../node/base/clock.ts";
import { type PeersClient, connectOperator } from "../../node/wire/peers-client.ts";
import { corridor } from "../demo/command.ts";
import { type Figures, catalogueRow } from "../testing/catalogue.ts";
import { rawClient } from "../testing/doors-call.ts";
import { ASKER, type DoorNetwork, type DoorNode, OTHER, makeDoorNetwork } from "../testing/doors-network.ts";
import { everybody, saidOf, sweep } from "./stolen-key.ts";

const NUMBERS = process.env["COUNT"] === "full" ? 10_000 : 3_300;
/** What the asker may ask about in an hour: six thousand for each million people; it serves half a million. */
const BUCKET = 3_000;
/** What else is in the audit: an operator's doings, a few questions, and one refusal a minute. */
const ENTRIES_BESIDE = 50;
const ALARM_WITHIN_MS = 60_000;
const HONEST_QUESTIONS = 100;

describe("a peer that goes through the numbers", () => {
  const titled = `sweep of ${NUMBERS} valid numbers by one peer: held to its bucket, alarmed, stopped in one action`;
  catalogueRow({ id: "X1", title: titled, quick: 1, full: 5, timeoutMs: 600_000 }, async (trials) => {
    let all: Record<string, number> = { sweeps: 0, answered: 0, refused: 0, honestAnswered: 0 };
    let alarmMs = 0;
    for (let sweeps = 0; sweeps < trials.count; sweeps++) {
      const seen = await oneSweep();
      all = Object.fromEntries(Object.entries(all).map(([what, count]) => [what, count + seen.counts[what]!]));
      alarmMs = Math.max(alarmMs, seen.alarmMs);
    }
    return { counts: all, worst: { alarmMs: Math.round(alarmMs) } } satisfies Figures;
  });

  async function oneSweep(): Promise<{ alarmMs: number; counts: Record<string, number> }> {
    const network = await makeDoorNetwork();
    let node = await network.start();
    try {
      const begunMs = performance.now();
      const [sweeper, honest] = [ASKER, OTHER].map((id) => rawClient(node.port, network.nodeTls(id))) as [Raw, Raw];
      const said = new Map<string, number>();
      const honestSaid = new Map<string, number>();
      let alarmMs: Promise<number> | undefined;
      const sweeping = sweep(network, ASKER, sweeper, everybody(0, NUMBERS), (ended) => {
        const what = saidOf(ended);
        said.set(what, (said.get(what) ?? 0) + 1);
        if (what !== "over-quota") return;
        alarmMs ??= untilAlarm(node);
        assert.match(ended.said, /corridor-retry-after-ms: \d+/);
      });
      const asking = sweep(network, OTHER, honest, everybody(900_000, 900_000 + HONEST_QUESTIONS), (ended) => {
        honestSaid.set(saidOf(ended), (honestSaid.get(saidOf(ended)) ?? 0) + 1);
      });
      await Promise.all([sweeping, asking]);
      const [answered, refused] = [said.get("OUTCOME_NOTHING_TO_SHOW") ?? 0, said.get("over-quota") ?? 0];
      const refilled = (BUCKET * (performance.now() - begunMs)) / 3_600_000;
      assert.equal(answered + refused, NUMBERS, JSON.stringify([...said]));
      assert.ok(
        answered >= BUCKET && answered <= BUCKET + refilled + 1,
        `${answered} answers from a bucket of ${BUCKET}`,
      );
      assert.deepEqual([...honestSaid], [["OUTCOME_NOTHING_TO_SHOW", HONEST_QUESTIONS]], "the others have theirs");

      await quarantineHolds();
      const kept = entriesIn(network);
      assert.ok(kept <= answered + HONEST_QUESTIONS + ENTRIES_BESIDE, `${kept} entries: refusals fill the disk`);
      return { alarmMs: await alarmMs!, counts: { sweeps: 1, answered, refused, honestAnswered: HONEST_QUESTIONS } };

      async function quarantineHolds(): Promise<void> {
        const via = ["--via", `https://127.0.0.1:${node.port}`, "--certs", network.callerDir("operator")];
        const action = await corridor(["peer", "quarantine", ASKER, "--for", "1h", "--reason", "It sweeps", ...via]);
        assert.equal(action.exitCode, 0, action.stderr);
        assert.deepEqual(await ask(ASKER, sweeper), "OUTCOME_REFUSED quarantined");
        assert.deepEqual(await ask(OTHER, honest), "OUTCOME_NOTHING_TO_SHOW");
        for (const client of [sweeper, honest]) client.close();
        await node.kill();
        node = await network.start();
        const [again, other] = [ASKER, OTHER].map((id) => rawClient(node.port, network.nodeTls(id))) as [Raw, Raw];
        try {
          assert.deepEqual(await ask(ASKER, again), "OUTCOME_REFUSED quarantined", "after a kill and a restart");
          assert.deepEqual(await asOperator(network, node, listThenRelease), [ASKER]);
          assert.notEqual(await ask(ASKER, again), "OUTCOME_REFUSED quarantined");
        } finally {
          for (const client of [again, other]) client.close();
        }
      }

      async function ask(asker: string, client: Raw): Promise<string> {
        let what = "";
        await sweep(network, asker, client, everybody(950_000, 950_001), (ended) => (what = saidOf(ended)));
        return what;
      }
    } finally {
      await node.kill();
      network.remove();
    }
  }
});

type Raw = ReturnType<typeof rawClient>;

const BY = { userId: "an.operator", reason: "Mended", requestId: "" };

/** @returns who was in quarantine. */
async function listThenRelease(client: PeersClient): Promise<string[]> {
  const { peers } = await client.listPeers(BY);
  const held = peers.filter(({ quarantine }) => quarantine !== undefined).map(({ nodeId }) => nodeId);
  assert.equal(await client.releasePeer(BY, ASKER), true);
  assert.equal(await client.releasePeer(BY, ASKER), false);
  await assert.rejects(client.quarantinePeer(BY, "nobody-one", 0), /no such other member/);
  return held;
}

async function asOperator<Result>(
  network: DoorNetwork,
  { port }: DoorNode,
  work: (client: PeersClient) => Promise<Result>,
): Promise<Result> {
  const client = connectOperator({ host: "127.0.0.1", port, certsDir: network.callerDir("operator") }, systemClock);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function entriesIn(network: DoorNetwork): number {
  const audit = openAuditReader(join(network.dataDir, "audit.db"));
  try {
    return audit.count();
  } finally {
    audit.close();
  }
}

/** @returns how many milliseconds from now on it came. */
async function untilAlarm(node: DoorNode): Promise<number> {
  const begunMs = performance.now();
  while (!/"event":"peer-over-quota"[^\n]*"peer":"asker-one"/.test(node.output())) {
    assert.ok(performance.now() - begunMs < ALARM_WITHIN_MS, "no alarm came");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - begunMs;
}
