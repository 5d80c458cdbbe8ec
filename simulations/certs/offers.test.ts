import assert from "node:assert/strict";
import { connect } from "node:net";
import tls, { type ConnectionOptions, type SecureVersion } from "node:tls";

import { nodeDns } from "../../certs/profile.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { catalogueRow } from "../testing/catalogue.ts";

const OLD_VERSIONS: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2"];
const SUITES = [
  ...["ALL", "AES128-SHA", "AES256-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-GCM-SHA384", "NULL-SHA256"],
  ...["AECDH-NULL-SHA", "ADH-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"],
] as const;
const TLS_13_SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const;

interface Offer {
  readonly name: string;
  readonly options: ConnectionOptions;
  readonly isTaken: boolean;
}

describe("what a door takes of TLS", () => {
  let network: WireNetwork;
  let door: RunningServer;
  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network);
  });
  after(async () => {
    await door.close(0);
    network.remove();
  });

  function offers(): readonly Offer[] {
    const old = OLD_VERSIONS.flatMap((version) =>
      SUITES.map((suite) => ({
        name: `${version} ${suite}`,
        options: { minVersion: version, maxVersion: version, ciphers: `${suite}@SECLEVEL=0` },
        isTaken: false,
      })),
    );
    const without = { cert: undefined, key: undefined };
    return [
      ...old,
      ...TLS_13_SUITES.map((ciphers) => ({ name: ciphers, options: { ciphers }, isTaken: true })),
      { name: "TLS 1.3 without a certificate", options: without, isTaken: false },
      { name: "TLS 1.3 without HTTP/2", options: { ALPNProtocols: [] }, isTaken: false },
      { name: "TLS 1.3 with HTTP/1.1", options: { ALPNProtocols: ["http/1.1"] }, isTaken: false },
      { name: "a suite without a hash to speak of", options: { ciphers: "TLS_AES_128_CCM_8_SHA256" }, isTaken: false },
      { name: "a curve of old", options: { ecdhCurve: "prime192v1" }, isTaken: false },
      {
        name: "every version, the door chooses",
        options: { minVersion: "TLSv1" as const, ciphers: "DEFAULT@SECLEVEL=0" },
        isTaken: true,
      },
      { name: "version 1.2 or 1.3", options: { minVersion: "TLSv1.2" as const }, isTaken: true },
    ];
  }

  const count = 40;
  catalogueRow(
    { id: "C3", title: "only TLS 1.3 with a certificate completes, and never begins anew", quick: count, full: count },
    async (trials) => {
      const all = offers();
      assert.equal(all.length, count);
      let [taken, refused] = [0, 0];
      for (const trial of trials) {
        const { name, options, isTaken } = all[trial]!;
        assert.equal(await speaks(options), isTaken, name);
        if (isTaken) taken++;
        else refused++;
      }
      return { counts: { taken, refused } };
    },
  );

  /** Whether the door says anything in HTTP/2, which it does as soon as it has let somebody in; and only in TLS 1.3. */
  function speaks(options: ConnectionOptions): Promise<boolean> {
    const { certificate, key, trust } = network.nodeTls(ASKER);
    return new Promise((resolve) => {
      const end = (said: boolean): void => {
        if (said) assert.equal(socket.getProtocol(), "TLSv1.3");
        // There is no renegotiation in TLS 1.3: asking for it fails at once.
        if (said)
          assert.throws(() => {
            if (!socket.renegotiate({}, () => {})) throw new Error("not begun");
          });
        socket.destroy();
        resolve(said);
      };
      let socket: tls.TLSSocket;
      try {
        socket = tls.connect({
          ...{
            port: door.port,
            host: "127.0.0.1",
            cert: certificate,
            key,
            ca: trust,
            servername: nodeDns(DOMAIN, HOLDER),
          },
          ...{ ALPNProtocols: ["h2"], rejectUnauthorized: false },
          ...options,
        });
      } catch {
        return resolve(false); // not even OpenSSL offers it any more
      }
      socket.on("error", () => {});
      socket.once("data", () => end(true));
      socket.once("close", () => end(false));
    });
  }

  it("gives nobody an answer who speaks no TLS at all", async () => {
    for (const text of [
      "GET / HTTP/1.1\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "SSH-2.0-x\r\n",
      "\u0000\u0001\u0002",
    ]) {
      const socket = connect(door.port, "127.0.0.1");
      const heard: Buffer[] = [];
      socket.on("data", (bytes) => heard.push(bytes)).on("error", () => {});
      socket.write(text);
      socket.end();
      await new Promise((resolve) => socket.once("close", resolve));
      assert.doesNotMatch(Buffer.concat(heard).toString("latin1"), /HTTP|SETTINGS|[a-z]{4}/, text);
    }
  });
});
