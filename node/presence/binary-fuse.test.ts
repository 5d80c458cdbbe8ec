import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { NhsNumber } from "../base/nhs-number.ts";
import { seededRandom } from "../base/random.ts";
import { type BinaryFuse, buildBinaryFuse, fuseBytes, holds } from "./binary-fuse.ts";
import { keyedTokens, presenceKeyId } from "./token.ts";

interface Vectors {
  readonly key: string;
  readonly epoch: number;
  readonly keyId: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly filter: Pick<BinaryFuse, "seed" | "segmentLength" | "segmentCount"> & { readonly fingerprints: string };
}
const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as Vectors;

function randomKeys(count: number, seed: number): BigUint64Array {
  const bytes = seededRandom(seed).bytes(8 * count);
  return new BigUint64Array(Uint8Array.from(bytes).buffer);
}

describe("a binary fuse filter", () => {
  for (const count of [0, 1, 2, 3, 7, 100, 5_000, 200_000]) {
    it(`of ${count} keys denies none of them, and lets one in 256 of others through`, () => {
      const keys = randomKeys(count, 1);
      const filter = buildBinaryFuse(keys, 7);
      assert.equal(filter.fingerprints.length, fuseBytes(filter));
      assert.ok(keys.every((key) => holds(filter, key)));
      const others = [...randomKeys(100_000, 2)];
      const passed = others.filter((key) => holds(filter, key)).length / others.length;
      // Five standard deviations around 1/256.
      assert.ok(Math.abs(passed - 1 / 256) < 0.001, `${(passed * 100).toFixed(3)} % of others`);
    });
  }

  it("takes nine bits and a tenth a key, at most, from a million on", () => {
    const filter = buildBinaryFuse(randomKeys(1_000_000, 3), 7);
    assert.ok((filter.fingerprints.length * 8) / 1_000_000 <= 9.1);
  });

  it("counts a key that is there twice once", () => {
    const keys = randomKeys(1_000, 4);
    const twice = BigUint64Array.from([...keys, ...keys]);
    assert.deepEqual(buildBinaryFuse(twice, 7), buildBinaryFuse(keys, 7));
  });

  it("is the same everywhere: tokens and filter are the vectors'", () => {
    const key = Buffer.from(vectors.key, "hex");
    assert.equal(presenceKeyId(key), vectors.keyId);
    const { token } = keyedTokens(key, vectors.epoch);
    const tokens = Object.keys(vectors.tokens).map((digits) => token(NhsNumber.parse(digits)!));
    assert.deepEqual(
      tokens.map((each) => each.toString(16).padStart(16, "0")),
      Object.values(vectors.tokens),
    );
    const { fingerprints, ...shape } = buildBinaryFuse(BigUint64Array.from(tokens), 1);
    assert.deepEqual({ ...shape, fingerprints: Buffer.from(fingerprints).toString("hex") }, vectors.filter);
  });

  it("makes other tokens in another epoch, and under another key", () => {
    const number = NhsNumber.parse("9000000009")!;
    const key = Buffer.alloc(32, 1);
    const one = keyedTokens(key, 1).token(number);
    assert.notEqual(keyedTokens(key, 2).token(number), one);
    assert.notEqual(keyedTokens(Buffer.alloc(32, 2), 1).token(number), one);
  });
});
