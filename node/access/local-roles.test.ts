import assert from "node:assert/strict";

import type { Claim } from "../base/question.ts";
import type { OrganisationCode } from "../base/words.ts";
import { explain } from "./explain.ts";
import { checkLocalRoles, withNationalRole } from "./local-roles.ts";
import { loadAccessTable } from "./table.ts";

const mappings = [
  { organisation: "X-NO-ODS-ELMS", name: "Senior carer", role: "R9725" },
  { organisation: "X-NO-ODS-OAKS", name: "Senior carer", role: "R9710" },
];
const claim = (role: string, organisation: string): { claim: Claim } => ({
  claim: {
    ...{ userId: "u", role, organisation: organisation as OrganisationCode, setting: "care-home", purpose: "TREAT" },
    ...{ assurance: "local", relationship: { kind: "caseload" }, trigger: "person" },
  },
});
const roleOf = (role: string, organisation: string): string =>
  withNationalRole(claim(role, organisation), mappings).claim.role;

describe("a local role", () => {
  it("is the national job role that its own organisation says it is", () => {
    assert.equal(roleOf("Senior carer", "X-NO-ODS-ELMS"), "R9725");
    assert.equal(roleOf(" senior CARER", "X-NO-ODS-OAKS"), "R9710");
  });

  it("lets a medical examiner see what a doctor sees, and keeps what they are beside it", () => {
    const examiner = [{ organisation: "RRK", name: "Medical examiner", role: "R8000" }];
    assert.doesNotThrow(() => checkLocalRoles(examiner));
    const { claim: seen } = withNationalRole(claim("Medical examiner", "RRK"), examiner);
    assert.deepEqual([seen.role, seen.localRole], ["R8000", "Medical examiner"]);
    const place = { table: loadAccessTable() };
    const as = { setting: "acute", purpose: "CAREMGT", age: 70, byNumber: true } as const;
    const explained = explain({ ...as, role: seen.role }, place);
    assert.ok(explained.kind === "permitted" && explained.rulings.get("discharge-letter")?.level === "full");
  });

  it("of another organisation, or that nobody mapped, stays what it is, and is refused where roles are judged", () => {
    assert.equal(roleOf("Senior carer", "RRK"), "Senior carer");
    assert.equal(roleOf("Manager", "X-NO-ODS-ELMS"), "Manager");
    assert.equal(roleOf("R8000", "X-NO-ODS-ELMS"), "R8000");
  });

  it("that could not be used stops the start", () => {
    const check =
      (...more: { organisation: string; name: string; role: string }[]) =>
      () =>
        checkLocalRoles([...mappings, ...more]);
    assert.doesNotThrow(check());
    assert.throws(check({ organisation: "RRK", name: "Visitor", role: "R1860" }), /"R1860" is no job role/);
    assert.throws(check({ organisation: "RRK", name: "R8000", role: "R0260" }), /is a national job role already/);
    assert.throws(check({ ...mappings[0]!, name: "SENIOR CARER " }), /is mapped twice/);
  });
});
