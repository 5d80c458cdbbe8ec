import assert from "node:assert/strict";
import { type KeyObject, generateKeyPairSync } from "node:crypto";

import { CompactSign, UnsecuredJWT } from "jose";

import { Failure } from "../node/base/failure.ts";
import {
  MANIFEST_BYTES_MAX,
  type Manifest,
  manifestState,
  parseManifest,
  readUnverified,
  signManifest,
  verifyManifest,
} from "./manifest.ts";

const authority = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const privatePem = authority.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const publicPem = authority.publicKey.export({ type: "spki", format: "pem" }).toString();

const MEMBER = {
  id: "wm-bsol",
  collaborative: "collaborative-care-record",
  region: "West Midlands",
  ics: [{ code: "QHL", name: "Birmingham and Solihull", from: "2022-07-01" }],
  endpoints: ["127.0.0.1:4101"],
  issuingCa: "a".repeat(64),
  assertionKey: "A".repeat(43),
  population: 1_400_000,
  ages: { from: 0 },
  coverageContact: { name: "Service desk", phone: "0121 496 0000", hours: "24 hours" },
  status: "live" as const,
};
const MANIFEST: Manifest = {
  format: 1,
  network: { name: "West Midlands", domain: "west-midlands.corridor.example", authority: "An ICB" },
  sequence: 7,
  issuedAt: "2026-11-20T03:00:00.000Z",
  routing: "ask-all",
  members: [MEMBER, { ...MEMBER, id: "wm-cw" }],
  icsWithoutNode: [],
  agreements: [],
};

const failsWith = (code: string, words: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof Failure);
  assert.equal(thrown.code, code);
  assert.match(thrown.message, words);
  return true;
};
/** Signs anything under any header, as somebody with the key but without our code could. */
const signRaw = (payload: unknown, header: { alg: string; typ?: string }, key: KeyObject = authority.privateKey) =>
  new CompactSign(new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)))
    .setProtectedHeader(header)
    .sign(key);
const HEADER = { alg: "EdDSA", typ: "corridor-manifest+jws" };

describe("a signed manifest", () => {
  it("comes back as it was signed", async () => {
    const jws = await signManifest(MANIFEST, privatePem);
    assert.deepEqual(await verifyManifest(jws, publicPem), MANIFEST);
    assert.deepEqual(await verifyManifest(`${jws}\n`, publicPem), MANIFEST);
    assert.deepEqual(readUnverified(jws), MANIFEST);
  });

  it("is refused where it routes by presence filters that not two Caldicott Guardians have signed, or without an assessment", async () => {
    const signOffs = ["wm-bsol", "wm-cw"].map((id) => ({ member: id, guardian: "G", signedOn: "2026-01-01" }));
    const routed = { ...MANIFEST, routing: "presence-filter", presence: { dpia: "D", signOffs } } as const;
    assert.equal((await verifyManifest(await signManifest(routed, privatePem), publicPem)).routing, "presence-filter");
    const { presence: _none, ...without } = routed;
    for (const [wrong, why] of [
      [without, /presence-filter needs presence/],
      [{ ...routed, presence: { dpia: "D", signOffs: signOffs.slice(1) } }, /Caldicott Guardians of two members/],
      [{ ...routed, presence: { dpia: "", signOffs } }, /dpia/],
    ] as const) {
      await assert.rejects(
        async () => verifyManifest(await signRaw(wrong, HEADER), publicPem),
        failsWith("invalid-input", why),
      );
    }
  });

  it("is refused when a single character of it is changed, wherever", async () => {
    const jws = await signManifest(MANIFEST, privatePem);
    const [header = "", payload = ""] = jws.split(".");
    const places = [3, header.length + 10, header.length + payload.length - 5, header.length + payload.length + 20];
    for (const place of places) {
      const changed = jws.slice(0, place) + (jws[place] === "A" ? "B" : "A") + jws.slice(place + 1);
      await assert.rejects(verifyManifest(changed, publicPem), failsWith("not-authenticated", /authority/));
    }
  });

  it("is refused when its payload is exchanged for another that is well formed", async () => {
    const [header, , signature] = (await signManifest(MANIFEST, privatePem)).split(".");
    const payload = Buffer.from(JSON.stringify({ ...MANIFEST, sequence: 8 })).toString("base64url");
    const forged = `${header}.${payload}.${signature}`;
    await assert.rejects(verifyManifest(forged, publicPem), failsWith("not-authenticated", /does not match this key/));
  });

  it("is refused under another key", async () => {
    const jws = await signRaw(MANIFEST, HEADER, stranger.privateKey);
    await assert.rejects(verifyManifest(jws, publicPem), failsWith("not-authenticated", /does not match this key/));
  });

  it("is refused without a signature, or with an algorithm of the document's own choice", async () => {
    const none = new UnsecuredJWT({ ...MANIFEST }).encode();
    await assert.rejects(verifyManifest(none, publicPem), failsWith("not-authenticated", /./));
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const rsaSigned = await signRaw(MANIFEST, { ...HEADER, alg: "RS256" }, rsa.privateKey);
    await assert.rejects(verifyManifest(rsaSigned, publicPem), failsWith("not-authenticated", /not EdDSA/));
    // The public key taken for a shared secret: the classic confusion.
    const hmac = await new CompactSign(new TextEncoder().encode(JSON.stringify(MANIFEST)))
      .setProtectedHeader({ ...HEADER, alg: "HS256" })
      .sign(new TextEncoder().encode(publicPem));
    await assert.rejects(verifyManifest(hmac, publicPem), failsWith("not-authenticated", /not EdDSA/));
  });

  it("is refused when the authority's key has signed another kind of document", async () => {
    for (const header of [{ alg: "EdDSA" }, { alg: "EdDSA", typ: "JWT" }]) {
      const jws = await signRaw(MANIFEST, header);
      await assert.rejects(verifyManifest(jws, publicPem), failsWith("not-authenticated", /another kind/));
    }
  });

  it("is refused when it is no document at all, or larger than any network needs", async () => {
    for (const text of ["", "garbage", "a.b", "a.b.c.d", "..", "{}"]) {
      await assert.rejects(verifyManifest(text, publicPem), failsWith("not-authenticated", /compact JWS/));
      assert.throws(() => readUnverified(text), Failure);
    }
    const large = "A".repeat(MANIFEST_BYTES_MAX + 1);
    await assert.rejects(verifyManifest(large, publicPem), failsWith("not-authenticated", /over 4194304 bytes/));
  });

  it("of an unknown format is refused as such, before its fields are judged", async () => {
    const jws = await signRaw({ format: 2, everything: "else" }, HEADER);
    await assert.rejects(verifyManifest(jws, publicPem), failsWith("incompatible", /format 2.*format 1/));
  });

  it("that is not well formed names every fault", async () => {
    const broken = { ...MANIFEST, sequence: 0, members: [{ ...MEMBER, status: "busy", surplus: 1 }], format: "1" };
    await assert.rejects(
      verifyManifest(await signRaw(broken, HEADER), publicPem),
      failsWith("invalid-input", /(?=.*sequence)(?=.*members\.0\.status)(?=.*surplus)(?=.*format)/),
    );
    await assert.rejects(verifyManifest(await signRaw("{", HEADER), publicPem), failsWith("invalid-input", /not JSON/));
    for (const value of ["null", "[]", "1", '"x"']) {
      await assert.rejects(verifyManifest(await signRaw(value, HEADER), publicPem), failsWith("invalid-input", /./));
    }
  });

  it("does not list one member or one agreement twice", () => {
    const twice = { ...MANIFEST, members: [MEMBER, MEMBER] };
    assert.throws(() => parseManifest(twice), failsWith("invalid-input", /members\.1\.id: 'wm-bsol' is there twice/));
  });

  it("is not signed when it is not well formed, or with a key of another kind", async () => {
    await assert.rejects(
      signManifest({ ...MANIFEST, sequence: -1 }, privatePem),
      failsWith("invalid-input", /sequence/),
    );
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({
      type: "pkcs8",
      format: "pem",
    });
    await assert.rejects(signManifest(MANIFEST, rsa.toString()), failsWith("configuration", /Ed25519/));
    await assert.rejects(signManifest(MANIFEST, "not a key"), failsWith("configuration", /Ed25519/));
    await assert.rejects(verifyManifest("a.b.c", "not a key"), failsWith("configuration", /Ed25519/));
  });

  it("is fresh for a day, ageing for fourteen, then stale", () => {
    const hourMs = 3_600_000;
    assert.equal(manifestState(0), "fresh");
    assert.equal(manifestState(24 * hourMs - 1), "fresh");
    assert.equal(manifestState(24 * hourMs), "ageing");
    assert.equal(manifestState(14 * 24 * hourMs - 1), "ageing");
    assert.equal(manifestState(14 * 24 * hourMs), "stale");
  });
});
