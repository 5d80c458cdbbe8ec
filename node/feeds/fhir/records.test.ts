import assert from "node:assert/strict";

import type { RecordTypeKey } from "../../base/record-types.ts";
import { RECORD_TYPE_KEYS, RECORD_TYPES } from "../../base/record-types.ts";
import {
  about,
  aPatient,
  BASE,
  brief,
  coded,
  readAlone,
  readBundle,
  type Resource,
  RRK,
  SNOMED,
  valuesOf,
} from "../testing/a-fhir-file.ts";

const LOINC = "http://loinc.org";
const KEYS = "https://corridor.example/fhir/CodeSystem/record-type";
const ATTACHMENT = { contentType: "application/pdf; charset=binary", url: "https://records.rrk.example/d/1" };
const document = (more: Resource): Resource =>
  about("DocumentReference", {
    status: "current",
    date: "2026-03-05T10:00:00Z",
    content: [{ attachment: ATTACHMENT }],
    ...more,
  });
const patient = { patient: { reference: "Patient/P1" } };
const category = (code: string, system = "http://example.org/c"): Resource => ({ category: [coded(code, system)] });

describe("a FHIR resource", () => {
  const pointers: [resource: Resource, type: RecordTypeKey, recordedOn: string][] = [
    [about("AllergyIntolerance", { ...patient, recordedDate: "2026-01-02" }), "allergies", "2026-01-02"],
    [about("MedicationRequest", { authoredOn: "2026-01-02T09:00:00+01:00" }), "medications", "2026-01-02"],
    [about("MedicationStatement", { effectivePeriod: { start: "2026-01-02" } }), "medications", "2026-01-02"],
    [about("MedicationDispense", { whenHandedOver: "2026-01-02" }), "medications", "2026-01-02"],
    [about("MedicationAdministration", { effectiveDateTime: "2026-01-02" }), "medications", "2026-01-02"],
    [about("Condition", { onsetDateTime: "2026-01" }), "problems", ""],
    [about("Procedure", { performedPeriod: { start: "2026-01-02" } }), "procedures", "2026-01-02"],
    [about("Immunization", { ...patient, occurrenceDateTime: "2026-01-02" }), "immunisations", "2026-01-02"],
    [about("Observation", { effectiveDateTime: "2026-01-02" }), "investigations", "2026-01-02"],
    [about("Observation", category("laboratory")), "investigations", ""],
    [about("Observation", { code: coded("1104051000000101") }), "observations-news2", ""],
    [about("DiagnosticReport", { issued: "2026-01-02" }), "investigations", "2026-01-02"],
    [about("DiagnosticReport", category("RAD")), "imaging-report", ""],
    [about("DiagnosticReport", { code: coded("11524-6", LOINC) }), "ecg", ""],
    [about("ImagingStudy", { started: "2026-01-02" }), "imaging-report", "2026-01-02"],
    [about("Encounter", { class: { code: "EMER" }, period: { start: "2026-01-02" } }), "encounters", "2026-01-02"],
    [about("EpisodeOfCare", patient), "encounters", ""],
    [
      about("Appointment", {
        subject: undefined,
        participant: [{ actor: { reference: "Practitioner/9" } }, { actor: { reference: "Patient/P1" } }],
        start: "2027-01-02T08:00:00Z",
      }),
      "appointments",
      "2027-01-02",
    ],
    [about("ServiceRequest", { authoredOn: "2026-01-02" }), "referrals", "2026-01-02"],
    [about("ServiceRequest", category("3457005", SNOMED)), "referrals", ""],
    [about("CarePlan", { created: "2026-01-02" }), "care-plan", "2026-01-02"],
    [about("CarePlan", category("736253002", SNOMED)), "mental-health-crisis-plan", ""],
    [document({ type: coded("823701000000103") }), "discharge-letter", "2026-03-05"],
    [document({ type: coded("18842-5", LOINC) }), "discharge-letter", "2026-03-05"],
    [
      document({ type: coded("no such code"), ...category("823651000000106", SNOMED) }),
      "clinical-letter",
      "2026-03-05",
    ],
    [document({ type: coded("ambulance", KEYS) }), "ambulance", "2026-03-05"],
    [about("Composition", { date: "2026-01-02", type: coded("60591-5", LOINC) }), "patient-summary", "2026-01-02"],
    [about("List", { code: coded("886921000000105") }), "allergies", ""],
    [about("Flag", { code: coded("129839007") }), "safety-alerts", ""],
    [about("Flag", { code: coded("417430008") }), "safeguarding", ""],
    [about("Flag", category("NRAF")), "reasonable-adjustments", ""],
    [about("RelatedPerson", patient), "personal-contacts", ""],
  ];
  for (const [resource, type, recordedOn] of pointers) {
    const kind = String(resource["resourceType"]);
    it(`of kind ${kind} becomes a pointer to ${type}, in a Bundle and alone`, async () => {
      const [, inBundle] = await readBundle([aPatient(), resource]);
      const [alone] = await readAlone([resource]);
      const { recordType, recordedOn: day, provider, localId, fetch, recordId } = valuesOf(inBundle);
      assert.deepEqual(
        { recordType, day, provider, localId },
        { recordType: type, day: recordedOn, provider: "RRK", localId: "P1" },
      );
      const isList = String(recordId).startsWith("list/");
      // Of a list that comes line by line nobody knows its newest entry yet.
      assert.deepEqual(valuesOf(alone), { ...valuesOf(inBundle), recordedOn: isList ? "" : recordedOn });
      if (kind !== "DocumentReference") assert.ok(String(fetch).startsWith(`${BASE}/`));
      assert.ok(!String(fetch).includes("P1") && !String(recordId).includes("P1"), "no patient in address or id");
    });
  }

  it("that names a record type by its national code becomes a pointer of that type, whichever it is", async () => {
    for (const key of RECORD_TYPE_KEYS.filter((each) => each !== "sexual-health")) {
      for (const type of [
        coded(key, KEYS),
        ...(RECORD_TYPES[key].snomed === "" ? [] : [coded(RECORD_TYPES[key].snomed)]),
      ]) {
        assert.deepEqual(brief(await readAlone([document({ type })])).taken, [key]);
      }
    }
  });

  it("that is a document is fetched where its attachment lies", async () => {
    const fetched = async (attachment: Resource) => {
      const { fetch, format } = valuesOf(
        (await readAlone([document({ type: coded("823701000000103"), content: [{ attachment }] })]))[0],
      );
      return [fetch, format];
    };
    assert.deepEqual(await fetched(ATTACHMENT), [ATTACHMENT.url, "application/pdf"]);
    assert.deepEqual(await fetched({ url: "Binary/7", contentType: "text/html" }), [`${BASE}/Binary/7`, "text/html"]);
    assert.deepEqual(await fetched({ data: "AAAA", contentType: "text/html" }), [
      `${BASE}/DocumentReference/DocumentReference-1`,
      "application/fhir+json",
    ]);
  });

  it("with a label has its sensitivity", async () => {
    const labelled = async (code: string, system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality") =>
      valuesOf((await readAlone([about("Encounter", { meta: { security: [{ system, code }] } })]))[0])["sensitivity"];
    assert.deepEqual(await Promise.all(["N", "R", "V", "U"].map((code) => labelled(code))), ["N", "R", "V", "N"]);
    assert.equal(await labelled("PSY", "http://terminology.hl7.org/CodeSystem/v3-ActCode"), "R");
    const type = coded("823701000000103");
    assert.equal(await labelled("PSY", "urn:oid:2.16.840.1.113883.5.4"), "R");
    assert.equal(await labelled("V", "urn:oid:2.16.840.1.113883.5.25"), "V");
    const labels = { securityLabel: [coded("V", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality")] };
    assert.equal(valuesOf((await readAlone([document({ type, ...labels })]))[0])["sensitivity"], "V");
  });

  it("has an id of its own kind: the same id of another kind is another record", async () => {
    const lines = await readAlone([
      { ...about("Encounter"), id: "7" },
      { ...about("CarePlan"), id: "7" },
      { ...about("Encounter"), id: "x".repeat(64) },
    ]);
    const ids = lines.map((line) => String(valuesOf(line)["recordId"]));
    assert.deepEqual(ids.slice(0, 2), ["Encounter/7", "CarePlan/7"]);
    assert.match(ids[2] ?? "", /^Encounter\/~[\w-]{22}$/);
  });

  const refused: [what: string, resource: Resource, says: RegExp][] = [
    ["entered in error", about("Encounter", { status: "entered-in-error" }), /^Encounter\.status: /],
    ["refuted", about("Condition", { verificationStatus: coded("refuted", "x") }), /^Condition\.status: /],
    ["superseded", document({ status: "superseded", type: coded("823701000000103") }), /^DocumentReference\.status: /],
    ["cancelled", about("Appointment", { subject: undefined, status: "cancelled" }), /^Appointment\.status: /],
    ["of a document type nobody knows", document({ type: coded("11429006") }), /^DocumentReference: no record type/],
    ["of a key nobody knows", document({ type: coded("constructor", KEYS) }), /^DocumentReference: no record type/],
    ["an order for a test", about("ServiceRequest", category("108252007", SNOMED)), /^ServiceRequest: no record type/],
    ["a questionnaire's answer", about("Observation", category("survey")), /^Observation: no record type/],
    ["no record", about("Claim"), /^resourceType: not a kind/],
    ["of no kind", { resourceType: "constructor" }, /^resourceType: not a kind/],
    ["about nobody", about("Encounter", { subject: undefined }), /^subject: missing/],
    [
      "about a device",
      about("Observation", { subject: { reference: "Device/1" } }),
      /^subject: does not refer to a patient/,
    ],
    ["without an id", about("Encounter", { id: undefined }), /^id: missing/],
    ["with a date of another form", about("Encounter", { period: { start: "05/03/2026" } }), /^recorded_on: /],
    [
      "kept by somebody else",
      document({
        type: coded("823701000000103"),
        custodian: { identifier: { system: "https://fhir.nhs.uk/Id/ods-organization-code", value: "RWP" } },
      }),
      /^custodian: /,
    ],
    [
      "with an NHS number in its address",
      document({
        type: coded("823701000000103"),
        content: [{ attachment: { url: "https://rrk.example/9990000018" } }],
      }),
      /^fetch: /,
    ],
    // What says that it may mean something else.
    ["modified", about("Encounter", { modifierExtension: [{ url: "https://x.example/not" }] }), /^modifierExtension: /],
    [
      "modified in a part",
      about("Observation", { component: [{ modifierExtension: [{ url: "https://x.example/not" }] }] }),
      /^modifierExtension: /,
    ],
    ["under rules of its own", about("Encounter", { implicitRules: "https://x.example" }), /^modifierExtension: /],
    ["a modified patient", aPatient({ modifierExtension: [{ url: "x", valueBoolean: true }] }), /^modifierExtension: /],
    // Other versions of FHIR.
    [
      "an Encounter of R5",
      about("Encounter", { class: [coded("EMER")] }),
      /^Encounter\.class: missing, or not of the form/,
    ],
    [
      "an Encounter of R5 by its period",
      about("Encounter", { actualPeriod: {} }),
      /^Encounter\.actualPeriod: FHIR R4 does not have it/,
    ],
    [
      "a MedicationRequest of R5",
      about("MedicationRequest", { medication: { concept: {} } }),
      /^MedicationRequest\.medication: /,
    ],
    ["a DocumentReference of STU3", document({ indexed: "2016-01-01", class: {} }), /^DocumentReference\.indexed: /],
    ["an Immunization of STU3", about("Immunization", { ...patient, notGiven: true }), /^Immunization\.notGiven: /],
    [
      "an AllergyIntolerance of STU3",
      about("AllergyIntolerance", { ...patient, assertedDate: "2016" }),
      /^AllergyIntolerance\.assertedDate: /,
    ],
    ["a ReferralRequest of STU3", about("ReferralRequest"), /^resourceType: not a kind/],
  ];
  for (const [what, resource, says] of refused) {
    it(`is not taken where it is ${what}`, async () => {
      const { taken, rejected } = brief(await readAlone([resource]));
      assert.deepEqual(taken, []);
      assert.match(rejected[0] ?? "", says);
    });
  }

  it("needs an address from which it can be fetched", async () => {
    const lines = await readAlone([about("Encounter"), about("Condition")], { provider: "RRK" });
    assert.match(brief(lines).rejected.join("\n"), /^fullUrl: .*\nfullUrl: /);
  });
});

describe("entries of one list", () => {
  const allergy = (id: string, day: string, more: Resource = {}): Resource => ({
    ...about("AllergyIntolerance", { ...patient, recordedDate: day, ...more }),
    id,
  });
  const three = [allergy("a", "2020-01-01"), allergy("b", "2026-02-02"), allergy("c", "2024-03-03")];

  it("are one pointer for each patient, with the day of the newest", async () => {
    const lines = await readBundle([...three, aPatient()]);
    assert.deepEqual(brief(lines), { taken: ["allergies", "identity"], rejected: [] });
    const { recordedOn, fetch } = valuesOf(lines[0]);
    assert.deepEqual([recordedOn, fetch], ["2026-02-02", `${BASE}/AllergyIntolerance`]);
  });

  it("are the same pointer again in every order, and line by line", async () => {
    const [first] = await readBundle([aPatient(), ...three].reverse());
    const again = await readBundle([aPatient(), ...three]);
    assert.deepEqual(valuesOf(again[1]), valuesOf(first));
    const alone = await readAlone([...three, ...three]);
    assert.equal(alone.length, 1);
    assert.deepEqual(valuesOf(alone[0]), { ...valuesOf(first), recordedOn: "" });
  });

  it("of different sensitivity are two lists: one restricted entry does not hide the others", async () => {
    const security = [{ system: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code: "R" }];
    const lines = await readBundle([aPatient(), ...three, allergy("d", "2026-05-05", { meta: { security } })]);
    const lists = lines.slice(1).map((line) => [valuesOf(line)["sensitivity"], valuesOf(line)["recordedOn"]]);
    assert.deepEqual(lists, [
      ["N", "2026-02-02"],
      ["R", "2026-05-05"],
    ]);
  });

  it("of two patients are two lists", async () => {
    const other = { ...allergy("d", "2021-01-01"), patient: { reference: "Patient/P2" } };
    const lines = await readAlone([...three, other], RRK);
    assert.equal(new Set(lines.map((line) => valuesOf(line)["recordId"])).size, 2);
  });
});

describe("a Consent", () => {
  const consent = (more: Resource): Resource => ({
    ...{ resourceType: "Consent", id: "C1", status: "active", dateTime: "2026-06-01T10:00:00Z", ...patient },
    scope: coded("patient-privacy", "http://terminology.hl7.org/CodeSystem/consentscope"),
    ...more,
  });
  const deny = { provision: { type: "deny" } };
  const optOut = { policyRule: coded("OPTOUT", "http://terminology.hl7.org/CodeSystem/v3-ActCode") };

  it("that denies sharing is an objection, in the state that it is in", async () => {
    const [line] = await readAlone([consent(deny)]);
    assert.deepEqual(valuesOf(line), {
      ...{ provider: "RRK", localId: "P1", objectionId: "Consent/C1", state: "upheld" },
      ...{ receivedOn: "2026-06-01", overrideInEmergency: false, scope: "", reason: "" },
    });
    const states = ["proposed", "rejected", "inactive"].map(
      async (status) => valuesOf((await readAlone([consent({ ...optOut, status })]))[0])["state"],
    );
    assert.deepEqual(await Promise.all(states), ["received", "declined", "withdrawn"]);
  });

  it("may be about one kind of record, by its code", async () => {
    const provision = { type: "deny", code: [coded("736253002", "http://snomed.info/sct")] };
    const values = valuesOf((await readAlone([consent({ provision, status: "rejected" })]))[0]);
    assert.deepEqual([values["scope"], values["reason"] !== ""], ["type:mental-health-crisis-plan", true]);
    const unknown = { ...provision, code: [coded("73211009", "http://snomed.info/sct")] };
    const both = { ...provision, code: [...provision.code, ...provision.code] };
    for (const other of [unknown, both]) {
      const { rejected } = brief(await readAlone([consent({ provision: other })]));
      assert.deepEqual(rejected, ["Consent.provision: objects to a part only: to be decided by a person"]);
    }
  });

  it("may name its custodian", async () => {
    const provision = {
      type: "deny",
      actor: [{ role: coded("CST", "x"), reference: { reference: "Organization/1" } }],
    };
    assert.equal(valuesOf((await readAlone([consent({ provision })]))[0])["state"], "upheld");
  });

  it("may except emergencies", async () => {
    const provision = { type: "deny", provision: [{ type: "permit", purpose: [{ code: "ETREAT" }] }] };
    assert.equal(valuesOf((await readAlone([consent({ provision })]))[0])["overrideInEmergency"], true);
  });

  const narrower: [what: string, more: Resource][] = [
    ["somebody", { actor: [{ role: coded("PRCP", "x"), reference: { reference: "Practitioner/1" } }] }],
    ["a time that is over", { period: { start: "2020-01-01", end: "2020-02-01" } }],
    ["some data", { data: [{ meaning: "instance", reference: { reference: "Encounter/1" } }] }],
    ["data of a time", { dataPeriod: { end: "2020-02-01" } }],
    ["a kind of record", { class: [{ code: "Encounter" }] }],
    ["a code", { code: [coded("73211009")] }],
    ["a label", { securityLabel: [{ code: "N" }] }],
    ["an action", { action: [coded("correct", "x")] }],
    ["what an extension says", { extension: [{ url: "https://x.example/only", valueBoolean: true }] }],
    ["less, by an exception of its own", { provision: [{ type: "deny" }] }],
  ];
  for (const [what, more] of narrower) {
    it(`is not loosened for all by an exception for ${what}`, async () => {
      const except = { type: "permit", purpose: [{ code: "ETREAT" }], ...more };
      const [line] = await readAlone([consent({ provision: { type: "deny", provision: [except] } })]);
      assert.equal(valuesOf(line)["overrideInEmergency"], false);
    });
  }

  it("that objects with an exception says so", async () => {
    const reason = async (more: Resource) => brief(await readAlone([consent(more)])).rejected[0];
    assert.equal(
      await reason({ ...optOut, provision: { type: "permit", period: { end: "2027-01-01" } } }),
      "Consent.provision: an objection with an exception: to be decided by a person",
    );
    assert.equal(
      await reason({ provision: { type: "permit", provision: [{ type: "deny", data: [{}] }] } }),
      "Consent.provision: objects to a part only: to be decided by a person",
    );
    assert.equal(await reason({ provision: { type: "permit" } }), "Consent.provision: not an objection to sharing");
  });

  const refused: [what: string, more: Resource, field: string][] = [
    ["agrees", { provision: { type: "permit" } }, "Consent.provision"],
    ["objects to a part", { provision: { type: "deny", data: [{}] } }, "Consent.provision"],
    ["objects for a time", { provision: { type: "deny", period: { end: "2027-01-01" } } }, "Consent.provision"],
    [
      "objects to somebody",
      { provision: { type: "deny", actor: [{ role: coded("PRCP", "x") }] } },
      "Consent.provision",
    ],
    ["is about research", { ...deny, scope: coded("research", "x") }, "Consent.scope"],
    ["was a mistake", { ...deny, status: "entered-in-error" }, "Consent.status"],
    ["has no day", { ...deny, dateTime: undefined }, "received_on"],
  ];
  for (const [what, more, field] of refused) {
    it(`that ${what} is for a person to decide`, async () => {
      const [line] = await readAlone([consent(more)]);
      assert.ok(line !== undefined && "rejected" in line.parsed);
      assert.equal(line.parsed.rejected.field, field);
    });
  }
});
