import assert from "node:assert/strict";

import { systemClock } from "../base/clock.ts";
import type { NodeId } from "../base/words.ts";
import { AssertionDesk } from "./assertion-desk.ts";
import { CLAIMS_SIGNED_TOGETHER_MAX } from "./bounds.ts";
import { AssertionPayload, type QuestionClaim } from "./generated/corridor/v1/assertion.ts";

const claim = (attemptId: string): QuestionClaim => ({
  attemptId,
  requestId: "r",
  claim: undefined,
  patientBinding: Buffer.alloc(32),
});

describe("the desk where claims are signed", () => {
  let signed: Uint8Array[];
  const deskThat = (sign: (payload: Uint8Array) => Promise<Uint8Array>): AssertionDesk =>
    new AssertionDesk({ ownId: "asker" as NodeId, holder: "holder", clock: systemClock, sign });
  const sign = async (payload: Uint8Array): Promise<Uint8Array> => {
    signed.push(payload);
    await systemClock.sleep(5);
    return Buffer.alloc(64, signed.length);
  };

  beforeEach(() => {
    signed = [];
  });

  it("signs a lone claim at once, for one holder and a short time", async () => {
    const nowMs = systemClock.wallMs();
    const { assertion, claimIndex } = await deskThat(sign).cover(claim("a"));
    const payload = AssertionPayload.decode(assertion.payload);
    assert.equal(claimIndex, 0);
    assert.deepEqual([payload.asker, payload.holder, payload.claims.length], ["asker", "holder", 1]);
    assert.ok(Number(payload.issuedAtMs) >= Math.floor(nowMs));
    assert.equal(payload.expiresAtMs - payload.issuedAtMs, 120_000n);
  });

  it("signs together what comes together or while it signs, and says which claim is whose", async () => {
    const desk = deskThat(sign);
    const names = Array.from({ length: 20 }, (_, at) => `claim-${at}`);
    const first = names.slice(0, 3).map((name) => desk.cover(claim(name)));
    await systemClock.sleep(1);
    const rest = names.slice(3).map((name) => desk.cover(claim(name)));
    const covered = await Promise.all([...first, ...rest]);
    for (const [at, { assertion, claimIndex }] of covered.entries()) {
      assert.equal(AssertionPayload.decode(assertion.payload).claims[claimIndex]?.attemptId, names[at]);
    }
    assert.deepEqual(
      signed.map((payload) => AssertionPayload.decode(payload).claims.length),
      [3, CLAIMS_SIGNED_TOGETHER_MAX, CLAIMS_SIGNED_TOGETHER_MAX, 1],
    );
  });

  it("fails those whose signature failed, and goes on with the next", async () => {
    let turn = 0;
    const desk = deskThat((payload) => (turn++ === 0 ? Promise.reject(new Error("no key")) : sign(payload)));
    await assert.rejects(desk.cover(claim("a")), /no key/);
    assert.equal((await desk.cover(claim("b"))).claimIndex, 0);
  });
});
