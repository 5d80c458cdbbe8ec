import assert from "node:assert/strict";
import { join } from "node:path";

import { openAuditReader } from "../../node/audit/audit-reader.ts";
import { seededRandom } from "../../node/base/random.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD, type RawClient, rawClient } from "../testing/doors-call.ts";
import { ASKER, type DoorNetwork, type DoorNode, HOLDER, OTHER, makeDoorNetwork } from "../testing/doors-network.ts";
import { type PeerSpoils, peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { saidOf, somebody } from "./stolen-key.ts";

const ANSWERED = "OUTCOME_NOTHING_TO_SHOW";

describe("a question that was captured", () => {
  let network: DoorNetwork;
  let node: DoorNode;
  let clients: RawClient[];

  before(async () => {
    network = await makeDoorNetwork();
    node = await network.start();
  });
  after(async () => {
    await node.kill();
    network.remove();
  });
  beforeEach(() => {
    clients = [];
  });
  afterEach(() => {
    for (const client of clients) client.close();
  });

  function connect(id: string): RawClient {
    const client = rawClient(node.port, network.nodeTls(id));
    clients.push(client);
    return client;
  }
  const compose = async (count: number, spoils: PeerSpoils = {}, asker: string = ASKER): Promise<Uint8Array> =>
    peerBytes(await peerQuestion(network, somebody(count), spoils, asker));
  const send = async (client: RawClient, bytes: Uint8Array): Promise<string> =>
    saidOf(await client.call(METHOD.answerLocate, [bytes]));

  async function restart(): Promise<void> {
    for (const client of clients.splice(0)) client.close();
    await node.kill();
    node = await network.start();
  }

  const captured = "captured call re-sent from another connection, another peer, a caller";
  catalogueRow({ id: "X6", title: captured, quick: 50, full: 1_000 }, async (trials) => {
    const [asker, again, other, caller] = [connect(ASKER), connect(ASKER), connect(OTHER), asCaller()];
    const said = new Map<string, number>();
    for (const trial of trials) {
      const bytes = await compose(trial);
      // Half of them are stopped on their way: nobody else can use up an attempt, and the asker's own still counts.
      const isStopped = trial % 2 === 1;
      if (!isStopped) assert.equal(await send(asker, bytes), ANSWERED);
      const resent = await Promise.all(
        [again, other, caller].map((from, at) => (isStopped && at === 0 ? Promise.resolve("") : send(from, bytes))),
      );
      if (isStopped) assert.equal(await send(asker, bytes), ANSWERED);
      assert.deepEqual(resent, [isStopped ? "" : "replayed", "not-authenticated", "not-permitted"]);
      for (const each of resent) if (each !== "") said.set(each, (said.get(each) ?? 0) + 1);
    }
    return { counts: { ...Object.fromEntries(said), accepted: 0 } };
  });

  function asCaller(): RawClient {
    const client = rawClient(node.port, network.callerTls("ward"));
    clients.push(client);
    return client;
  }

  catalogueRow({ id: "X8", title: "peer A acting for B", quick: 20, full: 100 }, async (trials) => {
    const [asker, other] = [connect(ASKER), connect(OTHER)];
    const before = answersIn(network);
    const ways: readonly [PeerSpoils, RawClient][] = [
      [{ payload: { asker: OTHER } }, asker],
      [{ payload: { asker: OTHER }, signedBy: OTHER }, asker],
      [{ signedBy: OTHER }, asker],
      [{ payload: { asker: OTHER }, signedBy: ASKER }, other],
      [{ payload: { holder: OTHER } }, asker],
      [{ payload: { asker: HOLDER }, signedBy: HOLDER }, asker],
    ];
    for (const trial of trials) {
      const [spoils, client] = ways[trial % ways.length]!;
      assert.equal(await send(client, await compose(trial, spoils)), "not-authenticated", JSON.stringify(spoils));
    }
    assert.equal(answersIn(network), before, "the audit knows of no answer");
    return { counts: { refused: trials.count, accepted: 0 } };
  });

  const twice = "replay inside and outside the window, across a kill and a restart: 0 processed twice";
  catalogueRow({ id: "T4", title: twice, quick: 60, full: 1_000 }, async (trials) => {
    const random = seededRandom(trials.from + 1);
    const counts = { answered: 0, replayed: 0, tooOld: 0, cutShort: 0, twice: 0 };
    // A third have been answered long before the kill; of a third the time is over when they come again; the last third is
    // under way when the node is killed: what of them was answered must be known afterwards too.
    const begun = Date.now();
    const early = { payload: { issuedAtMs: BigInt(begun), expiresAtMs: BigInt(begun + 60_000) } };
    const brief = { payload: { issuedAtMs: BigInt(begun), expiresAtMs: BigInt(begun + 6_000) } };
    const attempts = await Promise.all(
      [...trials].map(async (trial) => {
        const kind = (["early", "brief", "late"] as const)[trial % 3]!;
        const spoils = { early, brief, late: {} }[kind];
        return { kind, bytes: await compose(trial, spoils), answers: 0 };
      }),
    );
    type Attempt = (typeof attempts)[number];
    const ask = async (client: RawClient, attempt: Attempt): Promise<string> => {
      const said = await send(client, attempt.bytes);
      if (said === ANSWERED) attempt.answers++;
      return said;
    };
    const asker = connect(ASKER);
    for (const attempt of attempts) if (attempt.kind !== "late") assert.equal(await ask(asker, attempt), ANSWERED);
    for (const attempt of attempts) if (attempt.kind === "early") assert.equal(await ask(asker, attempt), "replayed");
    const underWay = attempts.filter(({ kind }) => kind === "late").map((attempt) => ask(asker, attempt));
    await new Promise((resolve) => setTimeout(resolve, 250 * random.fraction()));
    const killed = node.kill();
    const cutShort = (await Promise.all(underWay)).filter((said) => said !== ANSWERED);
    counts.cutShort = cutShort.length;
    await killed;
    await restart();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + 6_100 - Date.now())));

    const fresh = connect(ASKER);
    for (const attempt of attempts) {
      const before = attempt.answers;
      const said = await ask(fresh, attempt);
      if (attempt.kind === "brief") assert.equal(said, "clocks-differ");
      else if (before === 1) assert.equal(said, "replayed");
      else assert.ok(said === ANSWERED || said === "replayed", said);
      if (said === "replayed") counts.replayed++;
      if (said === "clocks-differ") counts.tooOld++;
      counts.answered += attempt.answers;
      if (attempt.answers > 1) counts.twice++;
    }
    assert.equal(counts.twice, 0);
    return { counts };
  });
});

function answersIn(network: DoorNetwork): number {
  const audit = openAuditReader(join(network.dataDir, "audit.db"));
  try {
    return audit.count();
  } finally {
    audit.close();
  }
}
