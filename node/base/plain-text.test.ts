import assert from "node:assert/strict";

import { isPlainText, toPlainText } from "./plain-text.ts";

describe("plain text", () => {
  it("is every name and number as people write them", () => {
    for (const text of ["", "St Mary’s – Ólafsdóttir & Sons (Żabka), 50 % ½", "0121 496 0000", "王医生", "نور"]) {
      assert.ok(isPlainText(text), text);
      assert.equal(toPlainText(text), text);
    }
  });

  it("is nothing that writes elsewhere on a screen, turns text round or hides in it", () => {
    for (const unfit of [
      "\u001b",
      "\r",
      "\n",
      "\0",
      "\u009b",
      "\u202e",
      "\u2066",
      "\u200b",
      "\u2028",
      "\ufeff",
      "\ufffd",
      "\ud800",
      "\u{e0041}",
    ]) {
      assert.ok(!isPlainText(`A${unfit}B`), JSON.stringify(unfit));
      assert.equal(toPlainText(`A${unfit}B${unfit}`), "A B ");
    }
  });
});
