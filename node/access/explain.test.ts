import assert from "node:assert/strict";

import fc from "fast-check";

import { BirthDate } from "../base/birth-date.ts";
import { Deadline } from "../base/deadline.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Claim } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import { RECORD_TYPE_KEYS } from "../base/record-types.ts";
import { ROLE_GROUPS } from "../base/role-groups.ts";
import { type NodeId, type OrganisationCode, PURPOSES, SETTINGS } from "../base/words.ts";
import { Concealed } from "../base/concealed.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeAccess } from "./decide.ts";
import { explain, type InForce, levelIn } from "./explain.ts";
import { parseNarrowing } from "./narrowing.ts";
import { aRoleOf } from "./roles.ts";
import { loadAccessTable } from "./table.ts";

const RUNS = process.env["COUNT"] === "full" ? 20_000 : 400;
const DAY = "2026-11-20";
const OWN = "wm-bsol" as NodeId;
const PEER = "wm-cw" as NodeId;
const table = loadAccessTable();
const clock = makeFakeClock(Date.parse(`${DAY}T12:00:00Z`));
const narrowing = parseNarrowing(
  [
    "custodian,setting,role_group,record_type,at_most,why",
    "all,all,social-worker,care-plan,summary,Board",
    "RJE,emergency,all,discharge-letter,sealed,Trust",
    "all,hospice,all,all,none,No hospice work here",
    "RRK,all,doctor,all,summary,Pilot",
  ].join("\n"),
  "narrowing.csv",
);
const agreement: Agreement = {
  id: "wm",
  title: "West Midlands",
  members: [OWN, PEER],
  controllers: [{ code: "RRK", name: "A trust", joined: "2024-01-01" }],
  processors: [],
  dpo: "A person",
  lawfulBasis: "UK GDPR 6(1)(e), 9(2)(h)",
  dpia: "DPIA-1",
  purposes: ["TREAT", "ETREAT", "CAREMGT"],
  recordTypes: ["all"],
  roleGroups: ["all"],
  consentModel: "implied",
  adultsOnly: false,
  demographicQuestions: true,
  reviewDate: "2027-01-01",
};
const member = (id: NodeId, ages: Member["ages"] = { from: 0 }): Member => ({
  ...{ id, collaborative: "ccr", region: "West Midlands", endpoints: ["127.0.0.1:1"], ages, population: 1 },
  ...{ ics: [{ code: "QHL", name: "Somewhere", from: "2022-07-01" }], issuingCa: "0".repeat(64), status: "live" },
  ...{ assertionKey: "A".repeat(43), coverageContact: { name: "", phone: "", hours: "" } },
});
const supposing = { setting: "emergency", purpose: "TREAT", age: 40, byNumber: true } as const;
const between = (change: Partial<Agreement> = {}, ages: Member["ages"] = { from: 0 }): InForce => ({
  ...{ table, narrowing },
  between: { asker: PEER, holder: member(OWN, ages), agreements: [{ ...agreement, ...change }], day: DAY },
});

describe("an explanation", () => {
  it("names the line that decides: table, agreement, narrowing, sensitivity, law", () => {
    const ruling = (role: string, type: (typeof RECORD_TYPE_KEYS)[number], more = {}, inForce = between()) => {
      const explanation = explain({ ...supposing, role, ...more }, inForce);
      assert.ok(explanation.kind === "permitted");
      const { level, by, where } = explanation.rulings.get(type)!;
      return [level, by, where];
    };
    assert.deepEqual(ruling("R8000", "allergies"), ["full", "table", "emergency.csv line 4, column doctor"]);
    assert.deepEqual(ruling("R8000", "ecg", {}, between({ recordTypes: ["allergies"] })), [
      ...["none", "agreement", "agreement wm: recordTypes"],
    ]);
    const trust = { custodian: "RJE" as OrganisationCode };
    assert.deepEqual(ruling("R8000", "discharge-letter", trust), ["sealed", "narrowing", "narrowing.csv line 3"]);
    assert.deepEqual(ruling("R1070", "allergies", { setting: "ambulance", sensitivity: "V" }), [
      ...["none", "sensitivity", "node/access/roles.ts: paramedic sees custodians and services up to R"],
    ]);
    assert.deepEqual(ruling("R8000", "sexual-health").slice(0, 2), ["none", "law"]);
  });

  const refusals: readonly [string, string, string, string, object, InForce][] = [
    ["an unknown role", "R1860", "role-unknown", "the list of job roles, node/access/roles.ts", {}, between()],
    ["another purpose", "R8000", "purpose-other", "the purposes of this network", { purpose: "OTHER" }, between()],
    ["a setting", "R0001", "role-has-nothing-here", "emergency.csv, column privacy-officer: all none", {}, between()],
    ["an ended agreement", "R8000", "ended", "agreement wm: endDate", {}, between({ endDate: "2026-11-19" })],
    ["no agreement", "R8000", "none-between", "the agreements of the manifest", {}, between({ members: [OWN, "x1"] })],
    [
      "an agreement's roles",
      "R8000",
      "agreement-role",
      "agreement wm: roleGroups",
      {},
      between({ roleGroups: ["gp"] }),
    ],
    ["adults only", "R8000", "under-18s", "agreement wm: adultsOnly", { age: 17 }, between({ adultsOnly: true })],
    [
      "a node's ages",
      "R8000",
      "under-18s",
      "member wm-bsol of the manifest: ages",
      { age: 17 },
      between({}, { from: 18 }),
    ],
    ["narrowing", "R8000", "narrowed", "narrowing.csv", { setting: "hospice" }, between()],
  ];
  for (const [what, role, reason, where, more, inForce] of refusals) {
    it(`of a refusal names what it rests on: ${what}`, () => {
      const explanation = explain({ ...supposing, role, ...more }, inForce);
      assert.ok(explanation.kind === "refused");
      assert.deepEqual([explanation.refusal.reason, explanation.where], [reason, where]);
    });
  }

  it("never differs from what is decided when somebody asks, at either end", () => {
    const someOf = <T>(...values: readonly T[]) => fc.subarray([...values], { minLength: 1 });
    const agreements = fc.record({
      recordTypes: fc.oneof(fc.constant<string[]>(["all"]), someOf<string>(...RECORD_TYPE_KEYS)),
      roleGroups: fc.oneof(fc.constant<string[]>(["all"]), someOf<string>(...ROLE_GROUPS)),
      purposes: someOf("TREAT" as const, "ETREAT" as const, "CAREMGT" as const, "BTG" as const),
      adultsOnly: fc.boolean(),
      demographicQuestions: fc.boolean(),
      consentModel: fc.constantFrom("implied" as const, "implied" as const, "explicit-at-view" as const),
      endDate: fc.constantFrom("2026-11-19", DAY, "2030-01-01"),
      members: fc.constantFrom<string[][]>([OWN, PEER], [OWN, PEER], [OWN, "wm-hw"]),
    });
    const asked = fc.record({
      changes: fc.array(agreements, { maxLength: 3 }),
      agesFrom: fc.constantFrom(0, 0, 18),
      group: fc.constantFrom(...ROLE_GROUPS),
      setting: fc.constantFrom(...SETTINGS),
      purpose: fc.constantFrom(...PURPOSES, "TREAT" as const),
      age: fc.constantFrom(5, 17, 18, 40),
      byNumber: fc.boolean(),
      custodian: fc.constantFrom("RJE", "RRK", "RXX"),
    });
    let permitted = 0;
    fc.assert(
      fc.property(asked, ({ changes, agesFrom, group, setting, purpose, age, byNumber, custodian }) => {
        const terms = changes.map((change, at): Agreement => ({ ...agreement, ...change, id: `a${at}` }));
        const members = [member(OWN, { from: agesFrom }), member(PEER)];
        const role = aRoleOf(group);
        const code = custodian as OrganisationCode;
        const supposed = { role, setting, purpose, age, byNumber, custodian: code };
        const access = makeAccess({
          ...{ clock, random: seededRandom(1), table, narrowing, ownId: OWN, hasEmergencyAccess: () => true },
          ...{ agreements: () => terms, members: () => members },
        });
        const question = { ...aQuestion(age, byNumber), claim: { ...aClaim, role, setting, purpose } };
        for (const [explanation, decision] of [
          [
            explain(supposed, {
              ...{ table, narrowing, between: { asker: PEER, holder: members[0]!, agreements: terms, day: DAY } },
            }),
            access.decideAnswer({ ...question, asker: PEER }),
          ],
          [explain(supposed, { table, narrowing }), access.decideAccess(question)],
        ] as const) {
          const shown = RECORD_TYPE_KEYS.map((key) => levelIn(explanation, key));
          if (decision.kind === "refused") {
            assert.ok(shown.every((level) => level === "none"));
            continue;
          }
          permitted++;
          assert.deepEqual(
            shown,
            RECORD_TYPE_KEYS.map((key) => decision.permit.levelOf(key, code)),
          );
        }
      }),
      { numRuns: RUNS },
    );
    assert.ok(permitted > RUNS / 10, `${permitted} were permitted`);
  });
});

const aClaim: Omit<Claim, "role" | "setting" | "purpose"> = {
  ...{ userId: "u-1", organisation: "RRK" as OrganisationCode, assurance: "smartcard", trigger: "person" },
  ...{ relationship: { kind: "attendance" }, reason: "unconscious on arrival" },
};

function aQuestion(age: number, byNumber: boolean) {
  const birthDate = BirthDate.parse(`${2026 - age}-01-01`, DAY);
  const nhsNumber = NhsNumber.parse("9000000009");
  assert.ok(birthDate !== undefined && nhsNumber !== undefined);
  const names = { familyName: new Concealed("Sample"), givenName: new Concealed("Sam") };
  return {
    requestId: "r-1",
    patient: byNumber
      ? ({ by: "number", nhsNumber, birthDate } as const)
      : ({ by: "demographics", ...names, birthDate } as const),
    answerBy: Deadline.in(clock, 2_000),
    lateUntil: Deadline.in(clock, 10_000),
  };
}
