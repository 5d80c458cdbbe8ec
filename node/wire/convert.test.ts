import assert from "node:assert/strict";

import fc from "fast-check";

import { Failure } from "../base/failure.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import { checkHoldsNoNumber, fromClaim, fromPatient, toClaim, toPatient } from "./convert.ts";
import { Claim as WireClaim, PatientQuery as WirePatientQuery } from "./generated/corridor/v1/identity.ts";
import { PATIENT_BORN, PATIENT_NUMBER, aClaim, aPatient } from "./testing/a-door.ts";

const TODAY = "2026-11-22";

function refusalOf(work: () => unknown): Failure {
  try {
    work();
  } catch (thrown) {
    assert.ok(thrown instanceof Failure);
    assert.equal(thrown.code, "invalid-input");
    return thrown;
  }
  return assert.fail("nothing was refused");
}

function byNumber(more: object): WirePatientQuery {
  const value = { nhsNumber: PATIENT_NUMBER, birthDate: PATIENT_BORN, familyName: "", givenName: "", ...more };
  return { by: { $case: "number", value } };
}

function byDemographics(more: object): WirePatientQuery {
  const value = { familyName: "Patel", givenName: "Asha", birthDate: PATIENT_BORN, postcode: "", ...more };
  return { by: { $case: "demographics", value } };
}

describe("a patient off the wire", () => {
  it("is what was put on it", () => {
    const again = toPatient(fromPatient(aPatient()), TODAY);
    assert.deepEqual(fromPatient(again), fromPatient(aPatient()));
    const named = byDemographics({ familyName: "O’Brien-Ólafsdóttir", postcode: "B15 2GW" });
    assert.deepEqual(fromPatient(toPatient(named, TODAY)), named);
  });

  const wrong: readonly [string, WirePatientQuery | undefined, string][] = [
    ["nobody", undefined, "patient"],
    ["neither number nor demographics", { by: undefined }, "patient"],
    ["no number", byNumber({ nhsNumber: "" }), "patient.number.nhs_number"],
    ["a wrong check digit", byNumber({ nhsNumber: "9000000008" }), "patient.number.nhs_number"],
    ["ten equal digits", byNumber({ nhsNumber: "9999999999" }), "patient.number.nhs_number"],
    ["spaces in the number", byNumber({ nhsNumber: "900 000 0009" }), "patient.number.nhs_number"],
    ["fullwidth digits", byNumber({ nhsNumber: "９００００００００９" }), "patient.number.nhs_number"],
    ["Arabic digits", byNumber({ nhsNumber: "٩٠٠٠٠٠٠٠٠٩" }), "patient.number.nhs_number"],
    ["the letter O for a nought", byNumber({ nhsNumber: "9OOOOOOOO9" }), "patient.number.nhs_number"],
    ["a number with a NUL", byNumber({ nhsNumber: "9000000009\0" }), "patient.number.nhs_number"],
    ["no birth date", byNumber({ birthDate: "" }), "patient.number.birth_date"],
    ["a day that never was", byNumber({ birthDate: "1999-02-29" }), "patient.number.birth_date"],
    ["a birth tomorrow", byNumber({ birthDate: "2026-11-23" }), "patient.number.birth_date"],
    ["a year alone", byNumber({ birthDate: "1958" }), "patient.number.birth_date"],
    ["a long name", byNumber({ familyName: "x".repeat(101) }), "patient.number.family_name"],
    ["a NUL in a name", byNumber({ givenName: "A\0B" }), "patient.number.given_name"],
    ["a turned name", byNumber({ familyName: "\u202eletaP" }), "patient.number.family_name"],
    ["an isolate in a name", byDemographics({ familyName: "Pat\u2066el" }), "patient.demographics.family_name"],
    ["broken encoding in a name", byDemographics({ givenName: "As\ufffdha" }), "patient.demographics.given_name"],
    ["a blank name", byDemographics({ familyName: "   " }), "patient.demographics.family_name"],
    ["no given name", byDemographics({ givenName: "" }), "patient.demographics.given_name"],
    ["a long postcode", byDemographics({ postcode: "B15 2GW 2GW" }), "patient.demographics.postcode"],
    ["a line break in a postcode", byDemographics({ postcode: "B15\n2GW" }), "patient.demographics.postcode"],
  ];
  for (const [what, message, where] of wrong) {
    it(`is refused with ${what}, naming ${where} and not what it was`, () => {
      const failure = refusalOf(() => toPatient(message, TODAY));
      assert.equal(failure.where, where);
      for (const value of Object.values<string>({ ...message?.by?.value })) {
        assert.ok(value.trim() === "" || !failure.message.includes(value), failure.message);
      }
    });
  }

  it("is refused or understood whatever the bytes, and never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let message: WirePatientQuery;
        try {
          message = WirePatientQuery.decode(bytes);
        } catch {
          return;
        }
        try {
          toPatient(message, TODAY);
        } catch (thrown) {
          assert.ok(thrown instanceof Failure && thrown.code === "invalid-input");
        }
      }),
    );
  });
});

describe("a claim off the wire", () => {
  const message = fromClaim(aClaim(), "stated");

  it("is what was put on it", () => {
    assert.deepEqual(toClaim(message, "stated"), aClaim());
  });

  it("carries the reason to no holder", () => {
    const bytes = Buffer.from(WireClaim.encode(fromClaim(aClaim({ reason: "a secret reason" }), "kept-back")).finish());
    assert.ok(!bytes.includes("secret"));
    assert.equal(toClaim({ ...message, reason: "sent all the same" }, "kept-back").reason, undefined);
  });

  const wrong: readonly [string, WireClaim | undefined, string][] = [
    ["nothing at all", undefined, "claim"],
    ["no user", { ...message, userId: "" }, "claim.user_id"],
    ["a long user", { ...message, userId: "u".repeat(101) }, "claim.user_id"],
    ["a turned user", { ...message, userId: "a\u202eb" }, "claim.user_id"],
    ["no role", { ...message, role: "" }, "claim.role"],
    ["a long role", { ...message, role: "R".repeat(41) }, "claim.role"],
    ["no setting", { ...message, setting: 0 }, "claim.setting"],
    ["a setting from the future", { ...message, setting: 99 as never }, "claim.setting"],
    ["a negative setting", { ...message, setting: -1 as never }, "claim.setting"],
    ["no organisation", { ...message, organisation: "" }, "claim.organisation"],
    ["an organisation in words", { ...message, organisation: "A trust" }, "claim.organisation"],
    ["no assurance", { ...message, assurance: 0 }, "claim.assurance"],
    ["no purpose", { ...message, purpose: 0 }, "claim.purpose"],
    ["a purpose from the future", { ...message, purpose: 77 as never }, "claim.purpose"],
    ["no relationship", { ...message, relationship: undefined }, "claim.relationship"],
    ["no kind of relationship", { ...message, relationship: { kind: 0, reference: "" } }, "claim.relationship.kind"],
    [
      "a long reference",
      { ...message, relationship: { kind: 1, reference: "r".repeat(101) } },
      "claim.relationship.reference",
    ],
    ["no trigger", { ...message, trigger: 0 }, "claim.trigger"],
    ["no reason", { ...message, reason: "" }, "claim.reason"],
    ["a long reason", { ...message, reason: "r".repeat(501) }, "claim.reason"],
  ];
  for (const [what, claim, where] of wrong) {
    it(`is refused with ${what}, naming ${where}`, () => {
      assert.equal(refusalOf(() => toClaim(claim, "stated")).where, where);
    });
  }

  it("keeps a purpose outside care, so that its refusal is audited", () => {
    assert.equal(toClaim({ ...message, purpose: 5 }, "stated").purpose, "OTHER");
  });

  describe("kept in every holder's audit", () => {
    const somebody: PatientQuery = toPatient(byDemographics({}), TODAY);
    const referring = (reference: string): Claim => aClaim({ relationship: { kind: "attendance", reference } });
    const OTHER_NUMBER = "900 000 0017";

    for (const text of [
      PATIENT_NUMBER,
      "900 000 0009",
      `A&E ${PATIENT_NUMBER}`,
      `${PATIENT_NUMBER}-1`,
      `att ${PATIENT_NUMBER}/2`,
      `NHS${PATIENT_NUMBER}x`,
      OTHER_NUMBER,
    ]) {
      it(`may not hold an NHS number, whoever is asked about: ${text}`, () => {
        for (const patient of [aPatient(), somebody]) {
          const cases = [
            [referring(text), "claim.relationship.reference"],
            [aClaim({ userId: text }), "claim.user_id"],
            [aClaim({ role: text }), "claim.role"],
          ] as const;
          for (const [claim, where] of cases) {
            const failure = refusalOf(() => checkHoldsNoNumber(claim, patient));
            assert.equal(failure.where, where);
            assert.doesNotMatch(failure.message, /900/);
          }
        }
      });
    }

    it("may not hold the patient's own number in any spelling", () => {
      for (const reference of ["9-0-0-0-0-0-0-0-0-9", `1${PATIENT_NUMBER}1`, "90 000 000 09/3"]) {
        assert.match(refusalOf(() => checkHoldsNoNumber(referring(reference), aPatient())).message, /is the patient's/);
      }
    });

    it("may hold other digits", () => {
      for (const text of ["A-17", "9000000018", "555021935107", "ED 2026-11-22 / 17", "0121 496 0000"]) {
        for (const patient of [aPatient(), somebody]) {
          checkHoldsNoNumber(referring(text), patient);
          checkHoldsNoNumber(aClaim({ userId: text }), patient);
        }
      }
    });
  });
});
