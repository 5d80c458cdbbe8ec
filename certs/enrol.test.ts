import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock as clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { approveRequest } from "./approve.ts";
import { installCertificate, networkFingerprint, readEnrolment, requestCertificate } from "./enrol.ts";
import { readIdentity } from "./identity.ts";
import { trustOf } from "./issue.ts";
import { readPair, replacePair } from "./key-file.ts";
import { makeRsaKeyPair } from "./key-pair.ts";
import { authorityFiles, nodeFilesIn, rootFiles } from "./layout.ts";
import { readCertificates } from "./pem.ts";
import { DOMAIN, type TestNetwork, forgeLeaf, makeTestNetwork } from "./testing/network.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const refusedBy = (words: RegExp) => (thrown: unknown) =>
  thrown instanceof Failure && thrown.code === "invalid-input" && words.test(thrown.message);

describe("enrolling a node", () => {
  let network: TestNetwork;
  let other: TestNetwork;
  let dir: string;
  before(async () => {
    [network, other] = await Promise.all([makeTestNetwork(), makeTestNetwork()]);
  });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-enrol-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  after(() => {
    network.remove();
    other.remove();
  });

  const fingerprintOf = ({ dir: folder }: TestNetwork): string =>
    networkFingerprint(
      readCertificates(read(rootFiles(folder).certificate), "root"),
      read(authorityFiles(folder).manifestPublic),
    );
  const approve = async (by: TestNetwork = network): Promise<string> => {
    const enrolment = readEnrolment(read(nodeFilesIn(dir).request));
    return approveRequest(by.dir, { id: "wm-bsol", collaborative: "care", enrolment, clock });
  };
  const snapshot = (): string[] => {
    const { key, certificate, trust, manifestPublic } = nodeFilesIn(dir);
    return [key, certificate, trust, manifestPublic].map((path) => (existsSync(path) ? read(path) : "absent"));
  };

  it("makes its key where it stays, and takes the certificate that comes back", async () => {
    const files = nodeFilesIn(dir);
    const enrolment = await requestCertificate(dir, "wm-bsol", DOMAIN);
    assert.doesNotMatch(read(files.request), /PRIVATE/);
    assert.equal(readEnrolment(read(files.request)).fingerprint, enrolment.fingerprint);
    const key = read(files.nextKey);

    const approved = await approve();
    assert.doesNotMatch(approved, /PRIVATE/);
    const leaf = installCertificate(dir, { approved, network: fingerprintOf(network), clock });
    assert.deepEqual(readIdentity(leaf, DOMAIN), { kind: "node", nodeId: "wm-bsol" });
    assert.equal(read(files.key), key);
    assert.equal(read(files.trust), trustOf(network.dir));
    assert.ok(leaf.verify(new X509Certificate(network.care.certificatePem).publicKey));
    assert.equal(existsSync(files.nextKey), false);
    readPair(files);
  });

  it("renews with a new key and the same assertion key, without asking again whom to believe", async () => {
    const first = await requestCertificate(dir, "wm-bsol", DOMAIN);
    installCertificate(dir, { approved: await approve(), network: fingerprintOf(network), clock });
    const inUse = snapshot();
    const second = await requestCertificate(dir, "wm-bsol", DOMAIN);
    assert.deepEqual(snapshot(), inUse);
    assert.equal(second.assertionKey, first.assertionKey);
    assert.notEqual(second.fingerprint, first.fingerprint);
    installCertificate(dir, { approved: await approve(), network: undefined, clock });
    assert.notEqual(snapshot()[0], inUse[0]);
    readPair(nodeFilesIn(dir));
  });

  it("believes no network that nobody has compared, nor one slipped in beside the right one", async () => {
    await requestCertificate(dir, "wm-bsol", DOMAIN);
    const approved = await approve();
    const nothing = snapshot();
    const smuggled = approved + other.authorities.rootPem;
    const manifestKey = /-----BEGIN PUBLIC KEY-----[^]+/;
    for (const [text, named] of [
      [approved, undefined],
      [approved, fingerprintOf(other)],
      [await approve(other), fingerprintOf(network)],
      [smuggled, fingerprintOf(network)],
      [approved.replace(manifestKey, other.authorities.manifestPublicPem), fingerprintOf(network)],
    ] as const) {
      const install = (): unknown => installCertificate(dir, { approved: text, network: named, clock });
      assert.throws(install, refusedBy(/comes with the network/));
    }
    assert.deepEqual(snapshot(), nothing);
  });

  it("installs only what is for its key, its name and now, and changes nothing otherwise", async () => {
    await requestCertificate(dir, "wm-bsol", DOMAIN);
    const approved = await approve();
    const nothing = snapshot();
    const [leaf = ""] = approved.split(/(?<=-----END CERTIFICATE-----\n)/);
    const named = { uris: [`spiffe://${DOMAIN}/node/wm-bsol`], dns: [`wm-bsol.${DOMAIN}`] };
    const cut = (pem: string): string => pem.split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? "";
    const stranger = { uris: [`spiffe://${DOMAIN}/node/wm-cw`], dns: [`wm-cw.${DOMAIN}`] };
    const late = { notBeforeMs: Date.now() - 9e6, notAfterMs: Date.now() - 7e6 };
    for (const [bad, words] of [
      [cut((await forgeLeaf({ names: named }, network.care)).cert), /not for the key/],
      [cut((await forgeLeaf({ names: stranger }, network.care)).cert), /not of node wm-bsol/],
      [cut((await forgeLeaf({ names: named, ...late }, network.care)).cert), /expired/],
      [cut((await forgeLeaf({ names: named }, other.care)).cert), /another network/],
      [cut((await forgeLeaf({}, network.care)).cert), /exactly one identity/],
    ] as const) {
      const install = (): unknown =>
        installCertificate(dir, { approved: approved.replace(leaf, bad), network: fingerprintOf(network), clock });
      assert.throws(install, refusedBy(words));
    }
    const half = approved.slice(0, approved.length / 2);
    assert.throws(() => installCertificate(dir, { approved: half, network: undefined, clock }), Failure);
    assert.deepEqual(snapshot(), nothing);
  });

  it("certifies nobody under another name, in another network, or without a proof of the key", async () => {
    const { request } = nodeFilesIn(dir);
    for (const [id, domain, words] of [
      ["wm-cw", DOMAIN, /not of wm-bsol/],
      ["wm-bsol", "elsewhere.example", /not of wm-bsol in/],
    ] as const) {
      await requestCertificate(dir, id, domain);
      await assert.rejects(approve(), refusedBy(words));
    }
    await requestCertificate(dir, "wm-bsol", DOMAIN);
    const text = read(request);
    for (const bad of [
      text + text,
      text.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
      `x${text}`,
      "",
      text.slice(0, 900),
    ]) {
      assert.throws(() => readEnrolment(bad), refusedBy(/Not one request/));
    }
    await assert.rejects(requestCertificate(dir, "Wm/..", DOMAIN), refusedBy(/not a node's id/));
  });

  const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
  const why = hasOpenssl ? "" : " (skipped where openssl is missing)";
  (hasOpenssl ? it : it.skip)(`takes the request of openssl too${why}`, async () => {
    await requestCertificate(dir, "wm-bsol", DOMAIN);
    const { request, assertionPublic } = nodeFilesIn(dir);
    const args = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", join(dir, "own.key")];
    const made = spawnSync("openssl", [...args, "-subj", `/O=${DOMAIN}/CN=wm-bsol`], { encoding: "utf8" });
    writeFileSync(request, made.stdout + read(assertionPublic));
    const [leaf] = readCertificates(await approve(), "approved");
    assert.deepEqual(readIdentity(leaf!, DOMAIN), { kind: "node", nodeId: "wm-bsol" });
    const shown = spawnSync("openssl", ["req", "-verify", "-noout"], { input: read(request), encoding: "utf8" });
    assert.match(shown.stderr + shown.stdout, /verify OK/);
  });

  it("survives a stop at any moment of a renewal with a whole pair", async () => {
    const files = nodeFilesIn(dir);
    const [old, fresh] = [await pairOf("old"), await pairOf("fresh")];
    const stops = [
      () => writeFileSync(`${files.key}.new`, fresh.key),
      () => writeFileSync(`${files.certificate}.new`, fresh.cert.slice(0, 500)),
      () => writeFileSync(`${files.certificate}.new`, fresh.cert),
      () => writeFileSync(files.key, fresh.key, { mode: 0o600 }),
      () => writeFileSync(files.certificate, fresh.cert),
    ];
    replacePair(files, old.key, old.cert);
    for (const [index, step] of stops.entries()) {
      step();
      const expected = index < 3 ? old : fresh;
      assert.deepEqual(readPair(files), { certificate: expected.cert, key: expected.key }, `after step ${index}`);
    }
  });

  const pairOf = async (commonName: string) => {
    return forgeLeaf({ commonName, keys: await makeRsaKeyPair() }, network.care);
  };
});
