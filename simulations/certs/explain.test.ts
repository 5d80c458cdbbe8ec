import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { type AddressInfo, type Server, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { type TlsOptions } from "node:tls";

import { signCrl } from "../../certs/crl.ts";
import { issueNode } from "../../certs/issue.ts";
import { readIssuingAuthority } from "../../certs/authority.ts";
import { authorityFiles, nodeFiles, nodeFilesIn } from "../../certs/layout.ts";
import { type Credentials, forgeLeaf, makeTestNetwork, type TestNetwork } from "../../certs/testing/network.ts";
import { signManifest } from "../../topology/manifest.ts";
import { systemClock } from "../../node/base/clock.ts";
import { type ExplainOrder, explain } from "../../node/cli/certs-explain.ts";
import { openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";

const DAY_MS = 86_400_000;
const NAMES = { uris: [`spiffe://${DOMAIN}/node/${HOLDER}`], dns: [`${HOLDER}.${DOMAIN}`] };

describe("corridor certs explain", () => {
  let network: WireNetwork;
  let foreign: TestNetwork;
  let dir: string;
  const closing: (() => unknown)[] = [];

  before(async () => {
    [network, foreign] = await Promise.all([makeWireNetwork(), makeTestNetwork()]);
  });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-explain-"));
    cpSync(nodeFiles(network.dir, ASKER).directory, dir, { recursive: true });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    rmSync(dir, { recursive: true, force: true });
  });
  after(() => {
    network.remove();
    foreign.remove();
  });

  async function namesOf(port: number, change: Partial<ExplainOrder> = {}): Promise<string[]> {
    const order = { host: "127.0.0.1", port, dir, clock: systemClock, nodeId: HOLDER, ...change };
    const mistakes = await explain(order);
    for (const { where, text } of mistakes) assert.ok(where !== "" && text.length > 30, text);
    return mistakes.map(({ name }) => name);
  }

  const listening = async (server: Server): Promise<number> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  const honest = (): Credentials => {
    const { certificate, key } = network.nodeTls(HOLDER);
    return { cert: certificate, key };
  };
  const serving = (shown: Credentials, more: TlsOptions = {}): Promise<number> =>
    listening(http2.createSecureServer({ ...shown, minVersion: "TLSv1.3", ...more }));
  const care = () => readIssuingAuthority(network.dir, "care");
  const at = (ms: number) => ({ ...systemClock, wallMs: () => Date.now() + ms });

  it("finds nothing wrong with a node in order", async () => {
    const door = await openDoor(network);
    closing.push(() => door.close(0));
    assert.deepEqual(await namesOf(door.port), []);
  });

  const cases: readonly [string, () => Promise<{ port: number; change?: Partial<ExplainOrder> }>][] = [
    ["wrong-clock", async () => ({ port: await serving(honest()), change: { clock: at(400 * DAY_MS) } })],
    [
      "expired",
      async () => ({
        port: await serving(await forgeLeaf({ names: NAMES, notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS }, care())),
      }),
    ],
    [
      "not-yet-valid",
      async () => ({
        port: await serving(
          await forgeLeaf(
            { names: NAMES, notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS },
            care(),
          ),
        ),
      }),
    ],
    ["own-expired", async () => ({ port: await serving(honest()), change: { clock: at(31 * DAY_MS) } })],
    ["wrong-root", async () => ({ port: await serving(await forgeLeaf({ names: NAMES }, foreign.care)) })],
    ["self-signed", async () => ({ port: await serving(await forgeLeaf({ names: NAMES }, "itself")) })],
    [
      "missing-intermediate",
      async () => {
        const { cert, key } = honest();
        writeFileSync(nodeFilesIn(dir).trust, readFileSync(join(network.dir, "root", "root.crt.pem")));
        return { port: await serving({ cert: cert.split(/(?<=-----END CERTIFICATE-----\n)/)[0]!, key }) };
      },
    ],
    [
      "key-does-not-match",
      async () => {
        cpSync(nodeFiles(network.dir, HOLDER).key, nodeFilesIn(dir).key);
        return { port: 1 };
      },
    ],
    [
      "key-readable-by-others",
      async () => {
        chmodSync(nodeFilesIn(dir).key, 0o644);
        return { port: 1 };
      },
    ],
    ["name-not-in-certificate", async () => ({ port: await serving(honest()), change: { nodeId: "other-one" } })],
    [
      "wrong-domain",
      async () => ({
        port: await serving(await forgeLeaf({ names: { uris: ["spiffe://elsewhere.example/node/x-x"] } }, care())),
      }),
    ],
    [
      "revoked",
      async () => {
        const shown = honest();
        const serial = new X509Certificate(shown.cert).serialNumber.toLowerCase();
        const revoked = [{ serial, atMs: Date.now(), reason: "key-compromise" as const }];
        const crl = await signCrl({
          issuer: care(),
          number: 1n,
          thisUpdateMs: Date.now(),
          nextUpdateMs: Date.now() + DAY_MS,
          revoked,
        });
        return { port: await serving(shown), change: { crl } };
      },
    ],
    [
      "not-tls",
      async () => ({
        port: await listening(createServer((socket) => socket.on("error", () => {}).end("220 mail\r\n"))),
      }),
    ],
    ["wrong-port", async () => ({ port: await listening(tls.createServer({ ...honest(), minVersion: "TLSv1.3" })) })],
    ["tls-1.2-only", async () => ({ port: await serving(honest(), { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }) })],
    ["nothing-listens", async () => ({ port: 1 })],
    [
      "own-certificate-refused",
      async () => {
        const door = await openDoor(network);
        closing.push(() => door.close(0));
        await issueNode(foreign.dir, { id: ASKER, collaborative: "care", clock: systemClock, replace: true });
        cpSync(nodeFiles(foreign.dir, ASKER).directory, dir, { recursive: true });
        return { port: door.port };
      },
    ],
  ];
  it("names whom the manifest does not list, whom it revokes, and who is not live", async () => {
    const { assertionKey, ...member } = network.directory.member(HOLDER)!;
    const shown = honest();
    const port = await serving(shown);
    const path = join(dir, "manifest.jws");
    const key = join(dir, "manifest.pub.pem");
    const signing = readFileSync(authorityFiles(network.dir).manifestKey, "utf8");
    const serial = new X509Certificate(shown.cert).serialNumber.toLowerCase();
    const revoked = [{ serial, atMs: Date.now(), reason: "superseded" as const }];
    const dates = { number: 1n, thisUpdateMs: Date.now(), nextUpdateMs: Date.now() + DAY_MS };
    const crl = await signCrl({ issuer: care(), revoked, ...dates });
    const written = async (change: object, crls: string[] = []): Promise<string[]> => {
      const manifest = {
        ...{ format: 1 as const, network: { name: "Test", domain: DOMAIN, authority: "Test" }, sequence: 1, crls },
        ...{ issuedAt: new Date().toISOString(), routing: "ask-all" as const, icsWithoutNode: [], agreements: [] },
        members: [{ ...member, assertionKey, ...change }],
      };
      writeFileSync(path, await signManifest(manifest, signing));
      return namesOf(port, { manifest: { path, key } });
    };
    const quiet = (names: string[]): string[] => names.filter((name) => name !== "own-certificate-refused");
    assert.deepEqual(quiet(await written({})), []);
    assert.deepEqual(quiet(await written({ id: "somebody-else" })), ["not-in-manifest"]);
    assert.deepEqual(quiet(await written({ status: "suspended" })), ["not-live"]);
    assert.deepEqual(quiet(await written({ issuingCa: "a".repeat(64) })), ["wrong-authority"]);
    assert.deepEqual(quiet(await written({}, [crl.toString("base64")])), ["revoked"]);
    writeFileSync(path, "x.y.z");
    assert.deepEqual(quiet(await namesOf(port, { manifest: { path, key } })), ["manifest-unusable"]);
  });

  for (const [name, prepare] of cases) {
    it(`names it: ${name}`, async () => {
      const { port, change } = await prepare();
      const names = await namesOf(port, change);
      assert.ok(names.includes(name), `${name} is not among ${names.join()}`);
    });
  }
});
