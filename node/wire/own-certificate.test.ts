import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { replacePair } from "../../certs/key-file.ts";
import { makeRsaKeyPair } from "../../certs/key-pair.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import {
  type Credentials,
  DOMAIN,
  type LeafShape,
  type TestNetwork,
  forgeLeaf,
  makeTestNetwork,
} from "../../certs/testing/network.ts";
import { Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type OwnCertificate, watchOwnCertificate } from "./own-certificate.ts";
import type { TlsFiles } from "./tls-files.ts";

const DAY_MS = 86_400_000;
const ID = "wm-bsol";
const NAMES = { uris: [`spiffe://${DOMAIN}/node/${ID}`], dns: [`${ID}.${DOMAIN}`] };

describe("a node's own certificate", () => {
  let network: TestNetwork;
  let dir: string;
  let clock: FakeClock;
  let logged: string[];
  let changes: TlsFiles[];
  let own: OwnCertificate | undefined;
  let first: Credentials;

  before(async () => {
    network = await makeTestNetwork();
    first = await issue();
  });
  after(() => network.remove());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-own-"));
    writeFileSync(nodeFilesIn(dir).trust, network.trustPem);
    clock = makeFakeClock(Date.now());
    [logged, changes] = [[], []];
  });
  afterEach(() => {
    own?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const issue = async (shape: LeafShape = {}): Promise<Credentials> =>
    forgeLeaf(
      { names: NAMES, notAfterMs: Date.now() + 30 * DAY_MS, keys: await makeRsaKeyPair(), ...shape },
      network.care,
    );
  const put = ({ key, cert }: Credentials): void => replacePair(nodeFilesIn(dir), key, cert);
  const note = (event: string, detail?: unknown): void => {
    logged.push(`${event} ${detail instanceof Error ? detail.message : JSON.stringify(detail)}`);
  };
  const log: Log = { info: note, warn: note, error: note, with: () => log };
  const watch = (): OwnCertificate => {
    own = watchOwnCertificate({ dir, ownId: ID, domain: DOMAIN, clock, log });
    own.onChange((files) => changes.push(files));
    return own;
  };

  it("is taken up within a second of being replaced", async () => {
    put(first);
    const watching = watch();
    assert.equal(watching.current().certificate, first.cert);
    const next = await issue();
    put(next);
    await clock.advance(1_000);
    assert.deepEqual(changes, [{ certificate: next.cert, key: next.key, trust: network.trustPem }]);
    assert.equal(watching.current(), changes[0]);
    await clock.advance(5_000);
    assert.equal(changes.length, 1);
    // Whoever comes later is told of what was missed.
    const late: TlsFiles[] = [];
    watching.onChange((files) => late.push(files));
    assert.deepEqual(late, changes);
  });

  it("stays where what is put in its place is no whole pair that peers would accept, with one alarm for each cause", async () => {
    put(first);
    const watching = watch();
    const { key, certificate, trust } = nodeFilesIn(dir);
    const other = await issue();
    const broken: [string, () => void | Promise<void>, RegExp][] = [
      ["half a certificate", () => writeFileSync(certificate, other.cert.slice(0, 700)), /not the key/],
      ["another's certificate", () => writeFileSync(certificate, other.cert), /not the key/],
      ["an empty key", () => writeFileSync(key, ""), /not the key/],
      ["a key that others may read", () => chmodSync(key, 0o644), /chmod 600/],
      ["no trust", () => rmSync(trust), /does not exist/],
      ["half a trust", () => writeFileSync(trust, network.trustPem.slice(0, 300)), /0 certificates/],
      ["expired", async () => put(await issue({ notBeforeMs: 0, notAfterMs: Date.now() - 1 })), /expired at/],
      [
        "another node",
        async () => put(await issue({ names: { uris: [`spiffe://${DOMAIN}/node/wm-cw`], dns: [`wm-cw.${DOMAIN}`] } })),
        /not of this node, wm-bsol/,
      ],
      ["another network", async () => put(await forgeLeaf({ names: NAMES }, "itself")), /signed itself/],
    ];
    for (const [what, breakIt, words] of broken) {
      logged = [];
      await breakIt();
      await clock.advance(10_000);
      assert.deepEqual(changes, [], what);
      assert.equal(watching.current().certificate, first.cert, what);
      assert.equal(logged.length, 1, `${what}: ${logged.join("\n")}`);
      assert.match(logged[0] ?? "", words, what);
      writeFileSync(trust, network.trustPem);
      put(first);
      await clock.advance(2_000);
    }
    put(other);
    await clock.advance(1_000);
    assert.equal(watching.current().certificate, other.cert);
  });

  it("is no cause for alarm while it is being written", async () => {
    put(first);
    watch();
    logged = [];
    const next = await issue();
    const { key, certificate } = nodeFilesIn(dir);
    writeFileSync(key, next.key);
    await clock.advance(1_000);
    writeFileSync(certificate, next.cert);
    await clock.advance(1_000);
    assert.equal(changes.length, 1);
    assert.equal(logged.filter((line) => line.startsWith("certificate-not-taken")).length, 0);
  });

  it("brings a new root with it: whom to believe changes with the same file", async () => {
    put(first);
    watch();
    const wider = network.trustPem + (await makeOtherRoot());
    writeFileSync(nodeFilesIn(dir).trust, wider);
    await clock.advance(1_000);
    assert.equal(changes[0]?.trust, wider);
    assert.equal(readFileSync(nodeFilesIn(dir).trust, "utf8"), wider);
  });

  const makeOtherRoot = async (): Promise<string> => {
    const other = await makeTestNetwork();
    other.remove();
    return other.authorities.rootPem;
  };

  it("says the days that are left: each day, and as an alarm under a third, at seven days, at two, and after the end", async () => {
    put(first);
    let day = 0;
    const { wallMs, monotonicMs } = clock;
    Object.assign(clock, { wallMs: () => wallMs() + day * DAY_MS, monotonicMs: () => monotonicMs() + day * DAY_MS });
    watch();
    const events: string[] = [];
    for (; day <= 31; day++) {
      await clock.advance(1_000);
      for (const line of logged) events.push(`${day}: ${line.split(" ")[0]}`);
      logged = [];
    }
    const firstOf = (event: string): string | undefined => events.find((line) => line.endsWith(` ${event}`));
    assert.equal(firstOf("certificate"), "0: certificate");
    assert.equal(firstOf("certificate-expiring"), "20: certificate-expiring");
    assert.equal(firstOf("certificate-urgent"), "28: certificate-urgent");
    assert.equal(firstOf("certificate-expired"), "30: certificate-expired");
    assert.ok(events.length >= 31 && events.length <= 36, events.join("\n"));
  });

  it("may be at fault when the node starts, and then says so; but never another's", async () => {
    put(await issue({ notBeforeMs: 0, notAfterMs: Date.now() - 1 }));
    watch();
    assert.match(logged.join("\n"), /certificate-fault .*expired at/);
    const { certificate } = nodeFilesIn(dir);
    writeFileSync(certificate, first.cert);
    assert.throws(watch, (thrown) => thrown instanceof Failure && /is not the key of/.test(thrown.message));
  });
});
