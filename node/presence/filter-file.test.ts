import assert from "node:assert/strict";
import { generateKeyPairSync, sign as signBytes, verify } from "node:crypto";

import fc from "fast-check";

import { Failure } from "../base/failure.ts";
import { buildBinaryFuse, holds } from "./binary-fuse.ts";
import { FILTER_FILE_BYTES_MAX, readFilterFile, writeFilterFile } from "./filter-file.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const sign = (bytes: Uint8Array): Promise<Uint8Array> => Promise.resolve(signBytes(null, bytes, privateKey));
const SAID = { holder: "wm-cw", epoch: 3, asOf: "2026-11-22T03:00:00.000Z", keyId: "00112233aabbccdd", keys: 3 };
const KEYS = BigUint64Array.from([1n, 2n, 0xffff_ffff_ffff_ffffn]);

describe("a presence filter's file", () => {
  let file: Buffer;
  before(async () => {
    file = Buffer.from(await writeFilterFile(SAID, buildBinaryFuse(KEYS, 9), sign));
  });

  it("is read as it was written, and holds what the filter held", () => {
    const { head, filter, signed, signature } = readFilterFile(file);
    const { holder, epoch, asOf, keyId, keys } = head;
    assert.deepEqual({ holder, epoch, asOf, keyId, keys }, SAID);
    assert.deepEqual(filter, buildBinaryFuse(KEYS, 9));
    assert.ok([...KEYS].every((key) => holds(filter, key)));
    assert.ok(verify(null, signed, publicKey, signature), "all of it is signed");
    assert.match(file.toString("latin1"), /^corridor-presence 1\n\{"holder":"wm-cw",/);
  });

  it("is refused where a byte of it is changed, or only its signature no longer fits", () => {
    for (let at = 0; at < file.length; at++) {
      const changed = Buffer.from(file);
      changed[at]! ^= 0x01;
      try {
        const { signed, signature } = readFilterFile(changed);
        assert.ok(!verify(null, signed, publicKey, signature), `byte ${at}`);
      } catch (thrown) {
        assert.ok(thrown instanceof Failure, String(thrown));
      }
    }
  });

  it("is refused where it is cut short, or goes on", () => {
    for (let length = 0; length < file.length; length += 3) {
      assert.throws(() => readFilterFile(file.subarray(0, length)), Failure, `${length} bytes`);
    }
    assert.throws(() => readFilterFile(Buffer.concat([file, Buffer.alloc(1)])), /its length is not what its head says/);
    assert.throws(() => readFilterFile(Buffer.alloc(FILTER_FILE_BYTES_MAX + 1)), /more than/);
  });

  it("is refused where it is of another version, and that is said", () => {
    const other = Buffer.from(file.toString("latin1").replace("presence 1\n", "presence 2\n"), "latin1");
    assert.throws(() => readFilterFile(other), {
      code: "incompatible",
      message: /format 2; this version knows format 1/,
    });
  });

  it("is refused where its head promises what it does not have: nothing of that size is made for it", () => {
    const text = file.toString("latin1");
    for (const [from, to] of [
      ['"segmentCount":1', '"segmentCount":5999999'],
      ['"segmentLength":8', '"segmentLength":7'],
      ['"keys":3', '"keys":-1'],
      ['"holder":', '"owner":'],
    ] as const) {
      assert.ok(text.includes(from), from);
      assert.throws(() => readFilterFile(Buffer.from(text.replace(from, to), "latin1")), { code: "invalid-input" });
    }
  });

  it("is refused, never worse, whatever the bytes are", () => {
    const start = Buffer.from("corridor-presence 1\n");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isBegun) => {
        assert.throws(() => readFilterFile(isBegun ? Buffer.concat([start, bytes]) : bytes), Failure);
      }),
      { numRuns: 2_000 },
    );
  });
});
