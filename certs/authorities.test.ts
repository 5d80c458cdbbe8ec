import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { Authorities, type ListedAuthority, differencesOfAuthorities, stepOfBelief } from "./authorities.ts";
import { prepareAuthority, readRegister, stepAuthorities } from "./authority-register.ts";
import { initNetwork } from "./authority.ts";
import { keyFingerprint } from "./fingerprint.ts";
import { issueNode, trustOf } from "./issue.ts";
import { readCertificates } from "./pem.ts";

const clock = systemClock;

describe("the authorities of a network", () => {
  let dir: string;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-authorities-"));
    await initNetwork(dir, { domain: "trial.example", collaboratives: ["grove", "hill"], clock });
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const states = (): string[] =>
    readRegister(dir).map(({ collaborative, state }) => `${collaborative ?? "root"} ${state}`);
  const now = (): Authorities => new Authorities(readRegister(dir));
  async function leafOf(id: string): Promise<{ leaf: X509Certificate; key: string; trust: string }> {
    const { files } = await issueNode(dir, { id, collaborative: "grove", clock });
    const [leaf, issuer] = readCertificates(readFileSync(files.certificate, "utf8"), "leaf");
    return { leaf: leaf!, key: keyFingerprint(issuer!.publicKey), trust: readFileSync(files.trust, "utf8") };
  }

  it("change a root by steps in their order, one exchange at a time, and no leaf with it", async () => {
    const { leaf, key } = await leafOf("ash");
    assert.deepEqual(states(), ["root active", "grove active", "hill active"]);
    assert.throws(() => stepAuthorities(dir, "active"), refusal(/no authority can be active now/));
    await prepareAuthority(dir, "root", clock);
    const [before, prepared] = [now().shownWith(leaf), readRegister(dir)];
    await assert.rejects(prepareAuthority(dir, "grove", clock), refusal(/another exchange is not over/));
    assert.throws(() => stepAuthorities(dir, "tainted"), refusal(/no authority can be tainted now/));
    stepAuthorities(dir, "active");
    const [root] = readCertificates(trustOf(dir), "trust");
    assert.notEqual(now().shownWith(leaf), before, "the same leaf is shown with its authority under the next root");
    await assert.rejects(prepareAuthority(dir, "grove", clock), refusal(/another exchange is not over/));
    stepAuthorities(dir, "tainted");
    assert.equal(now().judge("grove", key), "accepted", "its key is under the next root too");
    stepAuthorities(dir, "revoked");
    assert.deepEqual(states().slice(0, 4), ["root revoked", "grove revoked", "hill revoked", "root active"]);
    assert.equal(now().judge("grove", key), "accepted");
    assert.equal(stepOfBelief(prepared.slice(0, 3), prepared), "makes everybody believe another root");
    assert.equal(stepOfBelief(prepared, readRegister(dir)), "makes everybody believe an authority no more");
    assert.ok(!now().believe(trustOf(dir)).includes(root!.toString()), "the old root is believed no more");
  });

  it("change an issuing authority, and with it each leaf", async () => {
    const { key } = await leafOf("ash");
    await prepareAuthority(dir, "grove", clock);
    assert.equal(stepOfBelief(readRegister(dir).slice(0, 3), readRegister(dir)), undefined, "under a root of before");
    stepAuthorities(dir, "active");
    const next = await leafOf("beech");
    assert.deepEqual([now().judge("grove", key), now().judge("grove", next.key)], ["accepted", "accepted"]);
    assert.equal(now().judge("hill", next.key), "not-listed", "each for its own collaborative");
    stepAuthorities(dir, "tainted");
    assert.deepEqual([now().judge("grove", key), now().judge("grove", next.key)], ["tainted", "accepted"]);
    const before = readRegister(dir);
    stepAuthorities(dir, "revoked");
    assert.deepEqual([now().judge("grove", key), now().judge("grove", next.key)], ["revoked", "accepted"]);
    assert.match(
      differencesOfAuthorities(before, readRegister(dir)).join(),
      /^issuing authority of grove \(serial \w+\): was tainted, is revoked$/,
    );
  });

  it("of a node's own file are believed where the list does not know them, and never where it has revoked them", async () => {
    const { trust } = await leafOf("ash");
    const old = readRegister(dir);
    await prepareAuthority(dir, "root", clock);
    stepAuthorities(dir, "active");
    const both = trustOf(dir);
    const certificates = (pem: string): number => readCertificates(pem, "pem").length;
    assert.equal(certificates(new Authorities(old).believe(both)), 6, "a file that is newer than the list");
    stepAuthorities(dir, "tainted");
    stepAuthorities(dir, "revoked");
    assert.equal(certificates(now().believe(trust)), 3, "a file that is older");
    assert.equal(now().believe(trust), trustOf(dir));
  });

  it("are not taken where one is none, or is nobody's", async () => {
    const [root, grove] = readRegister(dir) as [ListedAuthority, ListedAuthority];
    const { leaf } = await leafOf("ash");
    const asListed = { ...grove, certificate: leaf.raw.toString("base64") };
    for (const list of [
      [grove],
      [root, asListed],
      [root, { ...grove, collaborative: undefined }],
      [{ ...root, certificate: "AAAA" }],
    ]) {
      assert.throws(
        () => new Authorities(list),
        (thrown) => thrown instanceof Failure && thrown.code === "not-authenticated",
      );
    }
  });
});

function refusal(message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof Failure && thrown.code === "invalid-input" && message.test(thrown.message);
}
