import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";

import { Failure } from "../base/failure.ts";
import { recogniseForm } from "./form.ts";
import { aPatient, brief, bundleOf, readText } from "./testing/a-fhir-file.ts";

const BUNDLE = bundleOf([aPatient()]);
const ITEM = '{"type":"identity","provider":"RRK","local_id":"P1"}';

describe("a file's form", () => {
  const kept: [what: string, text: string, name: string, taken: string[]][] = [
    ["a Bundle laid out over lines", JSON.stringify(BUNDLE, null, 2), "b.json", ["identity"]],
    ["the same, called .ndjson", JSON.stringify(BUNDLE, null, 2), "b.ndjson", ["identity"]],
    [
      "the same, with a byte-order mark and a line before",
      `\ufeff\r\n${JSON.stringify(BUNDLE, null, "\t")}`,
      "b",
      ["identity"],
    ],
    ["a Bundle in one line", JSON.stringify(BUNDLE), "b.json", ["identity"]],
    ["a Bundle in one line, called .csv", JSON.stringify(BUNDLE), "b.csv", ["identity"]],
    ["a resource laid out over lines", JSON.stringify(aPatient(), null, 2), "p.json", ["identity"]],
    ["a Bundle a line", `${JSON.stringify(BUNDLE)}\n${JSON.stringify(BUNDLE)}\n`, "b.json", ["identity", "identity"]],
    [
      "resources and our own items, line by line",
      `${JSON.stringify(aPatient())}\n${ITEM}\n${JSON.stringify(BUNDLE)}`,
      "x",
      ["identity", "identity", "identity"],
    ],
    ["our own items, the first line broken", `{"type":\n${ITEM}\n`, "x.json", ["identity"]],
    ["our own items, the first line no JSON", `no\n${ITEM}\n`, "x.ndjson", ["identity"]],
    ["nothing, called .ndjson", "", "x.ndjson", []],
  ];
  for (const [what, text, name, taken] of kept) {
    it(`is known by its beginning: ${what}`, async () => {
      assert.deepEqual(brief(await readText(text, {}, name)).taken, taken);
    });
  }

  it("is CSV where it begins with a header", async () => {
    const header = "provider,local_id,objection_id,state,received_on,override_in_emergency";
    assert.deepEqual(brief(await readText(`${header}\nRRK,P1,O1,received,2025-06-01,true\n`)).taken, ["objection"]);
  });

  const refused: [what: string, bytes: string | Uint8Array, says: RegExp][] = [
    ["gzip", gzipSync(JSON.stringify(BUNDLE)), /compressed \(gzip\): unpack/],
    ["zip", Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), /compressed \(zip\)/],
    ["XML", '<?xml version="1.0"?>\n<Bundle xmlns="http://hl7.org/fhir"/>', /is XML: give FHIR as JSON/],
    ["UTF-16", Buffer.from(`\ufeff${JSON.stringify(BUNDLE)}`, "utf16le"), /UTF-16/],
    ["a JSON list", JSON.stringify([aPatient()]), /JSON list/],
    ["nothing", "", /is empty/],
  ];
  for (const [what, bytes, says] of refused) {
    it(`is refused in words: ${what}`, async () => {
      await assert.rejects(readText(bytes), (thrown) => {
        assert.ok(thrown instanceof Failure && thrown.code === "invalid-input");
        return says.test(thrown.message);
      });
    });
  }

  it("is known from as few bytes as come at a time, and gives them all back", async () => {
    const text = `${ITEM}\n${ITEM}\n${JSON.stringify(BUNDLE)}\n`;
    for (const size of [1, 7, 64, 65, 100_000]) {
      const { form, bytes } = await recogniseForm(inPieces(Buffer.from(text), size), "x");
      let back = "";
      for await (const piece of bytes) back += Buffer.from(piece).toString();
      assert.deepEqual([form, back], ["ndjson", text]);
    }
  });
});

/** The bytes in pieces of a size, in a buffer that is used again and again, as a stream may do. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const shared = Buffer.alloc(size);
  for (let from = 0; from < bytes.length; from += size) {
    const piece = bytes.subarray(from, from + size);
    shared.set(piece);
    yield shared.subarray(0, piece.length);
  }
}
