import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import type { SearchTold } from "../requests/search-people.ts";
import { searchLines } from "./search-lines.ts";

const PERSON: SearchTold["persons"][number] = {
  score: 0.95,
  restricted: false,
  warnings: ["same-name"],
  details: new Concealed({
    ...{
      nhsNumber: "9000000009",
      verified: true,
      died: "",
      deathRegistered: false,
      postcode: "B86 8QD",
      phone: "07700 900738",
    },
    names: [
      { family: "Khan", given: "Aisha", middle: "Noor" },
      { family: "Khan-Ali", given: "Aisha", middle: "" },
    ],
    birthDates: ["1980-05-17"],
    genders: ["female"],
    addressLines: ["1 Canal Road", "Birmingham"],
  }),
};

describe("what a search found, as lines", () => {
  it("shows who each one is, what else they are called, where they live, and whom not to take for them", () => {
    assert.deepEqual(searchLines({ result: "found", persons: [PERSON], askForMore: false }), [
      "1 person fits.",
      "",
      "  0.9500  KHAN, Aisha Noor   born 1980-05-17   female",
      "          NHS number 900 000 0009 (verified)",
      "          also KHAN-ALI, Aisha",
      "          1 Canal Road, Birmingham, B86 8QD",
      "          07700 900738",
      "          ! Another person found has this name: check the date of birth and the address.",
    ]);
  });

  it("shows no place of a restricted person, and says that it is protected", () => {
    const details = new Concealed({ ...PERSON.details.expose(), addressLines: [], postcode: "", phone: "" });
    const lines = searchLines({
      result: "found",
      persons: [{ ...PERSON, restricted: true, details }],
      askForMore: false,
    });
    assert.ok(lines.includes("          Restricted record: location protected."));
    assert.doesNotMatch(lines.join("\n"), /Canal|B86|07700/);
  });

  it("says when somebody died, and whether the registrar has said so", () => {
    const linesOf = (deathRegistered: boolean) => {
      const details = new Concealed({ ...PERSON.details.expose(), died: "2025-03", deathRegistered });
      return searchLines({ result: "found", persons: [{ ...PERSON, details }], askForMore: false });
    };
    assert.ok(linesOf(true).includes("          Died 2025-03 (registered)."));
    assert.ok(linesOf(false).includes("          Died 2025-03 (not yet registered)."));
  });

  it("asks for more where many fit, and never says that there is nobody", () => {
    const many = searchLines({ result: "found", persons: Array.from({ length: 6 }, () => PERSON), askForMore: true });
    assert.match(many[1] ?? "", /before you choose/);
    assert.match(searchLines({ result: "too-many", persons: [], askForMore: false }).join(), /Too many people fit/);
    assert.match(searchLines({ result: "none", persons: [], askForMore: false }).join(), /may be known .* elsewhere/);
  });

  it("lets no name write elsewhere on the screen", () => {
    const details = new Concealed({
      ...PERSON.details.expose(),
      names: [{ family: "K\u001b[2Jhan", given: "A", middle: "" }],
    });
    const lines = searchLines({ result: "found", persons: [{ ...PERSON, details }], askForMore: false });
    assert.ok(!lines.join("\n").includes("\u001b"));
  });
});
