import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import { isPlainText } from "../base/plain-text.ts";
import type { ShownValues } from "../requests/review.ts";
import { comparisonLines, historyLines, type TimedEvent } from "./mpi-lines.ts";

const VALUES: ShownValues = {
  ...{ provider: "RRK", localId: "P1", nhsNumber: "9000000009", nhsNumberStatus: "01", recordedOn: "" },
  ...{ givenName: "Aisha", middleName: "", familyName: "Khan", birthDate: "1980-05-17", gender: "female" },
  ...{ addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "" },
};
const SCORE = { weight: 12.5, fields: [{ field: "family", level: "same", weight: 8.3 }] };
const EVENT: TimedEvent = {
  ...{ eventNo: 7, atMs: 0n, kind: "link", actor: "machine", otherIdentityNo: 0, fromPersonId: "", toPersonId: "z" },
  ...{ reason: "score", ruleVersion: "r1", ...SCORE, undoes: 0, undoneBy: 0 },
};

describe("who is whom, in lines", () => {
  it("sets a record beside whom it may be, field by field, with the values that the node sent", () => {
    const record = { identityNo: 1, values: new Concealed(VALUES) };
    const candidates = [{ personId: "p1", score: SCORE, records: [{ identityNo: 2 }] }];
    const lines = comparisonLines({ reason: "in-doubt", sinceMs: 0, record, candidates });
    assert.ok(lines.includes("identity 1: in review since 1970-01-01, in-doubt"));
    assert.ok(lines.some((line) => /familyName +Khan$/.test(line)));
    assert.ok(lines.includes("person p1: +12.5 bits"));
    assert.equal(lines.filter((line) => line.includes("familyName")).length, 1, "of the other nothing was sent");
  });

  it("lets no value write elsewhere on the screen", () => {
    const record = { identityNo: 1, values: new Concealed({ ...VALUES, familyName: "K\u001b[2Jhan\u202e" }) };
    const lines = comparisonLines({ reason: "in-doubt", sinceMs: 0, record, candidates: [] });
    assert.ok(lines.every(isPlainText));
  });

  it("says from whom to whom, where anybody moved", () => {
    assert.equal(historyLines([EVENT])[1], "  to person z");
    assert.equal(
      historyLines([{ ...EVENT, fromPersonId: "a", undoneBy: 8 }])[1],
      "  from person a to person z, undone by event 8",
    );
    const superseded = { ...EVENT, kind: "supersede", toPersonId: "", fields: [] };
    assert.equal(historyLines([superseded]).length, 1);
  });
});
