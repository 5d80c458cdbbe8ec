import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import type { AccessLevel } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPES, RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import { SETTINGS, type Setting } from "../base/words.ts";
import { loadAccessTable, parseAccessTable } from "./table.ts";

const table = loadAccessTable();
const RANK: Readonly<Record<AccessLevel, number>> = { none: 0, sealed: 1, summary: 2, full: 3 };
const rank = (setting: Setting, group: RoleGroup, recordType: RecordTypeKey): number =>
  RANK[table.levelOf(setting, group, recordType)];

const PLANS: readonly RecordTypeKey[] = [
  "care-plan",
  "emergency-care-plan",
  "respect-form",
  "end-of-life-plan",
  "advance-decision",
  "lasting-power-of-attorney",
];

describe("the committed access table", () => {
  it("has a level for every setting, role group and record type", () => {
    assert.equal(SETTINGS.length * ROLE_GROUPS.length * RECORD_TYPE_KEYS.length, 12 * 14 * 39);
    for (const setting of SETTINGS) {
      const lines = committed(setting).trimEnd().split("\n");
      assert.deepEqual(
        lines[0]?.split(",").slice(1),
        [...ROLE_GROUPS],
        `${setting}: columns in the order of the groups`,
      );
      assert.deepEqual(
        lines.slice(1).map((line) => line.split(",")[0]),
        RECORD_TYPE_KEYS,
        `${setting}: lines in the order of the record types`,
      );
    }
  });

  it("shows protected kinds to nobody", () => {
    for (const recordType of PROTECTED_RECORD_TYPES) {
      for (const setting of SETTINGS) {
        for (const group of ROLE_GROUPS) assert.equal(table.levelOf(setting, group, recordType), "none");
      }
    }
  });

  it("shows plans, ReSPECT, end of life, advance decisions and attorneys in full to ED, ambulance, GP and AMHP", () => {
    const askers: readonly (readonly [Setting, RoleGroup])[] = [
      ["emergency", "doctor"],
      ["emergency", "nurse"],
      ["ambulance", "paramedic"],
      ["general-practice", "gp"],
      ["adult-social-care", "approved-mental-health-professional"],
      ["mental-health", "approved-mental-health-professional"],
      ["emergency", "approved-mental-health-professional"],
    ];
    for (const [setting, group] of askers) {
      for (const plan of PLANS)
        assert.equal(table.levelOf(setting, group, plan), "full", `${group}, ${setting}, ${plan}`);
    }
  });

  it("shows a social worker no health record better than the ED doctor, and most of them less", () => {
    const health = RECORD_TYPE_KEYS.filter((key) => RECORD_TYPES[key].domain === "health");
    const shownToDoctor = health.filter((key) => rank("emergency", "doctor", key) >= RANK.summary);
    const notLess = shownToDoctor.filter(
      (key) => rank("adult-social-care", "social-worker", key) >= rank("emergency", "doctor", key),
    );
    for (const key of health) {
      assert.ok(rank("adult-social-care", "social-worker", key) <= rank("emergency", "doctor", key), key);
    }
    assert.deepEqual(notLess, ["mental-health-crisis-plan"], "a plan, and plans are in full for both");
  });

  it("shows an administrator appointments at the most, and a privacy officer nothing", () => {
    for (const setting of SETTINGS) {
      assert.equal(table.admits(setting, "privacy-officer"), false);
      for (const key of RECORD_TYPE_KEYS) {
        if (key !== "appointments") assert.equal(table.levelOf(setting, "administrator", key), "none");
      }
    }
    assert.equal(table.levelOf("acute", "administrator", "appointments"), "full");
  });

  it("gives a role that may be either of two groups the narrower row", () => {
    const narrower: readonly (readonly [RoleGroup, RoleGroup])[] = [
      ["doctor", "gp"], // R8000
      ["pharmacist", "allied-health-professional"], // R8003
      ["social-worker", "childrens-social-worker"], // R8014, in children's social care
    ];
    for (const [narrow, wide] of narrower) {
      for (const setting of SETTINGS.filter((each) => table.admits(each, wide))) {
        for (const key of RECORD_TYPE_KEYS) {
          assert.ok(
            rank(setting, narrow, key) <= rank(setting, wide, key),
            `${setting}, ${key}: ${narrow} above ${wide}`,
          );
        }
      }
    }
  });

  it("admits nobody where the work makes no sense", () => {
    const admitted = (setting: Setting): RoleGroup[] => ROLE_GROUPS.filter((group) => table.admits(setting, group));
    assert.deepEqual(admitted("community-pharmacy"), ["pharmacist"]);
    assert.deepEqual(admitted("childrens-social-care"), ["social-worker", "childrens-social-worker"]);
    assert.deepEqual(admitted("ambulance"), ["doctor", "gp", "nurse", "paramedic", "mental-health-professional"]);
  });

  it("shows safeguarding as a flag, not in full, to ambulance crews and care homes", () => {
    assert.equal(table.levelOf("ambulance", "paramedic", "safeguarding"), "summary");
    assert.equal(table.levelOf("care-home", "care-home-staff", "safeguarding"), "summary");
    assert.equal(table.levelOf("community-pharmacy", "pharmacist", "safeguarding"), "none");
  });
});

describe("a wrong access table", () => {
  const faultsOf = (change: (files: Map<string, string>) => void): string => {
    const files = new Map(SETTINGS.map((setting) => [`${setting}.csv`, committed(setting)]));
    change(files);
    try {
      parseAccessTable(files);
    } catch (error) {
      assert.ok(error instanceof Failure && error.code === "configuration");
      return error.message;
    }
    return "";
  };
  const edit = (setting: Setting, from: string | RegExp, to: string) => (files: Map<string, string>) => {
    const before = files.get(`${setting}.csv`) ?? "";
    const after = before.replace(from, to);
    assert.notEqual(after, before);
    files.set(`${setting}.csv`, after);
  };

  it("is the committed one only when changed", () => {
    assert.equal(
      faultsOf(() => {}),
      "",
    );
  });

  it("names an unknown level with its line", () => {
    const faults = faultsOf(edit("emergency", "allergies,full", "allergies,some"));
    assert.match(
      faults,
      /emergency\.csv line 4: "allergies" for "doctor" must be one of full, summary, sealed, none, not "some"/,
    );
  });

  it("names a missing and an extra cell", () => {
    assert.match(
      faultsOf(edit("hospice", /^(allergies,.*),none$/m, "$1")),
      /"allergies" for "privacy-officer" .* not ""/,
    );
    assert.match(faultsOf(edit("hospice", /^(allergies,.*)$/m, "$1,none")), /"allergies" has 15 levels for 14 columns/);
  });

  it("names a missing, an unknown and a double line", () => {
    assert.match(faultsOf(edit("acute", /^allergies,.*\n/m, "")), /acute\.csv has no line for "allergies"/);
    assert.match(
      faultsOf(edit("acute", /^allergies,/m, "allergy,")),
      /acute\.csv line 4: no such record type "allergy"/,
    );
    assert.match(faultsOf(edit("acute", /^(ecg,.*\n)/m, "$1$1")), /acute\.csv line 12: "ecg" has a line already/);
  });

  it("names a missing, an unknown and a double column", () => {
    const faults = faultsOf(edit("community", ",midwife,", ",nurse,"));
    assert.match(faults, /"midwife" must have one column, not 0/);
    assert.match(faults, /"nurse" must have one column, not 2/);
    assert.match(faultsOf(edit("community", ",midwife,", ",wizard,")), /line 1: no such role group "wizard"/);
  });

  it("names a missing and an unknown file, and all faults at once", () => {
    const faults = faultsOf((files) => {
      files.delete("hospice.csv");
      files.set("prison.csv", "record_type");
      edit("acute", "ecg,full", "ecg,ful")(files);
    });
    assert.match(faults, /hospice\.csv: missing/);
    assert.match(faults, /prison\.csv: no such setting/);
    assert.match(faults, /acute\.csv line 11/);
  });

  it("never opens a protected kind", () => {
    const faults = faultsOf(edit("acute", "sexual-health,none", "sexual-health,sealed"));
    assert.match(faults, /"sexual-health" is protected by law: "doctor" must be none, not sealed/);
  });

  it("says so where there is none", () => {
    assert.throws(() => loadAccessTable(new URL("./nowhere/", import.meta.url)), { code: "configuration" });
  });

  it("says so where a file is no CSV at all", () => {
    assert.match(
      faultsOf((files) => files.set("acute.csv", 'a"b\n"')),
      /acute\.csv is not CSV/,
    );
  });
});

function committed(setting: Setting): string {
  return readFileSync(new URL(`./table/${setting}.csv`, import.meta.url), "utf8");
}
