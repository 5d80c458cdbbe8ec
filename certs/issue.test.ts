import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock as clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { initNetwork } from "./authority.ts";
import { type CallerRights, readCallerRights } from "./caller-rights.ts";
import { assertionPublicKey, caFingerprint } from "./fingerprint.ts";
import { readIdentity } from "./identity.ts";
import { issueCaller, issueNode } from "./issue.ts";
import { readPrivateKey } from "./key-file.ts";
import { authorityFiles, callerFiles, collaborativeFiles, nodeFiles, rootFiles } from "./layout.ts";
import { readCertificates } from "./pem.ts";
import { approach, openGate } from "./testing/handshake.ts";
import { type Credentials, DOMAIN, type TestNetwork, forgeLeaf, makeTestNetwork } from "./testing/network.ts";

const DAY_MS = 86_400_000;
const RIGHTS: CallerRights = {
  roles: ["R8000", "S8000:G8000:R8001"],
  settings: ["emergency"],
  organisations: ["RRK", "X-NO-ODS-A-COUNCIL"],
  feed: false,
  operate: false,
  sandbox: false,
};

const read = (path: string): string => readFileSync(path, "utf8");
const failsWith = (code: string, words: RegExp) => (thrown: unknown) =>
  thrown instanceof Failure && thrown.code === code && words.test(thrown.message);

describe("issuing certificates", () => {
  let network: TestNetwork;
  let node: Credentials;
  let caller: Credentials;

  before(async () => {
    network = await makeTestNetwork();
    await issueNode(network.dir, { id: "wm-bsol", collaborative: "care", clock });
    await issueCaller(network.dir, { node: "wm-bsol", name: "ed-board", rights: RIGHTS, clock });
    const files = nodeFiles(network.dir, "wm-bsol");
    const callers = callerFiles(network.dir, "wm-bsol", "ed-board");
    node = { cert: read(files.certificate), key: read(files.key) };
    caller = { cert: read(callers.certificate), key: read(callers.key) };
  });
  after(() => network.remove());

  it("keeps every key from everybody but its owner, and every folder too", () => {
    const entries = readdirSync(network.dir, { recursive: true, withFileTypes: true });
    const modes = entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, directory: entry.isDirectory(), mode: statSync(path).mode & 0o777 };
    });
    const keys = modes.filter(({ path }) => path.endsWith(".key.pem"));
    assert.equal(keys.length, 1 + 2 + 1 + 2 + 1);
    for (const { path, mode } of keys) assert.equal(mode, 0o600, path);
    const folders = modes.filter(({ directory }) => directory);
    assert.ok(folders.length >= 7);
    for (const { path, mode } of folders) assert.equal(mode, 0o700, path);
  });

  it("gives a node the names and the dates of the profile", () => {
    const [leaf, authority] = readCertificates(node.cert, "node");
    assert.equal(leaf?.subjectAltName, `URI:spiffe://${DOMAIN}/node/wm-bsol, DNS:wm-bsol.${DOMAIN}`);
    assert.equal(leaf.ca, false);
    const lifetimeMs = leaf.validToDate.getTime() - leaf.validFromDate.getTime();
    assert.equal(lifetimeMs, 30 * DAY_MS + 5 * 60_000);
    assert.ok(leaf.validFromDate.getTime() <= Date.now() - 5 * 60_000 + 2_000);
    assert.equal(authority?.ca, true);
    assert.equal(caFingerprint(authority.toString()), network.authorities.issuingCas.get("care"));
  });

  it("lists in a caller's certificate what the caller may claim, and reads it back whole", () => {
    const leaf = new X509Certificate(caller.cert);
    assert.deepEqual(readCallerRights(leaf.raw), RIGHTS);
    assert.deepEqual(readIdentity(leaf, DOMAIN), {
      kind: "caller",
      nodeId: "wm-bsol",
      name: "ed-board",
      rights: RIGHTS,
    });
    assert.equal(readCallerRights(new X509Certificate(node.cert).raw), undefined);
  });

  it("gives positive serials of 128 bits, all different", async () => {
    const pems = await Promise.all(Array.from({ length: 20 }, () => forgeLeaf({}, network.care)));
    const serials = pems.map(({ cert }) => new X509Certificate(cert).serialNumber);
    assert.equal(new Set(serials).size, serials.length);
    for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
  });

  it("is accepted both ways in TLS 1.3: node as server, node and caller as client", async () => {
    const { rootPem } = network.authorities;
    assert.equal(await approach(node, rootPem, `wm-bsol.${DOMAIN}`), "");
    assert.equal(await approach(node, rootPem, `wm-cw.${DOMAIN}`), "ERR_TLS_CERT_ALTNAME_INVALID");
    assert.equal(await approach(caller, rootPem, `wm-bsol.${DOMAIN}`), "INVALID_PURPOSE");
    const gate = await openGate(node, rootPem);
    try {
      assert.equal((await gate.receive(node)).kind, "accepted");
      assert.equal((await gate.receive(caller)).kind, "accepted");
    } finally {
      gate.close();
    }
  });

  it("confines an issuing authority to the network's names: TLS refuses any other", async () => {
    const uri = `spiffe://${DOMAIN}/node/wm-bsol`;
    const dns = `wm-bsol.${DOMAIN}`;
    const foreign = [
      { names: { uris: [uri], dns: ["wm-bsol.elsewhere.example"] } },
      { names: { uris: ["spiffe://elsewhere.example/node/wm-bsol"], dns: [dns] } },
      { names: { uris: [`spiffe://sub.${DOMAIN}/node/wm-bsol`], dns: [dns] } },
      { names: { uris: [uri], dns: [`not${DOMAIN}`] } },
      { commonName: "wm-bsol.elsewhere.example" },
    ];
    for (const shape of foreign) {
      const server = await forgeLeaf(shape, network.care);
      assert.equal(
        await approach(server, network.authorities.rootPem, dns),
        "permitted subtree violation",
        JSON.stringify(shape),
      );
    }
    const honest = await forgeLeaf({ names: { uris: [uri], dns: [dns] } }, network.care);
    assert.equal(await approach(honest, network.authorities.rootPem, dns), "");
  });

  it("agrees with openssl verify, strict, on the honest and on the foreign", async function () {
    if (spawnSync("openssl", ["version"]).status !== 0) return this.skip();
    const verify = (cert: string): { status: number | null; output: string } => {
      const file = join(network.dir, "leaf.pem");
      writeFileSync(file, cert);
      const untrusted = collaborativeFiles(network.dir, "care").certificate;
      const args = [
        "verify",
        "-x509_strict",
        "-CAfile",
        rootFiles(network.dir).certificate,
        "-untrusted",
        untrusted,
        file,
      ];
      const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
      return { status, output: stdout + stderr };
    };
    assert.equal(verify(node.cert).status, 0);
    assert.equal(verify(caller.cert).status, 0);
    const foreign = await forgeLeaf({ names: { uris: ["spiffe://elsewhere.example/node/wm-bsol"] } }, network.care);
    const { status, output } = verify(foreign.cert);
    assert.notEqual(status, 0);
    assert.match(output, /permitted subtree violation/);
  });

  it("never overwrites: a network, a node's key, a caller's key", async () => {
    const before = read(nodeFiles(network.dir, "wm-bsol").key) + read(rootFiles(network.dir).key);
    const order = { domain: DOMAIN, collaboratives: ["care"], clock };
    await assert.rejects(initNetwork(network.dir, order), failsWith("configuration", /left alone/));
    const again = { id: "wm-bsol", collaborative: "care", clock };
    await assert.rejects(issueNode(network.dir, again), failsWith("configuration", /left alone/));
    const callerAgain = { node: "wm-bsol", name: "ed-board", rights: RIGHTS, clock };
    await assert.rejects(issueCaller(network.dir, callerAgain), failsWith("configuration", /left alone/));
    assert.equal(read(nodeFiles(network.dir, "wm-bsol").key) + read(rootFiles(network.dir).key), before);
  });

  it("renews a node when asked: a new key, the same assertion key, modes kept", async () => {
    const first = await issueNode(network.dir, { id: "wm-renew", collaborative: "health", clock });
    const oldKey = read(first.files.key);
    const second = await issueNode(network.dir, { id: "wm-renew", collaborative: "health", clock, replace: true });
    assert.notEqual(read(second.files.key), oldKey);
    assert.equal(second.assertionKey, first.assertionKey);
    assert.equal(statSync(second.files.key).mode & 0o777, 0o600);
    assert.ok(
      new X509Certificate(read(second.files.certificate)).checkPrivateKey(createPrivateKey(read(second.files.key))),
    );
  });

  it("gives the manifest the raw assertion key, the same from either half", () => {
    const files = nodeFiles(network.dir, "wm-bsol");
    const fromPublic = assertionPublicKey(read(files.assertionPublic));
    assert.equal(assertionPublicKey(read(files.assertionKey)), fromPublic);
    assert.match(fromPublic, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(createPublicKey(read(authorityFiles(network.dir).manifestPublic)).asymmetricKeyType, "ed25519");
    assert.throws(() => assertionPublicKey(node.key), failsWith("configuration", /Ed25519/));
  });

  it("refuses names and rights that are not well formed, and writes nothing", async () => {
    const dir = mkdtempSync(join(tmpdir(), "corridor-certs-"));
    try {
      for (const domain of ["nodots", "Upper.example", "a..b", "-a.example", "a b.example"]) {
        const order = { domain, collaboratives: ["care"], clock };
        await assert.rejects(initNetwork(dir, order), failsWith("invalid-input", /domain/));
      }
      for (const collaboratives of [[], ["care", "care"], ["../care"], ["Care"]]) {
        await assert.rejects(
          initNetwork(dir, { domain: DOMAIN, collaboratives, clock }),
          failsWith("invalid-input", /./),
        );
      }
      assert.deepEqual(readdirSync(dir), []);
    } finally {
      rmSync(dir, { recursive: true });
    }
    const outside = { id: "../wm", collaborative: "care", clock };
    await assert.rejects(issueNode(network.dir, outside), failsWith("invalid-input", /not a node's id/));
    for (const bad of [{ roles: ["doctor"] }, { organisations: ["rrk"] }]) {
      const order = { node: "wm-bsol", name: "other", rights: { ...RIGHTS, ...bad }, clock };
      await assert.rejects(issueCaller(network.dir, order), failsWith("invalid-input", /rights/));
    }
    const many = Array.from({ length: 100 }, (_, index) => `X-NO-ODS-${"A".repeat(57)}-${index}`);
    const order = { node: "wm-bsol", name: "other", rights: { ...RIGHTS, organisations: many }, clock };
    await assert.rejects(issueCaller(network.dir, order), failsWith("invalid-input", /do not fit/));
  });

  it("issues nothing that outlasts its authority, and nothing once that has expired", async () => {
    const late = { ...clock, wallMs: () => clock.wallMs() + 1_085 * DAY_MS };
    const { files } = await issueNode(network.dir, { id: "wm-late", collaborative: "care", clock: late });
    const [leaf, authority] = readCertificates(read(files.certificate), "late");
    assert.deepEqual(leaf?.validToDate, authority?.validToDate);
    const over = { ...clock, wallMs: () => clock.wallMs() + 1_096 * DAY_MS };
    const order = { id: "wm-over", collaborative: "care", clock: over };
    await assert.rejects(issueNode(network.dir, order), failsWith("configuration", /expired/));
  });
});

describe("a private key's file", () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-key-"));
  });
  after(() => rmSync(dir, { recursive: true }));

  it("is refused when others may read it, and the message says how to mend it", () => {
    const path = join(dir, "node.key.pem");
    writeFileSync(path, "key");
    for (const mode of [0o640, 0o604, 0o644, 0o610, 0o601]) {
      chmodSync(path, mode);
      assert.throws(() => readPrivateKey(path), failsWith("configuration", new RegExp(`chmod 600 '${path}'`)));
    }
    for (const mode of [0o600, 0o400]) {
      chmodSync(path, mode);
      assert.equal(readPrivateKey(path), "key");
    }
  });

  it("is named when it is missing, a folder, or far too large", () => {
    assert.throws(() => readPrivateKey(join(dir, "absent")), failsWith("configuration", /absent does not exist/));
    chmodSync(dir, 0o700);
    assert.throws(() => readPrivateKey(dir), failsWith("configuration", /EISDIR/));
    const large = join(dir, "large");
    writeFileSync(large, "x".repeat(70_000), { mode: 0o600 });
    assert.throws(() => readPrivateKey(large), failsWith("configuration", /too large/));
  });
});
