import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";

import { assertionPublicKey } from "../../certs/fingerprint.ts";
import { Failure } from "../base/failure.ts";
import { checkAssertionTimes, makeAssertionSigner, verifyAssertion, verifyVerdict } from "./assertion.ts";

const pair = generateKeyPairSync("ed25519");
const keyPem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const member = { assertionKey: assertionPublicKey(keyPem) };
const stranger = {
  assertionKey: assertionPublicKey(
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  ),
};
const payload = new TextEncoder().encode("claims");

describe("an assertion's signature", () => {
  const signer = makeAssertionSigner(keyPem);

  it("is Ed25519 over the prefix and the payload, as the protocol says", async () => {
    const signature = await signer.sign(payload);
    assert.equal(signature.length, 64);
    const expected = sign(null, Buffer.from("corridor.v1.assertion\nclaims"), pair.privateKey);
    assert.deepEqual(Buffer.from(signature), expected);
    const verdict = sign(null, Buffer.from("corridor.v1.verdict\nclaims"), pair.privateKey);
    assert.deepEqual(Buffer.from(await signer.signVerdict(payload)), verdict);
  });

  it("holds for the member who signed, and for nobody else", async () => {
    const signature = await signer.sign(payload);
    assert.equal(await verifyAssertion(member, payload, signature), true);
    assert.equal(await verifyAssertion(stranger, payload, signature), false);
  });

  it("does not hold when a bit of payload or signature is flipped", async () => {
    const signature = await signer.sign(payload);
    for (let place = 0; place < signature.length; place++) {
      const flipped = Uint8Array.from(signature, (byte, index) => (index === place ? byte ^ 1 : byte));
      assert.equal(await verifyAssertion(member, payload, flipped), false);
    }
    for (let place = 0; place < payload.length; place++) {
      const flipped = Uint8Array.from(payload, (byte, index) => (index === place ? byte ^ 1 : byte));
      assert.equal(await verifyAssertion(member, flipped, signature), false);
    }
  });

  it("cannot be used on another kind of document", async () => {
    assert.equal(await verifyAssertion(member, payload, await signer.signVerdict(payload)), false);
    assert.equal(await verifyVerdict(member, payload, await signer.sign(payload)), false);
    assert.equal(await verifyVerdict(member, payload, await signer.signVerdict(payload)), true);
    const bare = sign(null, payload, pair.privateKey);
    assert.equal(await verifyAssertion(member, payload, bare), false);
  });

  it("of another length, or over more than 32 KiB, is false and not an error", async () => {
    const signature = await signer.sign(payload);
    for (const length of [0, 1, 63])
      assert.equal(await verifyAssertion(member, payload, signature.slice(0, length)), false);
    assert.equal(await verifyAssertion(member, payload, new Uint8Array(65)), false);
    const [largest, larger] = [new Uint8Array(32 * 1024), new Uint8Array(32 * 1024 + 1)];
    assert.equal(await verifyAssertion(member, largest, await signer.sign(largest)), true);
    assert.equal(await verifyAssertion(member, larger, await signer.sign(larger)), false);
  });

  it("needs a private Ed25519 key", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({
      type: "pkcs8",
      format: "pem",
    });
    const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
    for (const pem of [rsa.toString(), publicPem, "", "garbage"]) {
      assert.throws(
        () => makeAssertionSigner(pem),
        (thrown: unknown) => thrown instanceof Failure && thrown.code === "configuration",
      );
    }
  });
});

describe("an assertion's times", () => {
  const NOW_MS = Date.UTC(2026, 10, 20, 3, 0);
  const at = (issuedAtMs: number, expiresAtMs: number) => () =>
    checkAssertionTimes(NOW_MS + issuedAtMs, NOW_MS + expiresAtMs, { wallMs: () => NOW_MS });
  const refused =
    (words: RegExp, code = "clocks-differ") =>
    (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.equal(thrown.code, code);
      assert.match(thrown.message, words);
      return true;
    };

  it("are good from a minute ahead until they expire, five minutes after issue at the latest", () => {
    at(0, 300_000)();
    at(60_000, 360_000)();
    at(-299_999, 1)();
    at(0, 1)();
  });

  it("are refused further ahead than a minute, and the message says by how much the clocks differ", () => {
    assert.throws(at(60_001, 120_000), refused(/61 s ahead of the holder's clock/));
  });

  it("could be a replay's up to a minute after the attempts seen were forgotten, and no later", () => {
    const judge = (issuedAtMs: number) =>
      checkAssertionTimes(NOW_MS + issuedAtMs, NOW_MS + 100_000, { wallMs: () => NOW_MS }, NOW_MS - 30_000);
    for (const issuedAtMs of [-60_000, 0, 30_000]) {
      assert.throws(
        () => judge(issuedAtMs),
        (thrown: unknown) => thrown instanceof Failure && thrown.code === "store-unavailable",
      );
    }
    judge(30_001);
  });

  it("are refused once expired, at the very millisecond", () => {
    assert.throws(at(-300_000, 0), refused(/expired 0 s ago/));
    assert.throws(at(-300_000, -5_000), refused(/expired 5 s ago/));
  });

  it("are refused when they last over five minutes, not at all, backwards, or are no numbers", () => {
    for (const [issued, expires] of [
      [0, 300_001],
      [0, 0],
      [10, 5],
      [0, Infinity],
      [NaN, 10],
      [0, NaN],
    ] as const) {
      assert.throws(at(issued, expires), refused(/within five minutes/, "not-authenticated"));
    }
  });
});
