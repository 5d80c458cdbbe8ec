import assert from "node:assert/strict";

import { Failure, type FailureCode } from "../../base/failure.ts";
import { ADT_EVENTS, readHeader } from "./header.ts";
import { parseMessage } from "./message.ts";

const read = ({ facility = "RRK", type = "ADT^A28", id = "M1", version = "2.4", rest = "" } = {}) =>
  readHeader(parseMessage(Buffer.from(`MSH|^~\\&|PAS|${facility}|||20250102||${type}|${id}|P|${version}\r${rest}`)));

function refused(code: FailureCode, where: string, act: () => unknown): void {
  assert.throws(act, (thrown) => thrown instanceof Failure && thrown.code === code && thrown.where === where);
}

describe("the header of an HL7 v2 message", () => {
  for (const event of ADT_EVENTS) {
    it(`is read for ${event}, with or without the structure's name`, () => {
      assert.deepEqual(read({ type: `ADT^${event}` }), { facility: "RRK", event, controlId: "M1" });
      assert.equal(read({ type: `ADT^${event}^ADT_${event}` }).event, event);
    });
  }

  it("is refused by its type where it is of another event, kind or version", () => {
    refused("incompatible", "MSH-9", () => read({ type: "ADT^A02" }));
    refused("incompatible", "MSH-9", () => read({ type: "ORU^A28" }));
    refused("incompatible", "MSH-9", () => read({ type: "ADT" }));
    refused("incompatible", "MSH-12", () => read({ version: "2.3" }));
  });

  it("is refused at the field that is missing, deleted or too long, and where a second one follows", () => {
    refused("invalid-input", "MSH-4", () => read({ facility: "" }));
    refused("invalid-input", "MSH-4", () => read({ facility: '""' }));
    refused("invalid-input", "MSH-10", () => read({ id: "" }));
    refused("invalid-input", "MSH-10", () => read({ id: "1".repeat(200) }));
    refused("invalid-input", "MSH", () => read({ rest: "MSH|^~\\&|PAS\r" }));
  });
});
