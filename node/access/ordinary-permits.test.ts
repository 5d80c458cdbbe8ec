import assert from "node:assert/strict";

import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS } from "../base/role-groups.ts";
import { type NodeId, SETTINGS } from "../base/words.ts";
import type { Agreement } from "../../topology/manifest.ts";
import { judgeBetween } from "./judge.ts";
import { NO_NARROWING, parseNarrowing } from "./narrowing.ts";
import { type OrdinaryOf, ordinaryPermits } from "./ordinary-permits.ts";
import { loadAccessTable } from "./table.ts";

const [ASKER, HOLDER] = ["wm-cw", "wm-bsol"] as [NodeId, NodeId];
const AGREEMENT: Agreement = {
  ...{ id: "wm", title: "West Midlands", members: [ASKER, HOLDER, "wm-hw"], processors: [], dpo: "A person" },
  controllers: [{ code: "RRK", name: "A trust", joined: "2024-01-01" }],
  ...{ lawfulBasis: "UK GDPR 6(1)(e)", dpia: "DPIA-1", purposes: ["TREAT"], recordTypes: ["all"], roleGroups: ["all"] },
  ...{ consentModel: "implied", adultsOnly: false, demographicQuestions: false, reviewDate: "2027-01-01" },
};
const TABLE = loadAccessTable();

const of = (agreement: Partial<Agreement> = {}, more: Partial<OrdinaryOf> = {}) =>
  ordinaryPermits({
    ...{ table: TABLE, narrowing: NO_NARROWING, agreements: [{ ...AGREEMENT, ...agreement }] },
    ...{ asker: ASKER, holder: HOLDER, isAdult: true, day: "2026-11-22", ...more },
  });

const isShown = (level: string): boolean => level === "full" || level === "summary";
const shownBy = ({ levelOf }: { levelOf: (recordType: RecordTypeKey) => string }): string =>
  RECORD_TYPE_KEYS.filter((recordType) => isShown(levelOf(recordType))).join(" ");

describe("what another node's users may see by ordinary direct care", () => {
  it("is what each role in each setting may see, none more and none less", () => {
    const { each, together } = of() ?? assert.fail("there is something");
    const permitted = new Set(each.map(shownBy));
    const seen = new Set<string>();
    for (const setting of SETTINGS) {
      for (const roleGroup of ROLE_GROUPS) {
        const parties = { asker: ASKER, holder: HOLDER, purpose: "TREAT" } as const;
        const asked = { ...parties, roleGroup, byNumber: true, isAdult: true, day: "2026-11-22" };
        const judged = judgeBetween([AGREEMENT], setting, asked, TABLE, NO_NARROWING);
        if (!("refusal" in judged)) seen.add(shownBy(judged.terms));
      }
    }
    seen.delete("");
    permitted.delete("");
    assert.ok(seen.size > 10);
    assert.deepEqual([...permitted].toSorted(), [...seen].toSorted());
    const all = new Set([...seen].flatMap((types) => types.split(" ")));
    assert.deepEqual(new Set(shownBy(together).split(" ")), all);
  });

  it("is nothing without an agreement, under emergency access alone, or for a child where only adults are covered", () => {
    assert.equal(of({ members: [HOLDER, "wm-hw"] }), undefined);
    assert.equal(of({ purposes: ["BTG"] }), undefined);
    assert.equal(of({ adultsOnly: true }, { isAdult: false }), undefined);
    assert.ok(of({ adultsOnly: true }) !== undefined);
  });

  it("is no more than the agreement and the holder's narrowing let through", () => {
    const { together } = of({ recordTypes: ["allergies", "imaging-report"] }) ?? assert.fail("there is something");
    assert.equal(shownBy(together), "allergies imaging-report");
    const text = "custodian,setting,role_group,record_type,at_most,why\nall,all,all,imaging-report,none,decided\n";
    const narrowed = of({ recordTypes: ["allergies", "imaging-report"] }, { narrowing: parseNarrowing(text, "n.csv") });
    assert.equal(shownBy(narrowed?.together ?? assert.fail("there is something")), "allergies");
  });

  it("has one key for those who may see the same, and another for those who may not", () => {
    const key = of()?.key;
    assert.equal(of({}, { asker: "wm-hw" as NodeId })?.key, key);
    assert.notEqual(of({ recordTypes: ["allergies"] })?.key, key);
    const text = "custodian,setting,role_group,record_type,at_most,why\nRRK,all,all,allergies,none,decided\n";
    assert.notEqual(of({}, { narrowing: parseNarrowing(text, "n.csv") })?.key, key);
  });
});
