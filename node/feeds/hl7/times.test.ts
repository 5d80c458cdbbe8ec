import assert from "node:assert/strict";

import { readDay, readMoment } from "./times.ts";

const LONDON = "Europe/London";

describe("a time stamp of HL7 v2", () => {
  it("has a day, as exact as it was given", () => {
    for (const [text, day] of [
      ["1931", "1931"],
      ["193104", "1931-04"],
      ["19310405", "1931-04-05"],
      ["193104050607", "1931-04-05"],
      ["19310405060708.1234+0100", "1931-04-05"],
      ["1931+0000", "1931"],
    ] as const) {
      assert.equal(readDay(text), day, text);
    }
  });

  it("is none where its day or its clock is none", () => {
    const wrong = ["", "19", "193", "19311", "19311301", "19310230", "1931040", "1931040524", "193104052400"];
    const more = [
      "193104050060",
      "19310405000060",
      "19310405+2500",
      "1931-04-05",
      "19310405 ",
      " 19310405",
      "１９３１",
    ];
    for (const text of [...wrong, ...more]) assert.equal(readDay(text), undefined, text);
  });

  it("is a moment by its offset, or else by the clock on the wall of its zone", () => {
    assert.equal(readMoment("20250102030405", LONDON), Date.UTC(2025, 0, 2, 3, 4, 5));
    assert.equal(readMoment("20250702030405", LONDON), Date.UTC(2025, 6, 2, 2, 4, 5));
    assert.equal(readMoment("20250702030405+0000", LONDON), Date.UTC(2025, 6, 2, 3, 4, 5));
    assert.equal(readMoment("202507020304-0530", LONDON), Date.UTC(2025, 6, 2, 8, 34));
    assert.equal(readMoment("20250702", LONDON), Date.UTC(2025, 6, 1, 23));
    assert.equal(readMoment("202507", LONDON), undefined);
  });

  it("is the first of two where the clock goes back, and the next hour where it goes forward", () => {
    assert.equal(readMoment("202510260130", LONDON), Date.UTC(2025, 9, 26, 0, 30));
    assert.equal(readMoment("202510260230", LONDON), Date.UTC(2025, 9, 26, 2, 30));
    assert.equal(readMoment("202503300130", LONDON), Date.UTC(2025, 2, 30, 1, 30));
    assert.equal(readMoment("202503300230", LONDON), Date.UTC(2025, 2, 30, 1, 30));
    assert.equal(readMoment("202503300030", LONDON), Date.UTC(2025, 2, 30, 0, 30));
  });
});
