import assert from "node:assert/strict";

import type { Claim } from "../base/question.ts";
import type { OrganisationCode } from "../base/words.ts";
import { checkCallerRights, type ClaimRights } from "./caller-rights.ts";

const claim: Claim = {
  userId: "u-1",
  role: "S8000:G8000:R8000",
  setting: "emergency",
  organisation: "RRK" as OrganisationCode,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance" },
  trigger: "person",
};
const rights: ClaimRights = { roles: ["R8000"], settings: ["emergency"], organisations: ["RRK"], sandbox: false };

describe("a caller's rights", () => {
  it("allow what the certificate lists", () => {
    assert.equal(checkCallerRights(claim, rights), undefined);
    assert.equal(checkCallerRights({ ...claim, role: "R8000" }, rights), undefined);
  });

  it("refuse any other role, setting or organisation, naming the field", () => {
    const cases: readonly (readonly [Partial<ClaimRights>, string])[] = [
      [{ roles: ["R8001"] }, "claim.role"],
      [{ roles: [] }, "claim.role"],
      [{ settings: ["acute"] }, "claim.setting"],
      [{ organisations: ["RJC"] }, "claim.organisation"],
    ];
    for (const [narrower, where] of cases) {
      const failure = checkCallerRights(claim, { ...rights, ...narrower });
      assert.equal(failure?.code, "not-permitted");
      assert.equal(failure.where, where);
      assert.doesNotMatch(failure.message, /RRK|8000|u-1/, "values of the claim stay out of the message");
    }
  });

  it("that list a three-part role allow exactly that", () => {
    const exact = { ...rights, roles: ["S8000:G8000:R8000"] };
    assert.equal(checkCallerRights(claim, exact), undefined);
    assert.equal(checkCallerRights({ ...claim, role: "S8001:G8000:R8000" }, exact)?.code, "not-permitted");
    assert.equal(checkCallerRights({ ...claim, role: "R8000" }, exact)?.code, "not-permitted");
  });

  it("never match a malformed role", () => {
    assert.equal(checkCallerRights({ ...claim, role: "x" }, { ...rights, roles: ["x"] })?.code, "not-permitted");
  });

  it("in a sandbox leave every claim free", () => {
    assert.equal(checkCallerRights(claim, { roles: [], settings: [], organisations: [], sandbox: true }), undefined);
  });
});
