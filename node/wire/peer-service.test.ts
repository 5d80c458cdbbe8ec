import assert from "node:assert/strict";

import { systemClock } from "../base/clock.ts";
import type { Operator } from "../requests/peers.ts";
import { askOnce } from "./ask-once.ts";
import { PeerServiceService as service } from "./generated/corridor/v1/peer_service.ts";
import { type PeersClient, connectOperator } from "./peers-client.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient } from "./testing/a-call.ts";
import { PATIENT_NUMBER, openDoor } from "./testing/a-door.ts";
import { ASKER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const BY = { userId: "an.operator", reason: "It sweeps", requestId: "" };

describe("the door for operators, to the peers", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let operator: PeersClient;
  let asked: unknown[];

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      peers: {
        quarantinePeer: (by, ...of) => (asked.push(by, ...of), Promise.resolve()),
        testPeer: () => Promise.resolve([{ name: "address", state: "fault", text: "Nobody is there." }]),
        listPeers: () =>
          Promise.resolve({
            clock: { state: "outside", aheadMs: -74_000.4, text: "It is behind." },
            directorySequence: 17,
            peers: [{ nodeId: "wm-cw", status: "live", clockAheadMs: -74_000.4, directorySequence: 16 }],
          }),
      },
    });
    operator = connect("operator");
  });
  after(async () => {
    operator.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
  });

  function connect(caller: "operator" | "demo" | "feed" | "reviewer"): PeersClient {
    return connectOperator({ host: "127.0.0.1", port: door.port, certsDir: network.callerDir(caller) }, systemClock);
  }

  it("hands the story who operates, by certificate and by name, for how long and why", async () => {
    await operator.quarantinePeer(BY, "wm-cw", 3_600);
    await operator.quarantinePeer(BY, "wm-cw", 0);
    const [{ requestId, ...by }, ...of] = asked.splice(0, 3) as [Operator, string, number];
    assert.deepEqual([by, of], [{ caller: "operator", userId: BY.userId, reason: BY.reason }, ["wm-cw", 3_600_000]]);
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.equal(asked[2], undefined, "until it is released");
  });

  it("tells of clocks that are behind, and of each step", async () => {
    const { peers, clockIsOutside } = await operator.listPeers(BY);
    assert.deepEqual([peers[0]?.clockAheadMs, peers[0]?.heard, clockIsOutside], [-74_000n, true, true]);
    assert.deepEqual(await operator.testPeer(BY, "wm-cw"), [
      { name: "address", state: "fault", text: "Nobody is there." },
    ]);
  });

  it("lets nobody else in: no caller without that right, no peer; and no operator may greet", async () => {
    for (const caller of ["demo", "reviewer"] as const) {
      const other = connect(caller);
      for (const call of [
        () => other.listPeers(BY),
        () => other.quarantinePeer(BY, "wm-cw", 0),
        () => other.releasePeer(BY, "wm-cw"),
        () => other.testPeer(BY, "wm-cw"),
      ]) {
        assert.equal((await failureFrom(call())).code, "not-permitted");
      }
      other.close();
    }
    const [peer, desk] = [network.nodeTls(ASKER), network.callerTls("operator")].map((tls) =>
      plainClient(door.port, tls),
    ) as [ReturnType<typeof plainClient>, ReturnType<typeof plainClient>];
    const by = systemClock.wallMs() + 5_000;
    assert.equal((await failureFrom(askOnce(peer, service.listPeers, { by: BY }, by))).code, "not-permitted");
    assert.equal((await failureFrom(askOnce(desk, service.greet, { protocol: undefined }, by))).code, "not-permitted");
    for (const client of [peer, desk]) client.close();
    assert.deepEqual(asked, []);
  });

  it("takes no word that is missing, too long or somebody's number, and no time beyond a year", async () => {
    for (const [by, where] of [
      [{ ...BY, userId: "" }, "by.user_id"],
      [{ ...BY, reason: "" }, "by.reason"],
      [{ ...BY, reason: "x".repeat(501) }, "by.reason"],
      [{ ...BY, reason: `About ${PATIENT_NUMBER}` }, "by.reason"],
      [{ ...BY, requestId: "1" }, "by.request_id"],
    ] as const) {
      const failure = await failureFrom(operator.quarantinePeer(by, "wm-cw", 0));
      assert.deepEqual([failure.code, failure.where], ["invalid-input", where]);
    }
    assert.equal((await failureFrom(operator.quarantinePeer(BY, "wm-cw", 2 ** 31))).where, "for_seconds");
    assert.deepEqual(asked, []);
  });
});
