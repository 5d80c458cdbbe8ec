import assert from "node:assert/strict";

import type { HolderAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import type { Permit } from "../../node/base/permit.ts";
import { seededRandom, systemRandom } from "../../node/base/random.ts";
import { PROTOCOL } from "../../node/base/words.ts";
import { makePeerWays } from "../../node/federation/peer-ways.ts";
import { type PeerClient, makePeerClient } from "../../node/wire/peer-client.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { aClaim, aPatient, nothingToShow, openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { type DelayProxy, startDelayProxy } from "../delay-proxy.ts";
import { findFreePorts } from "../testing/free-ports.ts";

const ANSWER_BY_MS = 10_000;
const SLOW_MS = 500;

describe("a peer at two addresses", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let slow: DelayProxy;
  let client: PeerClient;
  const attempts: { readonly requestId: string; readonly attemptId: string }[] = [];

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      answerLocate: ({ requestId, attemptId }) => {
        attempts.push({ requestId, attemptId });
        return Promise.resolve(nothingToShow());
      },
    });
    const target = { host: "127.0.0.1", port: door.port };
    slow = await startDelayProxy({ target, delayMs: SLOW_MS, random: seededRandom(1) });
    client = makePeerClient({
      ...{ ownId: ASKER, domain: DOMAIN, tls: network.nodeTls(ASKER), clock: systemClock, random: systemRandom },
      ...{ protocol: PROTOCOL, sign: network.signer(ASKER).sign, checkMember: network.checkMember },
    });
  });
  after(async () => {
    client?.close();
    await slow?.close();
    await door?.close(0);
    network?.remove();
  });

  async function ask(requestId: string, endpoints: readonly string[]): Promise<{ answer: HolderAnswer; ms: number }> {
    const ways = makePeerWays({
      ...{ clock: systemClock, random: systemRandom, transport: client, knock: client.knock, onChange() {} },
    });
    const member = { ...network.directory.members.get(HOLDER)!, endpoints: [...endpoints] };
    const answerBy = Deadline.in(systemClock, ANSWER_BY_MS);
    const question = { requestId, patient: aPatient(), claim: aClaim(), answerBy, lateUntil: answerBy };
    const startedMs = performance.now();
    try {
      const answer = await ways.ask(member, question, {} as Permit, answerBy, new AbortController().signal);
      return { answer, ms: performance.now() - startedMs };
    } finally {
      ways.close();
    }
  }

  it("is asked at the second where nobody listens at the first", async () => {
    const nobody = `127.0.0.1:${await findFreePorts(1)}`;
    const requestId = systemRandom.uuid();
    const { answer } = await ask(requestId, [nobody, `127.0.0.1:${door.port}`]);
    assert.equal(answer.outcome, "nothing-to-show");
    assert.equal(attempts.filter((each) => each.requestId === requestId).length, 1);
  });

  it("is asked at the second too where the first is slow: one question, two attempts, one answer", async function () {
    this.timeout(30_000);
    await ask(systemRandom.uuid(), [slow.endpoint, slow.endpoint]); // the connection is there, and slow
    const requestId = systemRandom.uuid();
    const { answer, ms } = await ask(requestId, [slow.endpoint, `127.0.0.1:${door.port}`]);
    assert.equal(answer.outcome, "nothing-to-show");
    assert.ok(ms < 2 * SLOW_MS, `after ${ms.toFixed(0)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2 * SLOW_MS));
    const made = attempts.filter((each) => each.requestId === requestId);
    assert.equal(new Set(made.map(({ attemptId }) => attemptId)).size, made.length, "each has an id of its own");
    assert.ok(made.length >= 1 && made.length <= 2);
  });
});
