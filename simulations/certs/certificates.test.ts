import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import tls, { type SecureContext, createSecureContext } from "node:tls";
import { inspect } from "node:util";

import { Client, credentials } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import { collaborativeFiles } from "../../certs/layout.ts";
import { decodePem, readCertificates } from "../../certs/pem.ts";
import { writeNextCrl } from "../../certs/revoke.ts";
import { readRevocations } from "../../node/trust/revocations.ts";
import { systemClock } from "../../node/base/clock.ts";
import { type Failure, asFailure } from "../../node/base/failure.ts";
import type { Log } from "../../node/telemetry/log.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { failureFrom, sendBytes } from "../../node/wire/testing/a-call.ts";
import { openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { makeAsker } from "../faults/a-peer.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type CertificateCase, type Shown, certificateCases } from "./bad-certificates.ts";

const ANSWER_LOCATE = "/corridor.v1.LocatorService/AnswerLocate";
/** Whoever shows a bad certificate does not hold it to any measure. */
const WHATEVER = { minVersion: "TLSv1.3", ciphers: "DEFAULT@SECLEVEL=0" } as const;
/** The door says once a second whom it refused; here twenty times as often. */
const quickLog = { ...systemClock, every: (ms: number, work: () => void) => systemClock.every(ms / 20, work) };

describe("certificates that a network must refuse", () => {
  let network: WireNetwork;
  before(async () => {
    network = await makeWireNetwork();
  });
  after(() => network.remove());

  describe("shown by whoever asks", () => {
    const logged: string[] = [];
    const note = (...line: unknown[]): void => void logged.push(inspect(line, { depth: 5, breakLength: Infinity }));
    const log: Log = { info: note, warn: note, error: note, with: () => log };
    let door: RunningServer;
    before(async () => {
      door = await openDoor(network, {}, { log, clock: quickLog });
    });
    after(() => door.close(0));

    /** What became of a call: how it ended (absent: the handshake was refused), and what the node's log said meanwhile. */
    async function knock(shown: Shown): Promise<{ failure?: Failure; said: string }> {
      logged.length = 0;
      const context = createSecureContext({ ...shown, ca: network.nodeTls(ASKER).trust, ...WHATEVER });
      if (await isTurnedAway(context)) {
        await untilLogged();
        return { said: logged.join("\n") };
      }
      const client = new Client(`127.0.0.1:${door.port}`, credentials.createFromSecureContext(context), {
        "grpc.ssl_target_name_override": nodeDns(DOMAIN, HOLDER),
        "grpc.use_local_subchannel_pool": 1,
      });
      try {
        const call = sendBytes(client, ANSWER_LOCATE, Buffer.alloc(0), { deadline: Date.now() + 5_000 });
        const failure = await failureFrom(call);
        await untilLogged();
        return { failure, said: logged.join("\n") };
      } finally {
        client.close();
      }
    }

    /** In TLS 1.3 a client learns only afterwards that its certificate was refused. */
    async function isTurnedAway(secureContext: SecureContext): Promise<boolean> {
      const socket = tls.connect({
        ...{ port: door.port, host: "127.0.0.1", servername: nodeDns(DOMAIN, HOLDER), secureContext },
        ALPNProtocols: ["h2"],
      });
      socket.on("error", () => {});
      socket.resume();
      // A door that lets in speaks first: its settings.
      const isIn = await new Promise<boolean>((resolve) => {
        socket.once("data", () => resolve(true));
        socket.once("close", () => resolve(false));
      });
      socket.destroy();
      return !isIn;
    }

    async function untilLogged(): Promise<void> {
      for (let waitedMs = 0; logged.length === 0 && waitedMs < 3_000; waitedMs += 20) await sleep(20);
    }

    const count = 6 + 68;
    catalogueRow(
      { id: "C1", title: "the good come in, all bad are turned away, for the right reason", quick: count, full: count },
      async (trials) => {
        const cases = certificateCases(network.dir, DOMAIN, ASKER);
        assert.equal(cases.length, count);
        let [accepted, refused] = [0, 0];
        const wrong: string[] = [];
        for (const trial of trials) {
          const { name, make, refusedAs } = cases[trial]!;
          const { failure, said } = await tryIt(name, make, knock);
          if (refusedAs === undefined) {
            assert.equal(
              failure?.code,
              "incompatible",
              `${name} is let in, as far as its empty question: ${failure?.message} ${said}`,
            );
            accepted++;
            continue;
          }
          assert.equal(failure?.code ?? "not-authenticated", "not-authenticated", name);
          if (!refusedAs.test(`${said} ${failure?.message}`)) wrong.push(`${name}: ${said} ${failure?.message}`);
          refused++;
        }
        assert.deepEqual(wrong, []);
        return { counts: { accepted, refused } };
      },
    );

    it("C1 are turned away when they are revoked, or their authority is", async () => {
      const { make } = certificateCases(network.dir, DOMAIN, ASKER)[0]!;
      const shown = make();
      const care = readFileSync(collaborativeFiles(network.dir, "care").certificate, "utf8");
      assert.equal((await knock(shown)).failure?.code, "incompatible", "it is let in before");
      const revoked = await whileRevoked("care", shown.cert, () => knock(shown));
      assert.equal(revoked.failure?.code, "not-authenticated");
      assert.match(revoked.failure.message, /is revoked: subject .*; issuer .*; serial [0-9a-f]{32}/);
      const issuer = await whileRevoked("root", care, () => knock(shown));
      assert.match(issuer.failure?.message ?? "", /of an authority that is revoked/);
      assert.equal((await knock(make())).failure?.code, "incompatible", "another one is let in");
    });
  });

  /** Puts revocation lists in force as a manifest would bring them, and takes them back afterwards. */
  async function whileRevoked<Result>(
    authority: "care" | "root",
    pem: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const serial = serialOfPem(pem);
    const { crl, path } = await writeNextCrl(network.dir, { authority, serial, clock: systemClock });
    assert.ok(crl.revoked.has(serial));
    const trusted = readCertificates(network.nodeTls(HOLDER).trust, "trust");
    const list = Buffer.from(decodePem("X509 CRL", readFileSync(path, "utf8"))).toString("base64");
    const { inForce } = network.directory;
    const revocations = readRevocations([list], trusted);
    Object.assign(network.directory, { inForce: () => ({ ...inForce(), revocations }) });
    try {
      return await work();
    } finally {
      Object.assign(network.directory, { inForce });
    }
  }

  describe("shown by whoever is asked", () => {
    const count = 6 + 68;
    catalogueRow({ id: "C8", title: "only the good is asked anything", quick: count, full: count }, async (trials) => {
      const cases = certificateCases(network.dir, DOMAIN, HOLDER);
      let [asked, refused] = [0, 0];
      for (const trial of trials) {
        const one = cases[trial]!;
        const { reached, failure } = await tryIt(one.name, one.make, ask);
        assert.equal(reached, one.refusedAs === undefined, `${one.name}: ${failure?.message}`);
        if (reached) asked++;
        else refused++;
        assert.doesNotMatch(failure.message, /9000000009|1958/, one.name);
      }
      return { counts: { asked, refused } };
    });

    it("C8 are asked nothing when they are revoked, or their authority is", async () => {
      const shown = certificateCases(network.dir, DOMAIN, HOLDER)[0]!.make();
      const care = readFileSync(collaborativeFiles(network.dir, "care").certificate, "utf8");
      assert.equal((await ask(shown)).reached, true);
      assert.equal((await whileRevoked("care", shown.cert, () => ask(shown))).reached, false);
      assert.equal((await whileRevoked("root", care, () => ask(shown))).reached, false);
    });

    /** Asks a server that shows this; tells whether a question came to it. */
    async function ask(shown: Shown): Promise<{ reached: boolean; failure: Failure }> {
      let reached = false;
      const server = http2.createSecureServer({ ...shown, ...WHATEVER }, (_request, response) => {
        reached = true;
        response.stream.close();
      });
      server.on("sessionError", () => {});
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const asker = makeAsker(network);
      try {
        const { port } = server.address() as AddressInfo;
        await asker.ask(port, crypto.randomUUID(), 1_500);
        throw new Error("it answers nothing that could be read");
      } catch (thrown) {
        return { reached, failure: asFailure(thrown) };
      } finally {
        asker.close();
        server.close();
      }
    }
  });

  /** OpenSSL may refuse to use what a test makes; that is told by name. */
  async function tryIt<Result>(
    name: string,
    make: CertificateCase["make"],
    use: (shown: Shown) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await use(make());
    } catch (thrown) {
      throw new Error(`${name}: ${String(thrown)}`, { cause: thrown });
    }
  }
});

function serialOfPem(pem: string): string {
  return new X509Certificate(pem).serialNumber.toLowerCase();
}
