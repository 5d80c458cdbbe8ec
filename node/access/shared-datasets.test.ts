import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { rowsUnder } from "../../scripts/docs/tables.ts";
import { DATASET_KEYS, datasetOf, datasetWith } from "../base/datasets.ts";
import { RECORD_TYPE_KEYS } from "../base/record-types.ts";
import type { Agreement } from "../../topology/manifest.ts";
import { agreementFor } from "./agreements.ts";
import { explain } from "./explain.ts";
import { fieldsUnder, shares } from "./shared-datasets.ts";
import { loadAccessTable } from "./table.ts";

/** Both ways between health and social care, and nothing else. */
const AGREEMENT: Agreement = {
  ...{
    id: "both-ways",
    title: "Health and social care",
    members: ["a", "b"],
    processors: [],
    dpo: "x",
    lawfulBasis: "x",
  },
  controllers: [{ code: "RRK", name: "A trust", joined: "2024-01-01" }],
  ...{ dpia: "x", purposes: ["TREAT", "CAREMGT"], recordTypes: [], roleGroups: ["all"], consentModel: "implied" },
  datasets: [
    { dataset: "social-care", roleGroups: ["doctor", "nurse"], fields: ["allocated-case-worker", "risk-type"] },
    { dataset: "care-plans", roleGroups: ["social-worker"], fields: ["all"] },
  ],
  ...{ adultsOnly: false, demographicQuestions: false, reviewDate: "2099-01-01" },
};

const ASKED = {
  ...{ asker: "a", holder: "b", byNumber: true, isAdult: true, day: "2026-11-20" },
  purpose: "TREAT",
} as const;

describe("datasets of an agreement", () => {
  it("are named sets of record types that have none in common, with fields that are all named", () => {
    const types = DATASET_KEYS.flatMap((key) => datasetOf(key).recordTypes);
    assert.equal(new Set(types).size, types.length);
    for (const key of DATASET_KEYS)
      assert.ok(
        Object.values(datasetOf(key).fields).every((words) => words !== ""),
        key,
      );
    assert.equal(datasetWith("social-care-assessment"), "social-care");
    assert.equal(datasetWith("maternity"), undefined);
  });

  it("give each role group what is meant for it, both ways, and nothing else", () => {
    const seenBy = (group: "doctor" | "social-worker" | "midwife") =>
      RECORD_TYPE_KEYS.filter((recordType) => shares(AGREEMENT, group, recordType));
    assert.deepEqual(seenBy("doctor"), ["social-care-involvement", "social-care-assessment"]);
    assert.deepEqual(seenBy("social-worker"), ["care-plan", "emergency-care-plan", "mental-health-crisis-plan"]);
    assert.deepEqual(seenBy("midwife"), []);
  });

  it("give the fields that they name, together, and all of what an agreement shares whole", () => {
    const more = { ...AGREEMENT, datasets: [{ dataset: "social-care", roleGroups: ["all"], fields: ["disability"] }] };
    const whole = { ...AGREEMENT, recordTypes: ["social-care-involvement"] };
    const fields = fieldsUnder([AGREEMENT, more], "doctor", "social-care-assessment");
    assert.deepEqual([...fields], ["allocated-case-worker", "risk-type", "disability"]);
    assert.equal(fieldsUnder([AGREEMENT, whole], "doctor", "social-care-involvement"), "all");
    assert.deepEqual([...fieldsUnder([AGREEMENT, whole], "doctor", "social-care-assessment")], [...fields].slice(0, 2));
    assert.equal(fieldsUnder([AGREEMENT], "social-worker", "care-plan"), "all");
  });

  it("let a role in that no other list names", () => {
    const onlyDatasets = { ...AGREEMENT, roleGroups: ["gp"] };
    assert.equal(agreementFor([onlyDatasets], { ...ASKED, roleGroup: "doctor" }).kind, "allowed");
    assert.equal(agreementFor([onlyDatasets], { ...ASKED, roleGroup: "midwife" }).kind, "not-allowed");
  });

  it("are what the explanation names", () => {
    const between = { asker: "a", holder: { id: "b", ages: { from: 0 } }, agreements: [AGREEMENT], day: ASKED.day };
    const supposed = { role: "R8000", setting: "emergency", purpose: "TREAT", age: 60, byNumber: true } as const;
    const explained = explain(supposed, { table: loadAccessTable(), between });
    assert.ok(explained.kind === "permitted");
    assert.equal(explained.rulings.get("medications")?.level, "none");
    assert.equal(explained.rulings.get("medications")?.where, "agreement both-ways: recordTypes, datasets");
    assert.notEqual(explained.rulings.get("social-care-involvement")?.level, "none");
    assert.deepEqual([...explained.fieldsOf("social-care-involvement")], ["allocated-case-worker", "risk-type"]);
  });
});

describe("docs/access.md", () => {
  it("lists the datasets as they are", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/access.md"), "utf8");
    const rows = rowsUnder(page, "Datasets, both ways between health and social care");
    const known = DATASET_KEYS.map((key) => {
      const { recordTypes, fields } = datasetOf(key);
      return [key, recordTypes.join(", "), Object.keys(fields).join(", ")];
    });
    assert.deepEqual(rows, known);
  });
});
