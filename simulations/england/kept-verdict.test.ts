import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Verdict } from "../../node/base/answer.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { fromVerdict } from "../../node/wire/convert-answer.ts";
import { Verdict as WireVerdict } from "../../node/wire/generated/corridor/v1/federation_service.ts";
import { aVerdict } from "../../node/wire/testing/a-door.ts";
import { HOLDER } from "../../node/wire/testing/a-network.ts";
import { type Manifest, signManifest } from "../../topology/manifest.ts";
import { type CommandResult, corridor } from "../demo/command.ts";

const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

interface Kept {
  verdict?: Record<string, unknown>;
  signed: { payload: string; signature: string };
}

describe("corridor locate verify", () => {
  const authority = generateKeyPairSync("ed25519");
  const holder = generateKeyPairSync("ed25519");
  const stranger = generateKeyPairSync("ed25519");
  let dir: string;
  let genuine: Kept;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-verdict-"));
    writeFileSync(join(dir, "manifest.pub.pem"), spki(authority.publicKey));
    writeFileSync(join(dir, "stranger.pub.pem"), spki(stranger.publicKey));
    writeFileSync(
      join(dir, "manifest.jws"),
      await signManifest(aManifest(holder.publicKey), pkcs8(authority.privateKey)),
    );
    genuine = await signedBy(holder.privateKey);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  async function signedBy(key: KeyObject, change: Partial<Verdict> = {}): Promise<Kept> {
    const verdict = { ...aVerdict("4b7b9c2a-7a5e-4a51-9a3c-0d5a7a3f2b10"), ...change };
    const payload = WireVerdict.encode(fromVerdict(verdict)).finish();
    const signature = await makeAssertionSigner(pkcs8(key)).signVerdict(payload);
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
    return {
      verdict: JSON.parse(JSON.stringify(verdict)) as Record<string, unknown>,
      signed: { payload: base64(payload), signature: base64(signature) },
    };
  }

  function verify(kept: unknown, key = "manifest.pub.pem"): Promise<CommandResult> {
    const path = join(dir, "kept.json");
    writeFileSync(path, typeof kept === "string" ? kept : JSON.stringify(kept));
    const trusted = ["--manifest", join(dir, "manifest.jws"), "--key", join(dir, key)];
    return corridor(["locate", "verify", path, ...trusted]);
  }

  it("says whose a verdict is, when it was given, and what it says", async () => {
    const { exitCode, stdout, stderr } = await verify({ requestId: "x", answers: [], ...genuine });
    assert.equal(exitCode, EXIT.done, stderr);
    assert.match(stdout, /^Signed by holder-one at 2023-11-14T22:13:20.000Z, request 4b7b9c2a-.*, manifest 7\.\n/);
    assert.match(stdout, /1 of 1 areas answered\.[^]*This does not mean there is nothing else\./);
    assert.match(stdout, /checked with the key of manifest 9/);
  });

  it("refuses a verdict that was changed in any bit, signed by another, or printed otherwise", async () => {
    const payload = Buffer.from(genuine.signed.payload, "base64");
    payload[payload.indexOf("1 of 1")]! ^= 1;
    const changed = { ...genuine, signed: { ...genuine.signed, payload: payload.toString("base64") } };
    const printedOtherwise = { ...genuine, verdict: { ...genuine.verdict, sentence: "2 of 2 areas answered." } };
    for (const kept of [changed, await signedBy(stranger.privateKey), printedOtherwise]) {
      const { exitCode, stdout, stderr } = await verify(kept);
      assert.deepEqual([exitCode, stdout], [EXIT.refused, ""], stderr);
      assert.match(stderr, /Do not rely on this verdict/);
    }
  });

  it("refuses a verdict that claims more of a scope than its areas bear out, whoever signed it", async () => {
    const unheard = aVerdict("").areas.map((area) => ({ ...area, outcome: "timed-out" as const }));
    const { exitCode, stderr } = await verify(await signedBy(holder.privateKey, { areas: unheard }));
    assert.equal(exitCode, EXIT.refused, stderr);
    assert.match(stderr, /whose scopes its areas deny/);
  });

  it("relies on no manifest but the authority's", async () => {
    const { exitCode, stderr } = await verify(genuine, "stranger.pub.pem");
    assert.equal(exitCode, EXIT.refused, stderr);
  });

  it("says of a file that is nothing of the kind what it should be", async () => {
    for (const kept of [
      "",
      "{}",
      JSON.stringify({ signed: genuine.signed }),
      JSON.stringify({ ...genuine, signed: { payload: "?", signature: "" } }),
    ]) {
      const { exitCode, stderr } = await verify(kept);
      assert.equal(exitCode, EXIT.usage, stderr);
      assert.match(stderr, /is not what 'corridor locate --json' prints/);
    }
    const noVerdict = Buffer.from("not a verdict").toString("base64");
    const { exitCode, stderr } = await verify({ ...genuine, signed: { ...genuine.signed, payload: noVerdict } });
    assert.equal(exitCode, EXIT.failed, stderr);
  });
});

function aManifest(holderKey: KeyObject): Manifest {
  return {
    format: 1,
    network: { name: "Trial", domain: "trial.corridor.example", authority: "Nobody" },
    ...{ sequence: 9, issuedAt: "2026-11-20T00:00:00Z", routing: "ask-all", icsWithoutNode: [], agreements: [] },
    members: [
      {
        ...{ id: HOLDER, collaborative: "care", region: "Trial", endpoints: ["127.0.0.1:1"], population: 1 },
        ics: [{ code: "QAA", name: "Test ICS", from: "2022-07-01" }],
        issuingCa: "0".repeat(64),
        assertionKey: holderKey.export({ format: "jwk" }).x!,
        ages: { from: 0 },
        coverageContact: { name: "Desk", phone: "01632 960001", hours: "24 hours" },
        status: "live",
      },
    ],
  };
}

function spki(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
