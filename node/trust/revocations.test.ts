import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";

import { caFingerprint } from "../../certs/fingerprint.ts";
import { signCrl } from "../../certs/crl.ts";
import { readCertificates } from "../../certs/pem.ts";
import { type TestNetwork, makeTestNetwork } from "../../certs/testing/network.ts";
import { Failure } from "../base/failure.ts";
import { checkRevocationsSucceed, readRevocations, type Revocable, type Revocations } from "./revocations.ts";

const NOW_MS = Date.parse("2026-11-23T03:00:00Z");
const DAY_MS = 86_400_000;

describe("revocation lists in force", () => {
  let network: TestNetwork;
  let foreign: TestNetwork;
  before(async () => {
    [network, foreign] = await Promise.all([makeTestNetwork(), makeTestNetwork()]);
  });
  after(() => {
    network.remove();
    foreign.remove();
  });

  async function listOf(
    whose: TestNetwork,
    authority: "root" | "care" | "health",
    serials: string[],
    number = 1,
  ): Promise<string> {
    const der = await signCrl({
      ...{ issuer: whose[authority], number: BigInt(number), thisUpdateMs: NOW_MS, nextUpdateMs: NOW_MS + 7 * DAY_MS },
      revoked: serials.map((serial) => ({ serial, atMs: NOW_MS, reason: "key-compromise" })),
    });
    return der.toString("base64");
  }
  const read = (...lists: string[]): Revocations =>
    readRevocations(lists, readCertificates(network.trustPem, "trust.crt.pem"));
  const leafOf = (authority: "care" | "health", serial: string): Revocable => ({
    serial,
    issuingCa: caFingerprint(network[authority].certificatePem),
    issuerSerial: new X509Certificate(network[authority].certificatePem).serialNumber.toLowerCase(),
  });

  it("revoke a certificate of their own authority, and of no other", async () => {
    const revocations = read(await listOf(network, "care", ["0a1b"]), await listOf(network, "health", ["0c"]));
    assert.equal(revocations.reasonOf(leafOf("care", "0a1b")), "revoked");
    assert.equal(revocations.reasonOf(leafOf("health", "0a1b")), undefined);
    assert.equal(revocations.reasonOf(leafOf("care", "0c")), undefined);
  });

  it("revoke all that an authority has issued, where the root's list has that authority", async () => {
    const revocations = read(await listOf(network, "root", [leafOf("care", "").issuerSerial]));
    assert.equal(revocations.reasonOf(leafOf("care", "77")), "its authority is revoked");
    assert.equal(revocations.reasonOf(leafOf("health", "77")), undefined);
  });

  it("let an authority revoke no other authority's certificates, nor another authority", async () => {
    const revocations = read(await listOf(network, "care", [leafOf("health", "").issuerSerial, "77"]));
    assert.equal(revocations.reasonOf(leafOf("health", "77")), undefined);
  });

  it("say when the first of them is due to be followed", async () => {
    const older = await signCrl({
      ...{
        issuer: network.health,
        number: 1n,
        thisUpdateMs: NOW_MS - DAY_MS,
        nextUpdateMs: NOW_MS + DAY_MS,
        revoked: [],
      },
    });
    const { nextUpdateMs } = read(await listOf(network, "care", []), older.toString("base64"));
    assert.equal(nextUpdateMs, NOW_MS + DAY_MS);
  });

  const refused = (words: RegExp) => (thrown: unknown) =>
    thrown instanceof Failure && thrown.code === "not-authenticated" && words.test(thrown.message);

  it("R4: are not taken where they are another network's, broken, or two of one authority", async () => {
    const [own, theirs] = await Promise.all([listOf(network, "care", ["0a"]), listOf(foreign, "care", ["0a"])]);
    assert.throws(() => read(theirs), refused(/did not sign it/));
    assert.throws(() => read(own, own), refused(/two of/));
    const broken = Buffer.from(own, "base64");
    broken[broken.length - 1]! ^= 1;
    assert.throws(() => read(broken.toString("base64")), refused(/did not sign it/));
    assert.throws(() => read(own.slice(0, 100)), refused(/not taken/));
    assert.throws(() => read(Buffer.alloc(10_000_000, 0x30).toString("base64")), refused(/is over/));
  });

  it("R4: bring nobody back: none goes missing, and no number falls", async () => {
    const [second, first, none] = [
      read(await listOf(network, "care", ["0a"], 2)),
      read(await listOf(network, "care", [], 1)),
      read(),
    ];
    checkRevocationsSucceed(first, second);
    checkRevocationsSucceed(none, first);
    checkRevocationsSucceed(second, second);
    assert.throws(() => checkRevocationsSucceed(second, first), refused(/has number 1, and 2 was in force/));
    assert.throws(() => checkRevocationsSucceed(second, none), refused(/is missing/));
  });
});
