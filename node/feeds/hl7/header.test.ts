import assert from "node:assert/strict";

import { type FaultCode, Hl7Fault } from "./fault.ts";
import { ADT_EVENTS, readHeader } from "./header.ts";
import { parseMessage } from "./message.ts";

const read = ({ type = "ADT^A28", id = "M1", processing = "P", version = "2.4", rest = "" } = {}) =>
  readHeader(
    parseMessage(Buffer.from(`MSH|^~\\&|PAS|RRK|||20250102||${type}|${id}|${processing}|${version}\r${rest}`)),
  );

function refused(fault: FaultCode, where: string, act: () => unknown): void {
  assert.throws(act, (thrown) => thrown instanceof Hl7Fault && thrown.fault === fault && thrown.where === where);
}

describe("the header of an HL7 v2 message", () => {
  for (const event of ADT_EVENTS) {
    it(`is read for ${event}, with or without the structure's name`, () => {
      assert.deepEqual(read({ type: `ADT^${event}` }), { event, controlId: "M1" });
      assert.equal(read({ type: `ADT^${event}^ADT_${event}` }).event, event);
    });
  }

  it("is refused by its type where it is of another event, kind, processing id or version", () => {
    refused("201", "MSH-9.2", () => read({ type: "ADT^A02" }));
    refused("200", "MSH-9.1", () => read({ type: "ORU^A28" }));
    refused("201", "MSH-9.2", () => read({ type: "ADT" }));
    refused("202", "MSH-11.1", () => read({ processing: "T" }));
    refused("202", "MSH-11.1", () => read({ processing: "" }));
    refused("203", "MSH-12.1", () => read({ version: "2.3" }));
    assert.equal(read({ version: "2.4^GBR" }).event, "A28");
  });

  it("is refused at the field that is missing, deleted or too long, and where a second one follows", () => {
    refused("101", "MSH-9", () => read({ type: "" }));
    refused("101", "MSH-10", () => read({ id: "" }));
    refused("101", "MSH-10", () => read({ id: '""' }));
    refused("102", "MSH-10", () => read({ id: "1".repeat(200) }));
    refused("100", "MSH", () => read({ rest: "MSH|^~\\&|PAS\r" }));
  });
});
