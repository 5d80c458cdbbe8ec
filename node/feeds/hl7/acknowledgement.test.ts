import assert from "node:assert/strict";

import { acknowledgement } from "./acknowledgement.ts";
import { firstOf, parseMessage } from "./message.ts";

const BY = { facility: "wm-bsol", controlId: "a1", nowMs: Date.UTC(2025, 0, 2, 3, 4, 5) };

describe("an acknowledgement", () => {
  it("says that all is kept, and names the message and its sender", () => {
    const to = { application: "PAS", facility: "RRK", event: "A01", controlId: "M7", processing: "P" };
    assert.equal(
      acknowledgement({ code: "AA", to }, BY).toString(),
      "MSH|^~\\&|CORRIDOR|wm-bsol|PAS|RRK|20250102030405+0000||ACK^A01|a1|P|2.4\rMSA|AA|M7|\r",
    );
  });

  it("names the field that is at fault, and the fault in the standard's words", () => {
    const fault = { code: "101", where: "PID-3.1", text: "No local number." } as const;
    const bytes = acknowledgement({ code: "AE", to: { controlId: "M7" }, fault }, BY);
    const [, msa, err] = parseMessage(bytes).segments;
    assert.ok(msa !== undefined && err !== undefined);
    assert.equal(firstOf(msa, 3), "PID-3.1: No local number.");
    assert.deepEqual(err.field(1), [[["PID"], ["1"], ["3"], ["101", "Required field missing", "HL70357"]]]);
  });

  it("answers what names neither sender nor id", () => {
    const fault = { code: "102", where: "", text: "There is no MSH." } as const;
    const [, msa, err] = parseMessage(acknowledgement({ code: "AE", to: {}, fault }, BY)).segments;
    assert.equal(msa && firstOf(msa, 2), undefined);
    assert.equal(err && firstOf(err, 1, 4), "102");
  });

  it("gives back a hostile control id as a value, never as a segment or field", () => {
    const bytes = acknowledgement({ code: "AR", to: { controlId: "M|7^\\&~\rERR|x\u000b\u001c" } }, BY);
    const { segments } = parseMessage(bytes);
    assert.deepEqual(
      segments.map((segment) => segment.name),
      ["MSH", "MSA"],
    );
    assert.equal(segments[1] && firstOf(segments[1], 2), "M|7^\\&~ERR|x");
  });
});
