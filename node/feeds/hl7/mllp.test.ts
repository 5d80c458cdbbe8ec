import assert from "node:assert/strict";

import fc from "fast-check";

import { frame, makeUnframer } from "./mllp.ts";

describe("messages in a stream", () => {
  it("come out as they went in, however the stream is cut", () => {
    const message = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x1c)));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 7 }), (messages, step) => {
        const stream = Buffer.concat(messages.map(frame));
        const unframer = makeUnframer();
        const found = [];
        for (let at = 0; at < stream.length; at += step) found.push(...unframer.add(stream.subarray(at, at + step)));
        assert.deepEqual(
          found,
          messages.map((bytes) => ({ kind: "message", bytes })),
        );
      }),
    );
  });

  for (const step of [1, 3, 1000]) {
    it(`skips one that is too long and reads the next, ${step} bytes at a time`, () => {
      const stream = Buffer.concat([
        frame(Buffer.alloc(11, "a")),
        frame(Buffer.alloc(500, "a")),
        frame(Buffer.alloc(10, "b")),
      ]);
      const unframer = makeUnframer(10);
      const found = [];
      for (let at = 0; at < stream.length; at += step) found.push(...unframer.add(stream.subarray(at, at + step)));
      const seen = found.map((each) =>
        each.kind === "too-long" ? `${each.kind} ${each.head.toString("latin1", 0, 11)}` : each,
      );
      const tooLong = `too-long ${"a".repeat(11)}`;
      assert.deepEqual(seen, [tooLong, tooLong, { kind: "message", bytes: Buffer.alloc(10, "b") }]);
    });
  }

  it("names bytes outside a frame once, and takes line breaks there for nothing", () => {
    const unframer = makeUnframer();
    assert.deepEqual(unframer.add(Buffer.from("\r\n")), []);
    assert.deepEqual(unframer.add(Buffer.from("GET /")), [{ kind: "not-framed" }]);
    assert.deepEqual(unframer.add(Buffer.from(" HTTP")), []);
  });
});
