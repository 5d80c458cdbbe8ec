import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";

import { type Client, connectivityState } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import { systemClock } from "../base/clock.ts";
import { ANSWER_BYTES_MAX, CONNECT_WITHIN_MS } from "./bounds.ts";
import { openChannel } from "./channel.ts";
import { DOMAIN, HOLDER, ASKER, type WireNetwork, fastClock, makeWireNetwork } from "./testing/a-network.ts";
import { clientContext } from "./tls-files.ts";

const TIMES_AS_FAST = 20;

describe("a connection in the making", () => {
  let network: WireNetwork;
  const closing: (() => unknown)[] = [];

  before(async () => {
    network = await makeWireNetwork();
  });
  after(() => network.remove());
  afterEach(() => {
    for (const close of closing.splice(0).toReversed()) close();
  });

  /** Listens, and notes for how long each connection has been there, in milliseconds of the client's clock. */
  async function listen(server: net.Server): Promise<{ readonly port: number; readonly lastedMs: number[] }> {
    const lastedMs: number[] = [];
    server.on("connection", (socket: net.Socket) => {
      const sinceMs = performance.now();
      socket.on("error", () => {}).once("close", () => lastedMs.push((performance.now() - sinceMs) * TIMES_AS_FAST));
      closing.push(() => socket.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    return { port: (server.address() as AddressInfo).port, lastedMs };
  }

  function connectTo(port: number): Client {
    const client = openChannel({
      endpoint: `127.0.0.1:${port}`,
      serverName: nodeDns(DOMAIN, HOLDER),
      context: clientContext(network.nodeTls(ASKER)),
      clock: fastClock(TIMES_AS_FAST),
      checkServer: () => undefined,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
    closing.push(() => client.close());
    client.getChannel().getConnectivityState(true);
    return client;
  }

  const secure = () => {
    const { certificate, key, trust } = network.nodeTls(HOLDER);
    return { cert: certificate, key, ca: trust, requestCert: true, ALPNProtocols: ["h2"] };
  };

  const silent: readonly [what: string, server: () => net.Server][] = [
    ["says nothing", () => net.createServer((socket) => void socket.resume())],
    [
      "speaks TLS and nothing more",
      () => tls.createServer(secure(), (socket) => void socket.on("error", () => {}).resume()),
    ],
  ];
  for (const [what, server] of silent) {
    it(`to somebody who ${what} is broken off in time, and another is tried`, async () => {
      const { port, lastedMs } = await listen(server());
      connectTo(port);
      while (lastedMs.length < 2) await systemClock.sleep(10);
      for (const ms of lastedMs) assert.ok(ms > CONNECT_WITHIN_MS / 2 && ms < 4 * CONNECT_WITHIN_MS, `${ms} ms`);
    }).timeout(10_000);
  }

  it("to somebody who speaks HTTP/2 stays, whether or not anything is asked on it", async () => {
    const { port, lastedMs } = await listen(http2.createSecureServer(secure()));
    const client = connectTo(port);
    await systemClock.sleep((3 * CONNECT_WITHIN_MS) / TIMES_AS_FAST);
    assert.equal(client.getChannel().getConnectivityState(false), connectivityState.READY);
    assert.deepEqual(lastedMs, []);
  });
});
