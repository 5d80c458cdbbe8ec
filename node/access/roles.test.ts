import assert from "node:assert/strict";

import { mayKnowCustodian, roleGroupOf } from "./roles.ts";

describe("role groups", () => {
  it("are read from a job role in either form", () => {
    assert.equal(roleGroupOf("R8000"), "doctor");
    assert.equal(roleGroupOf("S8000:G8000:R8000"), "doctor");
    assert.equal(roleGroupOf("R0260"), "gp");
    assert.equal(roleGroupOf("R1340"), "approved-mental-health-professional");
    assert.equal(roleGroupOf("R1981"), "mental-health-professional");
    assert.equal(roleGroupOf("R9520"), "childrens-social-worker");
  });

  it("give an ambiguous role the narrower group", () => {
    assert.equal(roleGroupOf("R8003"), "pharmacist");
    assert.equal(roleGroupOf("R8014"), "social-worker");
    assert.equal(roleGroupOf("R9605"), "social-worker");
    assert.equal(roleGroupOf("R8024"), "administrator");
  });

  it("do not exist for unknown, malformed and look-alike roles, or for a researcher", () => {
    const strange = [
      "",
      "R1860",
      "R9999",
      "r8000",
      "R8000 ",
      "R80000",
      "S8000:R8000",
      "X:Y:R8000",
      "S8000:G8000:R8000:R8000",
    ];
    for (const role of [...strange, "R8000\u0000", "Ｒ8000", "R８０００", "doctor", "__proto__"]) {
      assert.equal(roleGroupOf(role), undefined, JSON.stringify(role));
    }
  });

  it("know custodians up to their level", () => {
    const levels = (group: Parameters<typeof mayKnowCustodian>[0]): string =>
      (["N", "R", "V"] as const).filter((sensitivity) => mayKnowCustodian(group, sensitivity)).join("");
    assert.equal(levels("doctor"), "NRV");
    assert.equal(levels("paramedic"), "NR");
    assert.equal(levels("pharmacist"), "N");
    assert.equal(levels("administrator"), "N");
    assert.equal(levels("social-worker"), "NRV");
  });
});
