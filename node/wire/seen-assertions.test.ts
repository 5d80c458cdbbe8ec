import assert from "node:assert/strict";

import { ASSERTIONS_REMEMBERED_MAX } from "./bounds.ts";
import { encode } from "./encode.ts";
import { AssertionPayload, type SignedAssertion } from "./generated/corridor/v1/assertion.ts";
import { SeenAssertions } from "./seen-assertions.ts";

const KEY = "a key";

function anAssertion(asker: string, signature = 1): SignedAssertion {
  const payload = encode(AssertionPayload, { asker, holder: "h", issuedAtMs: 1n, expiresAtMs: 2n, claims: [] });
  return { payload, signature: Buffer.alloc(64, signature) };
}

describe("assertions that were seen", () => {
  let verifications: number;
  let holds: boolean;
  let seen: SeenAssertions;
  const verify = (): Promise<boolean> => {
    verifications++;
    return Promise.resolve(holds);
  };

  beforeEach(() => {
    verifications = 0;
    holds = true;
    seen = new SeenAssertions();
  });

  it("are verified once, also for questions that come while that is under way", async () => {
    const both = [seen.read(anAssertion("a"), KEY, verify), seen.read(anAssertion("a"), KEY, verify)];
    assert.deepEqual(await Promise.all(both.map((each) => each.verified())), [true, true]);
    assert.equal(await seen.read(anAssertion("a"), KEY, verify).verified(), true);
    assert.equal(verifications, 1);
  });

  it("are nothing to another payload under the same signature", async () => {
    await seen.read(anAssertion("a"), KEY, verify).verified();
    holds = false;
    const forged = seen.read(anAssertion("b"), KEY, verify);
    assert.equal(forged.payload.asker, "b");
    assert.equal(await forged.verified(), false);
    assert.equal(verifications, 2);
  });

  it("are nothing under another key", async () => {
    await seen.read(anAssertion("a"), KEY, verify).verified();
    holds = false;
    assert.equal(await seen.read(anAssertion("a"), "another key", verify).verified(), false);
  });

  it("are not remembered where they do not hold, or could not be judged", async () => {
    holds = false;
    assert.equal(await seen.read(anAssertion("a"), KEY, verify).verified(), false);
    holds = true;
    assert.equal(await seen.read(anAssertion("a"), KEY, verify).verified(), true);
    const broken = new SeenAssertions();
    const fail = (): Promise<boolean> => Promise.reject(new Error("the thread pool is gone"));
    await assert.rejects(broken.read(anAssertion("a"), KEY, fail).verified());
    assert.equal(await broken.read(anAssertion("a"), KEY, verify).verified(), true);
  });

  it("are forgotten, the oldest first, so that nobody can fill the memory", async () => {
    for (let nth = 0; nth <= ASSERTIONS_REMEMBERED_MAX; nth++) {
      await seen.read({ ...anAssertion("a"), signature: numbered(nth) }, KEY, verify).verified();
    }
    await seen.read({ ...anAssertion("a"), signature: numbered(1) }, KEY, verify).verified();
    assert.equal(verifications, ASSERTIONS_REMEMBERED_MAX + 1, "the second is still known");
    await seen.read({ ...anAssertion("a"), signature: numbered(0) }, KEY, verify).verified();
    assert.equal(verifications, ASSERTIONS_REMEMBERED_MAX + 2, "the first is not");
  });

  const numbered = (nth: number): Buffer => {
    const signature = Buffer.alloc(64);
    signature.writeUInt32BE(nth);
    return signature;
  };
});
