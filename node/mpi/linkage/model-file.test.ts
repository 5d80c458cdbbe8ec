import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Failure } from "../../base/failure.ts";
import { readModelFile } from "./model-file.ts";
import { OWN_MODEL, ownModel } from "./model.ts";

describe("a linking model's file", () => {
  const dir = mkdtempSync(join(tmpdir(), "corridor-model-"));
  const file = join(dir, "model.json");
  after(() => rmSync(dir, { recursive: true }));

  it("is whole in the product's own case, which is read without being checked", () => {
    assert.deepEqual(readModelFile(OWN_MODEL), ownModel());
  });

  const broken: [what: string, text: string, where: RegExp][] = [
    ["no JSON", "{", /no JSON/],
    ["a level too few", withFamily({ m: [0.5], u: [0.5] }), /fields\.family/],
    ["a certainty", JSON.stringify({ ...ownModel(), common: { given: { ANNA: 0 }, family: {} } }), /common\.given/],
    ["a key that nobody knows", JSON.stringify({ ...ownModel(), weights: [] }), /weights/],
  ];
  for (const [what, text, where] of broken) {
    it(`is refused with ${what}, and says where`, () => {
      writeFileSync(file, text);
      assert.throws(
        () => readModelFile(file),
        (thrown) => thrown instanceof Failure && thrown.code === "configuration" && where.test(thrown.message),
      );
    });
  }
});

function withFamily(field: { m: number[]; u: number[] }): string {
  const model = ownModel();
  return JSON.stringify({ ...model, fields: { ...model.fields, family: field } });
}
