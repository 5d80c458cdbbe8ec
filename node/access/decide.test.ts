import assert from "node:assert/strict";

import { BirthDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Claim, PatientQuery, Question } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPES, RECORD_TYPE_KEYS } from "../base/record-types.ts";
import type { NodeId, OrganisationCode, Setting } from "../base/words.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import type { Agreement, Member } from "../../topology/manifest.ts";
import { makeAccess, type Access, type AccessNeeds } from "./decide.ts";
import { loadAccessTable } from "./table.ts";

const OWN = "wm-bsol" as NodeId;
const PEER = "wm-cw" as NodeId;
const DAY = "2026-11-20";
const clock = makeFakeClock(Date.parse(`${DAY}T03:00:00Z`));
const table = loadAccessTable();

const adult = byNumber("1950-01-31");
const child = byNumber("2015-05-05");
const byName: PatientQuery = {
  by: "demographics",
  familyName: new Concealed("Sample"),
  givenName: new Concealed("Sam"),
  birthDate: born("1950-01-31"),
};

const edDoctor: Claim = {
  userId: "u-1",
  role: "R8000",
  setting: "emergency",
  organisation: "RRK" as OrganisationCode,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance" },
  trigger: "person",
  reason: "unconscious on arrival",
};

const agreement: Agreement = {
  id: "wm",
  title: "West Midlands",
  members: [OWN, PEER],
  controllers: [{ code: "RRK", name: "A trust", joined: "2024-01-01" }],
  processors: [],
  dpo: "A person",
  lawfulBasis: "UK GDPR 6(1)(e), 9(2)(h)",
  dpia: "DPIA-1",
  purposes: ["TREAT", "ETREAT"],
  recordTypes: ["all"],
  roleGroups: ["all"],
  consentModel: "implied",
  adultsOnly: false,
  demographicQuestions: false,
  reviewDate: "2027-01-01",
};

const member = (id: NodeId, ages: Member["ages"] = { from: 0 }): Member => ({
  id,
  collaborative: "ccr",
  region: "West Midlands",
  ics: [{ code: "QHL", name: "Somewhere", from: "2022-07-01" }],
  endpoints: ["127.0.0.1:1"],
  issuingCa: "0".repeat(64),
  assertionKey: "A".repeat(43),
  population: 1,
  ages,
  coverageContact: { name: "", phone: "", hours: "" },
  status: "live",
});

function accessWith(
  agreements: readonly Agreement[],
  members: readonly Member[] = [member(OWN), member(PEER)],
  more: Pick<AccessNeeds, "hasEmergencyAccess"> = {},
): Access {
  return makeAccess({
    ...more,
    clock,
    random: seededRandom(1),
    table,
    ownId: OWN,
    agreements: () => agreements,
    members: () => members,
  });
}
const granted = (hasEmergencyAccess: NonNullable<AccessNeeds["hasEmergencyAccess"]>): Access =>
  accessWith([agreement], undefined, { hasEmergencyAccess });
const access = accessWith([agreement]);

const asks = (claim: Partial<Claim> = {}, patient: PatientQuery = adult): Question => ({
  requestId: "r-1",
  patient,
  claim: { ...edDoctor, ...claim },
  answerBy: Deadline.in(clock, 2_000),
  lateUntil: Deadline.in(clock, 10_000),
});
const asked = (claim: Partial<Claim> = {}, patient: PatientQuery = adult): Question & { asker: NodeId } => ({
  ...asks(claim, patient),
  asker: PEER,
});

describe("the ten askers of the design", () => {
  const full: readonly (readonly [string, Partial<Claim>, string, string])[] = [
    [
      "an ED doctor",
      { role: "R8000", setting: "emergency" },
      "discharge-letter respect-form safeguarding",
      "sexual-health",
    ],
    [
      "a paramedic",
      { role: "R1070", setting: "ambulance" },
      "allergies ecg respect-form advance-decision",
      "imaging-report",
    ],
    [
      "a GP",
      { role: "R0260", setting: "general-practice" },
      "encounters end-of-life-plan mental-health-record",
      "sexual-health",
    ],
    [
      "an AMHP",
      { role: "R1340", setting: "adult-social-care" },
      "mental-health-act-status care-plan dols",
      "imaging-report",
    ],
    ["a pharmacist", { role: "R1290", setting: "community-pharmacy" }, "medications allergies", "encounters care-plan"],
    [
      "a social worker",
      { role: "R8014", setting: "adult-social-care" },
      "social-care-assessment care-plan",
      "discharge-letter",
    ],
    [
      "care home staff",
      { role: "R9725", setting: "care-home" },
      "medications respect-form dols",
      "mental-health-record",
    ],
    ["an administrator", { role: "R8008", setting: "acute" }, "appointments", "allergies care-plan safeguarding"],
  ];
  for (const [who, claim, seen, unseen] of full) {
    it(`let ${who} see ${seen} in full, and nothing of ${unseen}`, () => {
      const permit = permitOf(access.decideAccess(asks(claim)));
      for (const key of seen.split(" ")) assert.equal(permit.levelOf(key as never), "full", key);
      for (const key of unseen.split(" ")) assert.equal(permit.levelOf(key as never), "none", key);
    });
  }

  it("let a privacy officer see none of the records", () => {
    assertRefused(access.decideAccess(asks({ role: "R0001" })), "role-refused", /shows this role no records/);
  });

  it("let a researcher ask nothing, whatever the purpose", () => {
    assertRefused(access.decideAccess(asks({ role: "R1860" })), "role-refused", /no place in the access table/);
    assertRefused(access.decideAccess(asks({ purpose: "OTHER" })), "purpose-refused", /care of one person/);
    assertRefused(access.decideAccess(asks({ role: "R1860", purpose: "OTHER" })), "purpose-refused", /care of one/);
  });

  it("show a social worker strictly less health than the ED doctor", () => {
    const seen = (claim: Partial<Claim>): string[] => {
      const { levelOf } = permitOf(access.decideAccess(asks(claim)));
      return RECORD_TYPE_KEYS.filter((key) => RECORD_TYPES[key].domain === "health" && levelOf(key) === "full");
    };
    const doctor = seen({});
    const worker = seen({ role: "R8014", setting: "adult-social-care" });
    assert.ok(worker.length < doctor.length);
    assert.ok(worker.every((key) => doctor.includes(key)));
  });
});

describe("the asker's decision", () => {
  it("gives emergency access to whom it was granted alone, to one patient, and to no machine", () => {
    const BTG = { purpose: "BTG" } as const;
    assertRefused(access.decideAccess(asks(BTG)), "not-permitted", /no emergency access to this patient/);
    const sought: unknown[] = [];
    const granting = granted((claim, patient) => sought.push([claim.userId, patient]) > 0);
    const question = asks(BTG);
    assert.equal(granting.decideAccess(question).kind, "permitted");
    assert.deepEqual(sought, [["u-1", question.patient]]);
    const { patient: _, ...nobody } = question;
    assertRefused(granting.decideAccess(nobody), "purpose-refused", /to one patient/);
    assertRefused(granting.decideAccess(asks({ ...BTG, trigger: "automatic" })), "not-permitted", /for a person/);
  });

  it("opens by emergency access what is sealed or a summary, and nothing that is none", () => {
    const granting = granted(() => true);
    const crew = { role: "R1070", setting: "ambulance" } as const;
    const usual = permitOf(granting.decideAccess(asks(crew)));
    const opened = permitOf(granting.decideAccess(asks({ ...crew, purpose: "BTG" })));
    assert.ok(usual.sealed.length > 0);
    assert.deepEqual(opened.sealed, []);
    assert.deepEqual(opened.notOffered, usual.notOffered);
    for (const type of RECORD_TYPE_KEYS) {
      assert.equal(opened.levelOf(type), usual.levelOf(type) === "none" ? "none" : "full", type);
    }
  });

  it("wants a reason of 1 to 500 characters from a person, and none from a machine", () => {
    const { reason: _, ...unreasoned } = asks().claim;
    assertRefused(access.decideAccess({ ...asks(), claim: unreasoned }), "not-permitted", /reason/);
    assertRefused(access.decideAccess(asks({ reason: " \t" })), "not-permitted", /reason/);
    assertRefused(access.decideAccess(asks({ reason: "x".repeat(501) })), "not-permitted", /at most 500/);
    assert.equal(access.decideAccess(asks({ reason: "x".repeat(500) })).kind, "permitted");
    assert.equal(access.decideAccess({ ...asks(), claim: { ...unreasoned, trigger: "automatic" } }).kind, "permitted");
  });

  it("lets no machine claim a relationship by itself", () => {
    const claim = { trigger: "automatic", relationship: { kind: "self-claimed" } } as const;
    assertRefused(access.decideAccess(asks(claim)), "not-permitted", /only a person/);
  });

  it("refuses a role in a setting where it has nothing to do", () => {
    assertRefused(
      access.decideAccess(asks({ role: "R1290", setting: "childrens-social-care" })),
      "role-refused",
      /setting/,
    );
  });

  it("gives permits that are new each time, frozen, and say what they are for", () => {
    const [one, other] = [permitOf(access.decideAccess(asks())), permitOf(access.decideAccess(asks()))];
    assert.notEqual(one.permitId, other.permitId);
    assert.ok(Object.isFrozen(one));
    assert.deepEqual([one.kind, one.asker, one.requestId], ["ask", OWN, "r-1"]);
  });

  it("seals the same types for every patient: those of which the role sees less than all", () => {
    const permit = permitOf(access.decideAccess(asks({ role: "R1070", setting: "ambulance" })));
    assert.deepEqual(
      permit.sealed,
      RECORD_TYPE_KEYS.filter((key) => ["summary", "sealed"].includes(permit.levelOf(key))),
    );
    assert.ok(permit.sealed.includes("mental-health-record") && permit.sealed.includes("safeguarding"));
    assert.deepEqual(
      permitOf(access.decideAccess(asks({ role: "R1070", setting: "ambulance" }, child))).sealed,
      permit.sealed,
    );
  });
});

describe("the holder's decision", () => {
  it("permits under an agreement in force, for the asker", () => {
    const permit = permitOf(access.decideAnswer(asked()));
    assert.deepEqual([permit.kind, permit.asker], ["answer", PEER]);
    assert.equal(permit.levelOf("discharge-letter"), "full");
  });

  const refusals: readonly (readonly [string, Partial<Agreement>, Decision["kind"] | string, string])[] = [
    ["between others", { members: [OWN, "wm-hw"] }, "no-agreement", "none-between"],
    ["that ended yesterday", { endDate: "2026-11-19" }, "no-agreement", "ended"],
    ["suspended by two people", { suspendedBy: ["A", "B"] }, "no-agreement", "suspended"],
    ["all of whose controllers left", { controllers: [controller({ left: DAY })] }, "no-agreement", "no-controller"],
    [
      "none of whose controllers has joined",
      { controllers: [controller({ joined: "2026-11-21" })] },
      "no-agreement",
      "no-controller",
    ],
    ["that demands explicit consent", { consentModel: "explicit-at-view" }, "no-agreement", "explicit-consent"],
    ["for other purposes", { purposes: ["CAREMGT"] }, "purpose-refused", "agreement-purpose"],
    ["for other roles", { roleGroups: ["gp", "nurse"] }, "role-refused", "agreement-role"],
    [
      "for records that the role never sees",
      { recordTypes: ["sexual-health"] },
      "role-refused",
      "agreement-record-types",
    ],
  ];
  for (const [which, change, code, reason] of refusals) {
    it(`refuses under an agreement ${which}`, () => {
      const decision = accessWith([{ ...agreement, ...change }]).decideAnswer(asked());
      assert.deepEqual(decision, { kind: "refused", code, reason });
    });
  }

  it("goes on up to the end date, and past a review date", () => {
    assert.equal(accessWith([{ ...agreement, endDate: DAY }]).decideAnswer(asked()).kind, "permitted");
    assert.equal(accessWith([{ ...agreement, reviewDate: "2020-01-01" }]).decideAnswer(asked()).kind, "permitted");
  });

  it("refuses where there is no agreement at all", () => {
    assert.deepEqual(accessWith([]).decideAnswer(asked()), {
      kind: "refused",
      code: "no-agreement",
      reason: "none-between",
    });
  });

  it("shows only the record types agreed, at the table's level", () => {
    const narrow = accessWith([{ ...agreement, recordTypes: ["allergies", "mental-health-record"] }]);
    const permit = permitOf(narrow.decideAnswer(asked()));
    assert.equal(permit.levelOf("allergies"), "full");
    assert.equal(permit.levelOf("mental-health-record"), "summary", "an agreement never widens the table");
    assert.equal(permit.levelOf("discharge-letter"), "none");
    assert.deepEqual(permit.sealed, ["mental-health-record"]);
  });

  it("adds up what several agreements allow, but never mixes their terms", () => {
    const two = accessWith([
      { ...agreement, id: "a", recordTypes: ["allergies"] },
      { ...agreement, id: "b", recordTypes: ["medications"] },
      { ...agreement, id: "c", recordTypes: ["problems"], purposes: ["CAREMGT"] },
      { ...agreement, id: "d", recordTypes: ["ecg"], roleGroups: ["gp"] },
    ]);
    const { levelOf } = permitOf(two.decideAnswer(asked()));
    assert.deepEqual(
      RECORD_TYPE_KEYS.filter((key) => levelOf(key) !== "none"),
      ["allergies", "medications"],
    );
  });

  it("says which kinds of record are not offered, by the role and by the agreement, protected ones left out", () => {
    const byRole = permitOf(access.decideAccess(asks()));
    const unseen = RECORD_TYPE_KEYS.filter((key) => byRole.levelOf(key) === "none" && !PROTECTED_RECORD_TYPES.has(key));
    assert.deepEqual(byRole.notOffered, unseen);
    assert.deepEqual(permitOf(access.decideAnswer(asked())).notOffered, unseen, "the agreement names all");

    const narrow = accessWith([{ ...agreement, recordTypes: ["allergies", "medications", "sexual-health"] }]);
    const { notOffered } = permitOf(narrow.decideAnswer(asked()));
    assert.deepEqual(
      RECORD_TYPE_KEYS.filter((key) => !notOffered.includes(key)),
      ["allergies", "medications", ...PROTECTED_RECORD_TYPES],
    );
    const other = permitOf(narrow.decideAnswer(asked({}, byNumber("1980-05-17"))));
    assert.equal(other.notOffered, notOffered, "the very same list for every patient");
  });

  it("does not cover a child where the agreement or the node is for adults only", () => {
    const adultsOnly = accessWith([{ ...agreement, adultsOnly: true }]);
    assert.deepEqual(adultsOnly.decideAnswer(asked({}, child)), {
      kind: "refused",
      code: "not-covered",
      reason: "under-18s",
    });
    assert.equal(adultsOnly.decideAnswer(asked({}, byNumber("2008-11-20"))).kind, "permitted", "18 today");
    const adultNode = accessWith([agreement], [member(OWN, { from: 18 }), member(PEER)]);
    assert.deepEqual(adultNode.decideAnswer(asked({}, child)), {
      kind: "refused",
      code: "not-covered",
      reason: "under-18s",
    });
  });

  it("counts whole years on the day of the question", () => {
    const adultNode = accessWith([agreement], [member(OWN, { from: 18 })]);
    assert.equal(adultNode.decideAnswer(asked({}, byNumber("2008-11-20"))).kind, "permitted");
    assert.equal(adultNode.decideAnswer(asked({}, byNumber("2008-11-21"))).kind, "refused");
    const childNode = accessWith([agreement], [member(OWN, { from: 0, to: 15 })]);
    assert.deepEqual(childNode.decideAnswer(asked()), { kind: "refused", code: "not-covered", reason: "age" });
  });

  it("takes a question without a number only where the agreement says so", () => {
    const decision = access.decideAnswer(asked({}, byName));
    assert.deepEqual(decision, { kind: "refused", code: "no-agreement", reason: "number-required" });
    const open = accessWith([{ ...agreement, demographicQuestions: true }]);
    assert.equal(open.decideAnswer(asked({}, byName)).kind, "permitted");
  });

  it("judges purpose and role itself, whatever the asker let through", () => {
    assertRefused(access.decideAnswer(asked({ purpose: "BTG" })), "purpose-refused", /^agreement-purpose$/);
    const automatic = asked({ purpose: "BTG", trigger: "automatic" });
    assertRefused(access.decideAnswer(automatic), "purpose-refused", /^emergency-automatic$/);
    assertRefused(access.decideAnswer(asked({ purpose: "OTHER" })), "purpose-refused", /^purpose-other$/);
    assertRefused(access.decideAnswer(asked({ role: "R1860" })), "role-refused", /^role-unknown$/);
    assertRefused(access.decideAnswer(asked({ role: "R0001" })), "role-refused", /^role-has-nothing-here$/);
  });

  it("needs no reason: that stays with the asker", () => {
    const { reason: _, ...claim } = edDoctor;
    assert.equal(access.decideAnswer({ ...asked(), claim }).kind, "permitted");
  });

  it("answers nobody in its own name, and nobody at all once it is no member", () => {
    const alone = accessWith([{ ...agreement, members: [OWN, OWN] }]);
    assertRefused(alone.decideAnswer({ ...asked(), asker: OWN }), "no-agreement", /none-between/);
    assertRefused(accessWith([agreement], [member(PEER)]).decideAnswer(asked()), "no-agreement", /not-a-member/);
  });

  it("follows the directory: a new manifest's terms count at once, under the same agreement id", () => {
    let inForce: readonly Agreement[] = [agreement];
    const following = makeAccess({
      clock,
      random: seededRandom(1),
      table,
      ownId: OWN,
      agreements: () => inForce,
      members: () => [member(OWN)],
    });
    assert.equal(permitOf(following.decideAnswer(asked())).levelOf("ecg"), "full");
    inForce = [{ ...agreement, recordTypes: ["allergies"] }];
    assert.equal(permitOf(following.decideAnswer(asked())).levelOf("ecg"), "none");
  });

  it("judges each day and each question anew, whatever was decided before", async () => {
    const passing = makeFakeClock(Date.parse(`${DAY}T03:00:00Z`));
    const ending = [{ ...agreement, endDate: DAY, adultsOnly: true, roleGroups: ["doctor"] }];
    const holder = makeAccess({
      ...{ clock: passing, random: seededRandom(1), table, ownId: OWN },
      ...{ agreements: () => ending, members: () => [member(OWN)] },
    });
    const first = permitOf(holder.decideAnswer(asked()));
    assert.notEqual(permitOf(holder.decideAnswer(asked())).permitId, first.permitId);
    const others = [asked({ purpose: "CAREMGT" }), asked({ role: "R8014" }), asked({}, child), asked({}, byName)];
    for (const other of [...others, { ...asked(), asker: "wm-hw" as NodeId }]) {
      assert.equal(holder.decideAnswer(other).kind, "refused");
    }
    assert.equal(holder.decideAnswer(asked()).kind, "permitted");
    await passing.advance(24 * 3_600_000);
    assertRefused(holder.decideAnswer(asked()), "no-agreement", /^ended$/);
  });
});

describe("the asker's forecast", () => {
  const permit = permitOf(access.decideAccess(asks()));

  it("agrees with what the holder would decide", () => {
    const cases: readonly (readonly [Partial<Agreement>, Question])[] = [
      [{}, asks()],
      [{ endDate: "2026-11-19" }, asks()],
      [{ adultsOnly: true }, asks({}, child)],
      [{ roleGroups: ["gp"] }, asks()],
      [{ purposes: ["CAREMGT"] }, asks()],
      [{}, asks({}, byName)],
      [{ recordTypes: ["sexual-health"] }, asks()],
    ];
    const outcomes = cases.map(([change, question]) => {
      const forecast = accessWith([{ ...agreement, ...change }]).mayAsk(member(PEER), question, permit);
      const holder = makeAccess({
        clock,
        random: seededRandom(1),
        table,
        ownId: PEER,
        agreements: () => [{ ...agreement, ...change }],
        members: () => [member(OWN), member(PEER)],
      });
      const decision = holder.decideAnswer({ ...question, asker: OWN });
      assert.equal(forecast.ok, decision.kind === "permitted");
      if (!forecast.ok && decision.kind === "refused") assert.equal(forecast.reason, decision.reason);
      return forecast.ok ? "ok" : forecast.outcome;
    });
    assert.deepEqual(outcomes, ["ok", "no-agreement", "not-covered", "refused", "refused", "no-agreement", "refused"]);
  });

  it("needs no agreement for the own node, only that it covers the age", () => {
    const alone = accessWith([]);
    assert.deepEqual(alone.mayAsk(member(OWN), asks(), permit), { ok: true });
    assert.deepEqual(alone.mayAsk(member(OWN, { from: 18 }), asks({}, child), permit), {
      ok: false,
      outcome: "not-covered",
      reason: "under-18s",
    });
  });
});

describe("decisions", () => {
  it("never carry a value of the patient or the claim in their reasons", () => {
    const claims: readonly Partial<Claim>[] = [
      { role: "R1860" },
      { purpose: "OTHER" },
      { reason: "" },
      { setting: "care-home" },
    ];
    for (const claim of claims) {
      const decision = access.decideAccess(asks(claim));
      if (decision.kind === "refused") assert.doesNotMatch(decision.reason, /1950|900000|R1860|u-1|RRK/);
    }
  });

  it("depend on nothing about the patient but the age asked with", () => {
    const settings: readonly Setting[] = ["emergency", "acute", "general-practice"];
    for (const setting of settings) {
      const one = permitOf(access.decideAnswer(asked({ setting })));
      const other = permitOf(access.decideAnswer(asked({ setting }, byNumber("1960-02-02", "9000000017"))));
      for (const key of RECORD_TYPE_KEYS) assert.equal(one.levelOf(key), other.levelOf(key));
      assert.deepEqual(one.sealed, other.sealed);
    }
  });
});

function controller(change: Partial<Agreement["controllers"][number]>): Agreement["controllers"][number] {
  return { code: "RRK", name: "A trust", joined: "2024-01-01", ...change };
}

function born(isoDate: string): BirthDate {
  const date = BirthDate.parse(isoDate, DAY);
  assert.ok(date !== undefined);
  return date;
}

function byNumber(birthDate: string, digits = "9000000009"): PatientQuery {
  const nhsNumber = NhsNumber.parse(digits);
  assert.ok(nhsNumber !== undefined);
  return { by: "number", nhsNumber, birthDate: born(birthDate) };
}

function permitOf(decision: Decision): Permit {
  assert.equal(decision.kind, "permitted", JSON.stringify(decision));
  assert.ok(decision.kind === "permitted");
  return decision.permit;
}

function assertRefused(decision: Decision, code: string, reason: RegExp): void {
  assert.ok(decision.kind === "refused", "refused");
  assert.equal(decision.code, code);
  assert.match(decision.reason, reason);
}
