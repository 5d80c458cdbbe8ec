import assert from "node:assert/strict";

import { acknowledgement } from "./acknowledgement.ts";
import { firstOf, parseMessage } from "./message.ts";

const BY = { facility: "wm-bsol", controlId: "a1", nowMs: Date.UTC(2025, 0, 2, 3, 4, 5) };

describe("an acknowledgement", () => {
  it("says that all is kept, and names the message", () => {
    const text = acknowledgement({ code: "AA", controlId: "M7" }, BY).toString();
    assert.equal(text, "MSH|^~\\&|CORRIDOR|wm-bsol|||20250102030405+0000||ACK|a1|P|2.4\rMSA|AA|M7|\r");
  });

  it("names the field that is at fault", () => {
    const bytes = acknowledgement({ code: "AE", controlId: "M7", where: "PID-3", text: "No local number." }, BY);
    const [, msa, err] = parseMessage(bytes).segments;
    assert.ok(msa !== undefined && err !== undefined);
    assert.equal(firstOf(msa, 3), "No local number.");
    assert.deepEqual(err.field(1), [[["PID"], ["1"], ["3"], ["207"]]]);
  });

  it("gives back a hostile control id as a value, never as a segment or field", () => {
    const bytes = acknowledgement({ code: "AR", controlId: "M|7^\\&~\rERR|x\u000b\u001c" }, BY);
    const { segments } = parseMessage(bytes);
    assert.deepEqual(
      segments.map((segment) => segment.name),
      ["MSH", "MSA"],
    );
    assert.equal(segments[1] && firstOf(segments[1], 2), "M|7^\\&~ERR|x");
  });
});
