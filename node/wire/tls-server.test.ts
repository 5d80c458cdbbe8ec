import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";

import { forgeLeaf } from "../../certs/testing/network.ts";
import { systemClock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { CONNECTIONS_PER_PEER_MAX } from "./bounds.ts";
import type { RunningServer } from "./server.ts";
import { connectTls, failureFrom, knock, plainClient, sendBytes } from "./testing/a-call.ts";
import { openDoor } from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, fastClock, makeWireNetwork } from "./testing/a-network.ts";

const HEALTH_CHECK = "/grpc.health.v1.Health/Check";

describe("the TLS door", () => {
  let network: WireNetwork;
  let door: RunningServer;
  const refusals: string[] = [];
  const log: Log = {
    info() {},
    warn: (_event, fields) => void refusals.push(...Object.keys(fields ?? {})),
    error() {},
    with: () => log,
  };
  /** Opened first and looked at last: it must be gone after four seconds. */
  let bare: Promise<number>;

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {}, { log });
    const openedMs = systemClock.monotonicMs();
    const socket = net.connect(door.port, "127.0.0.1").resume();
    bare = new Promise((resolve) => {
      socket.once("close", () => resolve(systemClock.monotonicMs() - openedMs));
      socket.on("error", () => {});
    });
  });
  after(async () => {
    await door.close(0);
    network.remove();
  });

  const shown = (id: string) => {
    const { certificate, key, trust } = network.nodeTls(id);
    return { cert: certificate, key, ca: trust };
  };

  it("lets a member in", async () => {
    assert.equal(await knock(door.port, shown(ASKER)), "connected");
  });

  it("speaks no TLS 1.2", async () => {
    const ended = await knock(door.port, { ...shown(ASKER), minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
    assert.match(ended, /PROTOCOL_VERSION/);
  });

  it("turns away whoever shows no certificate", async () => {
    assert.match(await knock(door.port, {}), /CERTIFICATE_REQUIRED|ECONNRESET/);
  });

  it("turns away a certificate of nobody that it trusts", async () => {
    const names = { uris: [`spiffe://${DOMAIN}/node/${ASKER}`], dns: [`${ASKER}.${DOMAIN}`], others: [] };
    assert.notEqual(await knock(door.port, await forgeLeaf({ names }, "itself")), "connected");
  });

  it("closes a connection that does not want HTTP/2", async () => {
    assert.equal(await knock(door.port, { ...shown(ASKER), ALPNProtocols: [] }), "closed");
  });

  it("resumes no session, so that every connection shows its chain", async () => {
    const first = await connectTls(door.port, network.nodeTls(ASKER));
    const session = await new Promise<Buffer>((resolve) => first.once("session", resolve));
    first.destroy();
    for (let times = 0; times < 3; times++) {
      const again = await connectTls(door.port, network.nodeTls(ASKER), { session });
      assert.equal(again.isSessionReused(), false);
      again.destroy();
    }
  });

  it("would be seen to resume where the door kept sessions", async () => {
    const { certificate: cert, key, trust: ca } = network.nodeTls(HOLDER);
    const lax = tls.createServer({ cert, key, ca, requestCert: true, ALPNProtocols: ["h2"] }, (socket) =>
      socket.resume(),
    );
    lax.listen(0, "127.0.0.1");
    await once(lax, "listening");
    const { port } = lax.address() as AddressInfo;
    const first = await connectTls(port, network.nodeTls(ASKER));
    const session = await new Promise<Buffer>((resolve) => first.once("session", resolve));
    const again = await connectTls(port, network.nodeTls(ASKER), { session });
    assert.equal(again.isSessionReused(), true);
    for (const socket of [first, again]) socket.destroy();
    lax.close();
  });

  it("caps the connections of one peer, and lets others in all the same", async () => {
    const open = await Promise.all(
      Array.from({ length: CONNECTIONS_PER_PEER_MAX }, () => connectTls(door.port, network.nodeTls(ASKER))),
    );
    assert.equal(await knock(door.port, shown(ASKER)), "closed");
    assert.equal(await knock(door.port, shown(HOLDER), 50), "connected");
    for (const socket of open) socket.destroy();
    await systemClock.sleep(50);
    assert.equal(await knock(door.port, shown(ASKER), 50), "connected", "room is made again");
  });

  it("closes a connection that never speaks HTTP/2, and keeps one that does", async () => {
    const quick = await openDoor(network, {}, { clock: fastClock(50) });
    const client = plainClient(quick.port, network.nodeTls(ASKER));
    await sendBytes(client, HEALTH_CHECK, Buffer.alloc(0));
    assert.equal(await knock(quick.port, shown(ASKER), 1_000), "closed");
    await sendBytes(client, HEALTH_CHECK, Buffer.alloc(0));
    client.close();
    await quick.close(0);
  });

  it("says what is wrong with a port that is taken", async () => {
    const failure = await failureFrom(openDoor(network, {}, { port: door.port }));
    assert.equal(failure.code, "configuration");
    assert.match(failure.message, new RegExp(`127\\.0\\.0\\.1:${door.port}: another program uses this port`));
  });

  it("says that a certificate and a key are not a pair", async () => {
    const { startTlsServer } = await import("./tls-server.ts");
    const files = { ...network.nodeTls(HOLDER), key: network.nodeTls(ASKER).key };
    const order = { listen: { host: "127.0.0.1", port: 0 }, files, clock: systemClock, log };
    const refused = startTlsServer({ ...order, identify: () => assert.fail(), accept() {} });
    await assert.rejects(refused, (thrown) => thrown instanceof Failure && thrown.code === "configuration");
  });

  it("closes a connection that never begins its handshake after four seconds", async () => {
    const lastedMs = await bare;
    assert.ok(lastedMs > 3_000 && lastedMs < 8_000, `${lastedMs} ms`);
  });

  it("logs why it turned connections away, once a second", async () => {
    await systemClock.sleep(1_100);
    for (const why of ["not-http2", "too-many-connections-of-one-peer", "ERR_TLS_HANDSHAKE_TIMEOUT"]) {
      assert.ok(refusals.includes(why), `${why} in ${refusals.join(", ")}`);
    }
  });
});
