import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";

import { systemClock } from "../base/clock.ts";
import { PROTOCOL } from "../base/words.ts";
import { NotGreeted, type Greeting } from "../requests/peers.ts";
import { makePeerGreeter } from "./peer-greeter.ts";
import type { RunningServer } from "./server.ts";
import { NO_PEERS, openDoor } from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, OTHER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

describe("a greeting", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let asked: string[];

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      peers: {
        answerGreeting(asker) {
          asked.push(asker);
          return { ...NO_PEERS.answerGreeting(asker), agreementIds: ["care"], directorySequence: 7 };
        },
      },
    });
  });
  after(async () => {
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
    network.directory.members.get(ASKER)!.status = "live";
  });

  function greet(member: string = HOLDER, port = door.port): Promise<Greeting> {
    const greeter = makePeerGreeter({
      ...{ domain: DOMAIN, tls: () => network.nodeTls(ASKER), clock: systemClock, protocol: PROTOCOL },
      checkMember: network.checkMember,
    });
    return greeter({ ...network.directory.members.get(member)!, endpoints: [`127.0.0.1:${port}`] });
  }
  const endsAt =
    (step: NotGreeted["step"], says: RegExp) =>
    (thrown: unknown): boolean => {
      assert.ok(thrown instanceof NotGreeted);
      assert.equal(thrown.step, step, thrown.message);
      assert.match(thrown.message, says);
      return true;
    };

  it("brings the other's clock, directory and agreements, and tells it by certificate who greets", async () => {
    const greeting = await greet();
    assert.ok(Math.abs(greeting.wallMs - Date.now()) < 2_000);
    assert.deepEqual([greeting.nodeId, greeting.directorySequence, greeting.agreementIds], [HOLDER, 7, ["care"]]);
    assert.deepEqual([greeting.protocol, asked], [{ ...PROTOCOL }, [ASKER, ASKER]]);
  });

  it("ends at the address where nobody listens", async () => {
    await assert.rejects(greet(HOLDER, 1), endsAt("address", /127\.0\.0\.1:1 cannot be reached \(.*ECONNREFUSED/));
  });

  it("ends at the certificate where another member listens, or somebody who speaks no TLS", async () => {
    await assert.rejects(greet(OTHER), endsAt("certificate", /./));
    const silent = createServer((socket) => socket.on("error", () => {}).end("SSH-2.0\r\n")).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    await assert.rejects(greet(HOLDER, port), endsAt("certificate", /./));
    silent.close();
  });

  it("ends at admission where the other does not have this node as live", async () => {
    network.directory.members.get(ASKER)!.status = "suspended";
    await assert.rejects(greet(), endsAt("admission", /suspended, not live/));
    assert.deepEqual(asked, []);
  });
});
