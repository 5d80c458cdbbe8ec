import assert from "node:assert/strict";

import { Metadata, status as Status } from "@grpc/grpc-js";

import { FAILURE_CODES, Failure } from "../base/failure.ts";
import { failureOf, isBrokenOff, statusOf } from "./status.ts";

const SECRET = "/srv/data/audit.db for 9000000009";

describe("a failure on the wire", () => {
  for (const code of FAILURE_CODES) {
    it(`${code} arrives as itself`, () => {
      const arrived = failureOf(statusOf(new Failure(code, "Something.", { where: "patient.number" })));
      assert.equal(arrived.code, code);
    });
  }

  it("keeps its words and the field at fault", () => {
    const arrived = failureOf(statusOf(new Failure("invalid-input", "It is wrong.", { where: "claim.role" })));
    assert.equal(arrived.message, "It is wrong.");
    assert.equal(arrived.where, "claim.role");
  });

  for (const code of ["internal", "configuration", "store-unavailable"] as const) {
    it(`${code} says nothing of what is inside the node`, () => {
      const { details, metadata } = statusOf(new Failure(code, SECRET, { where: "audit.db" }));
      assert.ok(!details.includes("srv"));
      assert.deepEqual(metadata.get("corridor-where"), []);
    });
  }

  for (const thrown of [new TypeError(SECRET), SECRET, undefined, { message: SECRET }]) {
    it(`anything else thrown (${typeof thrown}) is internal, and nothing of it leaves`, () => {
      const { code, details, metadata } = statusOf(thrown);
      assert.equal(code, Status.INTERNAL);
      assert.ok(!JSON.stringify({ details, metadata }).includes("srv"));
    });
  }

  it("of a stranger counts only where its code fits its status", () => {
    const metadata = new Metadata();
    metadata.set("corridor-failure", "no-agreement");
    assert.equal(failureOf({ code: Status.UNAVAILABLE, details: "", metadata }).code, "unreachable");
    metadata.set("corridor-failure", "no-such-code");
    assert.equal(failureOf({ code: Status.PERMISSION_DENIED, details: "", metadata }).code, "not-permitted");
  });

  it("of a stream that was reset is that the node could not be reached", () => {
    const details = "Received RST_STREAM with code 0 (Call ended without gRPC status)";
    const reset = { code: Status.INTERNAL, details, metadata: new Metadata() };
    assert.equal(failureOf(reset).code, "unreachable");
    assert.ok(isBrokenOff(reset));
    const said = { ...statusOf(new Failure("internal", "")), details };
    assert.equal(failureOf(said).code, "internal");
    assert.ok(!isBrokenOff(said), "the node itself said so");
  });

  it("carries no line breaks and no broken text", () => {
    const { details } = statusOf(new Failure("not-permitted", "one\r\ntwo \ud800 three\u0000"));
    assert.equal(details, "one two \ufffd three ");
    assert.doesNotThrow(() => encodeURI(details));
  });
});
