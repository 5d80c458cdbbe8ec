import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { Failure } from "../node/base/failure.ts";
import { CRL_BYTES_MAX, type CrlOrder, type Revocation, crlPem, readCrl, signCrl, verifyCrl } from "./crl.ts";
import { collaborativeFiles } from "./layout.ts";
import { type TestNetwork, forgeLeaf, makeTestNetwork } from "./testing/network.ts";

const NOW_MS = Date.parse("2026-11-23T03:00:00Z");
const WEEK_MS = 7 * 86_400_000;
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const withOpenssl = hasOpenssl ? it : it.skip;
const named = (title: string): string => (hasOpenssl ? title : `${title} (skipped where openssl is missing)`);

const isFailure = (words: RegExp) => (thrown: unknown) =>
  thrown instanceof Failure && thrown.code === "invalid-input" && words.test(thrown.message);

describe("revocation lists", () => {
  let network: TestNetwork;
  let folder: string;
  let der: Buffer;
  before(async () => {
    network = await makeTestNetwork();
    folder = mkdtempSync(join(tmpdir(), "corridor-crl-"));
    der = await signCrl(order([revocation("4a".repeat(16)), revocation("0b"), revocation("ff01")]));
  });
  after(() => {
    network.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const revocation = (serial: string): Revocation => ({ serial, atMs: NOW_MS, reason: "key-compromise" });
  const order = (revoked: readonly Revocation[], change: Partial<CrlOrder> = {}): CrlOrder => ({
    issuer: network.care,
    number: 7n,
    thisUpdateMs: NOW_MS,
    nextUpdateMs: NOW_MS + WEEK_MS,
    revoked,
    ...change,
  });
  const keyOf = (pem: string) => new X509Certificate(pem).publicKey;
  const openssl = (...args: string[]): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8", cwd: folder });
    return { status, text: stdout + stderr };
  };

  it("are read back as they were signed, in DER and in PEM", () => {
    for (const bytes of [der, Buffer.from(crlPem(der)), Buffer.from(crlPem(der).replaceAll("\n", "\r\n"))]) {
      const crl = readCrl(bytes);
      assert.equal(crl.number, 7n);
      assert.equal(crl.thisUpdateMs, NOW_MS);
      assert.equal(crl.nextUpdateMs, NOW_MS + WEEK_MS);
      assert.equal(crl.issuerName, "O=west-midlands.corridor.example, CN=Issuing authority care");
      assert.deepEqual([...crl.revoked], ["4a".repeat(16), "0b", "ff01"]);
      assert.deepEqual(crl.entries[0], revocation("4a".repeat(16)));
      assert.equal(verifyCrl(crl, keyOf(network.care.certificatePem)), true);
    }
  });

  it("name a certificate as node:crypto names it", async () => {
    const leaf = new X509Certificate((await forgeLeaf({}, network.care)).cert);
    const serial = leaf.serialNumber.toLowerCase();
    assert.ok(readCrl(await signCrl(order([revocation(serial)]))).revoked.has(serial));
  });

  it("may be empty, number beyond 64 bits, and end after 2049", async () => {
    const change = { number: 2n ** 80n, nextUpdateMs: Date.parse("2051-01-01T00:00:00Z") };
    const crl = readCrl(await signCrl(order([], change)));
    assert.deepEqual([crl.number, crl.nextUpdateMs, crl.revoked.size], [2n ** 80n, change.nextUpdateMs, 0]);
  });

  it("count for the authority that signed them only, and only as they were signed", () => {
    assert.equal(verifyCrl(readCrl(der), keyOf(network.health.certificatePem)), false);
    assert.equal(verifyCrl(readCrl(der), keyOf(network.root.certificatePem)), false);
    const care = keyOf(network.care.certificatePem);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const changed = Uint8Array.from(der, (byte, index) => (index === place ? byte ^ change : byte));
        assert.equal(counts(changed, care), false);
        assert.equal(counts(changed.subarray(0, place), care), false);
      }),
      { numRuns: 2_000 },
    );
  });

  const counts = (bytes: Uint8Array, key: ReturnType<typeof keyOf>): boolean => {
    try {
      return verifyCrl(readCrl(bytes), key);
    } catch (thrown) {
      assert.ok(thrown instanceof Failure, String(thrown));
      return false;
    }
  };

  it("are refused where they are not lists, with a reason and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !counts(bytes, keyOf(network.care.certificatePem))),
    );
    const deep = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x30, 0x83, 0x01, 0x00, 0x00])));
    const pem = crlPem(der);
    for (const [bytes, words] of [
      [Buffer.alloc(CRL_BYTES_MAX + 1, 0x30), /over 262144 bytes/],
      [Buffer.alloc(0), /in PEM/],
      [deep, /in PEM|DER or PEM|broken/],
      [Buffer.from(pem + pem), /in PEM/],
      [Buffer.from(pem.replaceAll("X509 CRL", "CERTIFICATE")), /in PEM/],
      [Buffer.from(network.care.certificatePem), /in PEM/],
      [new X509Certificate(network.care.certificatePem).raw, /version 2/],
      [Buffer.concat([der, Buffer.from([0x05, 0x00])]), /DER or PEM/],
    ] as const) {
      assert.throws(() => readCrl(bytes), isFailure(words), String(words));
    }
  });

  it("are not signed above their bound", async () => {
    const many = Array.from({ length: 6_000 }, (_, index) => revocation(`40${index.toString(16).padStart(30, "0")}`));
    await assert.rejects(signCrl(order(many)), isFailure(/over 262144 bytes/));
    assert.equal(readCrl(await signCrl(order(many.slice(0, 3_000)))).revoked.size, 3_000);
  });

  describe("and OpenSSL", () => {
    before(() => {
      writeFileSync(join(folder, "care.pem"), network.care.certificatePem);
      writeFileSync(join(folder, "health.pem"), network.health.certificatePem);
    });

    withOpenssl(named("it reads and verifies what is signed here"), async () => {
      writeFileSync(join(folder, "ours.der"), der);
      writeFileSync(join(folder, "ours.pem"), crlPem(der));
      const shown = openssl(
        "crl",
        "-inform",
        "DER",
        "-in",
        "ours.der",
        "-noout",
        "-text",
        "-CAfile",
        "care.pem",
        "-verify",
      );
      assert.match(shown.text, /verify OK/);
      assert.match(shown.text, /Version 2 \(0x1\)[^]*X509v3 Authority Key Identifier[^]*X509v3 CRL Number: \n\s+7\n/);
      assert.match(shown.text, /Serial Number: (4A){16}[^]*Key Compromise[^]*Serial Number: FF01/);
      assert.match(openssl("crl", "-in", "ours.pem", "-noout", "-CAfile", "care.pem", "-verify").text, /verify OK/);
      assert.doesNotMatch(
        openssl("crl", "-in", "ours.pem", "-noout", "-CAfile", "health.pem", "-verify").text,
        /verify OK/,
      );
    });

    withOpenssl(named("it refuses a certificate on a list signed here, and takes one that is not"), async () => {
      const root = join(folder, "root.pem");
      const leaf = (await forgeLeaf({}, network.care)).cert;
      const serial = new X509Certificate(leaf).serialNumber.toLowerCase();
      const fresh = { thisUpdateMs: Date.now() - 60_000, nextUpdateMs: Date.now() + WEEK_MS };
      writeFileSync(root, network.root.certificatePem);
      writeFileSync(join(folder, "leaf.pem"), leaf);
      for (const [revoked, words] of [
        [[revocation(serial)], /certificate revoked/],
        [[], /leaf\.pem: OK/],
      ] as const) {
        writeFileSync(join(folder, "list.pem"), crlPem(await signCrl(order(revoked, fresh))));
        const args = ["-CAfile", root, "-untrusted", "care.pem", "-CRLfile", "list.pem", "-crl_check", "leaf.pem"];
        assert.match(openssl("verify", ...args).text, words);
      }
    });

    withOpenssl(named("what it signs is read and verified here"), () => {
      const { key } = collaborativeFiles(network.dir, "care");
      writeFileSync(join(folder, "index.txt"), `R\t270101000000Z\t261101120000Z,superseded\t0A\tunknown\t/CN=gone\n`);
      writeFileSync(join(folder, "number"), "0BCD\n");
      const config = `[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid\n`;
      writeFileSync(join(folder, "ca.cnf"), config);
      const args = ["-config", "ca.cnf", "-cert", "care.pem", "-keyfile", key, "-out", "theirs.pem"];
      const made = openssl("ca", "-gencrl", ...args);
      assert.equal(made.status, 0, made.text);
      assert.equal(openssl("crl", "-in", "theirs.pem", "-outform", "DER", "-out", "theirs.der").status, 0);
      for (const file of ["theirs.pem", "theirs.der"]) {
        const crl = readCrl(readFileSync(join(folder, file)));
        assert.equal(verifyCrl(crl, keyOf(network.care.certificatePem)), true);
        assert.equal(crl.number, 0xbcdn);
        const atMs = Date.parse("2026-11-01T12:00:00Z");
        assert.deepEqual(crl.entries, [{ serial: "0a", atMs, reason: "superseded" }]);
      }
      writeFileSync(join(folder, "ca.cnf"), config.replace("sha256", "sha1"));
      assert.equal(openssl("ca", "-gencrl", ...args).status, 0);
      assert.throws(() => readCrl(readFileSync(join(folder, "theirs.pem"))), isFailure(/SHA-256 or better/));
      const partial =
        "authorityKeyIdentifier=keyid\nissuingDistributionPoint=critical,@point\n[point]\nonlyuser=TRUE\n";
      writeFileSync(join(folder, "ca.cnf"), config.replace("authorityKeyIdentifier=keyid\n", partial));
      assert.equal(openssl("ca", "-gencrl", ...args).status, 0);
      assert.throws(() => readCrl(readFileSync(join(folder, "theirs.pem"))), isFailure(/only whole lists/));
    });
  });
});
