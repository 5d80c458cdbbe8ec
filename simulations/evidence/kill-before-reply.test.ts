import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { verifyLog } from "../../node/audit/verify-log.ts";
import { systemClock } from "../../node/base/clock.ts";
import { orderedUuid } from "../../node/base/ordered-uuid.ts";
import { seededRandom, systemRandom } from "../../node/base/random.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { LocateResponse } from "../../node/wire/generated/corridor/v1/federation_service.ts";
import { withNetwork } from "../durability/with-network.ts";
import { saidOf } from "../enumeration/stolen-key.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD, type RawClient, rawClient } from "../testing/doors-call.ts";
import { ASKER, type DoorNetwork } from "../testing/doors-network.ts";
import { aLocate, batch, header, locateBytes, peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { peopleToLoad, somebodyOf } from "./empty-causes.ts";

/** Questions under way at once, of a peer and of the node's own ward: some are always between their entry and their reply. */
const [PEER_LANES, WARD_LANES] = [12, 4];
/** Longest time from the first reply to the kill. */
const KILL_WITHIN_MS = 300;

/** What was asked in one life of the node, by request. */
interface Asked {
  readonly sent: string[];
  /** Those of them whose records left the node. */
  readonly disclosed: string[];
}

describe("a node that is killed between writing an answer down and giving it", () => {
  catalogueRow(
    {
      ...{ id: "A1", title: "kill -9 between audit append and reply: no disclosure without a durable record" },
      ...{ quick: 10, full: 200, timeoutMs: 240_000 },
    },
    (trials) =>
      withNetwork(async (network) => {
        let node = await network.start();
        await load(network, node.port);
        const counts = { kills: 0, disclosures: 0, unrecorded: 0, recordedButNotSent: 0 };
        for (const trial of trials) {
          const clients = [
            rawClient(node.port, network.nodeTls(ASKER)),
            rawClient(node.port, network.callerTls("ward")),
          ];
          const asked: Asked = { sent: [], disclosed: [] };
          const [asker, ward] = clients as [RawClient, RawClient];
          const asking = [
            ...Array.from({ length: PEER_LANES }, () => askOn(asked, (id) => askAsPeer(network, asker, id))),
            ...Array.from({ length: WARD_LANES }, () => askOn(asked, (id) => askAtWard(ward, id))),
          ];
          while (asked.disclosed.length === 0) await sleep(2);
          await sleep(KILL_WITHIN_MS * seededRandom(crc32(trials.seed(trial))).fraction());
          await node.kill();
          await Promise.all(asking);
          for (const client of clients) client.close();
          node = await network.start();

          const recorded = recordedIn(network, asked.sent);
          const unrecorded = asked.disclosed.filter((requestId) => !recorded.has(requestId));
          assert.deepEqual(unrecorded, [], `trial ${trial}: nobody can tell of these to whom they went`);
          counts.kills++;
          counts.disclosures += asked.disclosed.length;
          counts.recordedButNotSent += recorded.size - asked.disclosed.length;
        }
        assert.ok(counts.recordedButNotSent > 0, "some were between their entry and their reply");
        await node.stop();
        const audit = openDatabase(join(network.dataDir, "audit.db"), { readonly: true });
        assert.deepEqual(verifyLog(audit).faults, [], "and the tree stands");
        audit.close();
        return { counts };
      }),
  );
});

async function load(network: DoorNetwork, port: number): Promise<void> {
  const feed = rawClient(port, network.callerTls("feed"));
  const loaded = await feed.call(METHOD.load, [header(), batch(1n, peopleToLoad())]);
  feed.close();
  assert.equal(loaded.code, 0, loaded.details);
}

/** Asks one question after the other until the node is gone. */
async function askOn(
  { sent, disclosed }: Asked,
  ask: (requestId: string) => Promise<"records" | "gone">,
): Promise<void> {
  for (;;) {
    const requestId = randomUUID();
    sent.push(requestId);
    const said = await ask(requestId);
    if (said === "gone") return;
    disclosed.push(requestId);
  }
}

async function askAsPeer(network: DoorNetwork, client: RawClient, requestId: string): Promise<"records" | "gone"> {
  const attemptId = orderedUuid(systemRandom, systemClock.wallMs());
  const question = await peerQuestion(network, someone(), { covering: { requestId, attemptId } });
  const ended = await client.call(METHOD.answerLocate, [peerBytes(question)]);
  if (ended.messages.length === 0) return goneBy(ended.failure);
  assert.equal(saidOf({ ...ended, code: 0 }), "OUTCOME_RECORDS");
  return "records";
}

/** The own area's answer comes first, before the verdict: it is disclosed even where the stream then breaks off. */
async function askAtWard(client: RawClient, requestId: string): Promise<"records" | "gone"> {
  const ended = await client.call(METHOD.locate, [locateBytes(aLocate(someone(), { requestId }))]);
  const [first] = ended.messages;
  if (first === undefined) return goneBy(ended.failure);
  assert.equal(LocateResponse.decode(first).event?.$case, "answer");
  return "records";
}

/** A node that is gone says nothing; one that refuses would make the trial pointless. */
function goneBy(failure: string): "gone" {
  assert.equal(failure, "", "the node refused a question");
  return "gone";
}

let asked = 0;
function someone() {
  return somebodyOf("held", asked++);
}

/** Of these requests those whose answer, with its records and whom they are about, stands in the audit. */
function recordedIn({ dataDir }: DoorNetwork, requestIds: readonly string[]): Set<string> {
  const audit = openDatabase(join(dataDir, "audit.db"), { readonly: true });
  try {
    const answered = audit
      .prepare<[string], string>(
        `SELECT DISTINCT request_id FROM audit_log WHERE kind = 'answer' AND outcome = 'records' AND pointer_ids IS NOT NULL
           AND patient IS NOT NULL AND user_id IS NOT NULL AND request_id IN (SELECT value FROM json_each(?))`,
      )
      .pluck();
    return new Set(answered.all(JSON.stringify(requestIds)));
  } finally {
    audit.close();
  }
}
