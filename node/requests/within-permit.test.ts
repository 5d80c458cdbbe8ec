import assert from "node:assert/strict";

import type { AreaAnswer, PointerView } from "../base/answer.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import type { OrganisationCode } from "../base/words.ts";
import { aPermit } from "../testing/an-index.ts";
import { withinPermit } from "./within-permit.ts";

const pointer = (recordType: RecordTypeKey, access: PointerView["access"] = "full"): PointerView => ({
  ...{ pointerId: recordType, recordType, access, recordedOn: "2025-01-01", updatedAtMs: 0, sources: [] },
  custodian: { code: "RRK" as OrganisationCode, name: "A trust", phone: "" },
  format: access === "full" ? "application/pdf" : "",
});
const answer = (...pointers: PointerView[]): AreaAnswer => ({
  ...{ area: { name: "Elm", icsCodes: [], scopes: [], contact: "" }, outcome: "records", reason: "", pointers },
  ...{ sealed: [], notOffered: [], elapsedMs: 1, own: false, morePointers: 3 },
});
const permit = aPermit({
  levels: { maternity: "summary", "mental-health-record": "sealed", safeguarding: "none" },
});

describe("another area's answer", () => {
  it("is shown as it is, where the asker's own permit allows all of it", () => {
    const given = answer(pointer("allergies"), pointer("maternity", "summary"));
    assert.deepEqual(withinPermit(given, aPermit()), given);
    assert.deepEqual(withinPermit(given, permit).pointers, given.pointers);
  });

  it("shows no more than the asker's own permit allows, whatever its holder let through", () => {
    const { pointers, outcome } = withinPermit(
      answer(pointer("allergies"), pointer("maternity"), pointer("mental-health-record"), pointer("safeguarding")),
      permit,
    );
    assert.deepEqual(
      pointers.map(({ recordType, access, format }) => [recordType, access, format]),
      [
        ["allergies", "full", "application/pdf"],
        ["maternity", "summary", ""],
      ],
    );
    assert.equal(outcome, "records");
  });

  it("of which nothing is left has nothing to show", () => {
    const { outcome, pointers, morePointers } = withinPermit(answer(pointer("safeguarding")), permit);
    assert.deepEqual([outcome, pointers, morePointers], ["nothing-to-show", [], 0]);
    assert.deepEqual(withinPermit(answer(pointer("sexual-health")), aPermit()).pointers, [], "protected by law");
  });

  it("says of both ends what is not offered, and of no type two things", () => {
    const both = { ...permit, sealed: ["maternity", "ecg"] as const, notOffered: ["dols"] as const };
    const given = { ...answer(pointer("allergies")), sealed: ["dols"] as const, notOffered: ["ecg"] as const };
    const { sealed, notOffered } = withinPermit(given, both);
    assert.deepEqual([sealed, notOffered], [["maternity"], ["ecg", "dols"]]);
  });

  it("that is no answer is left as it is", () => {
    const refused: AreaAnswer = { ...answer(), outcome: "refused", reason: "role" };
    assert.equal(withinPermit(refused, permit), refused);
  });
});
