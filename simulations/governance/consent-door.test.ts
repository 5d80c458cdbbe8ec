import assert from "node:assert/strict";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { makeObjections } from "../../node/access/objection-store.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { aMarkedPerson } from "../testing/doors-people.ts";
import { OTHERS_PROVIDER, PROVIDER } from "../testing/doors-network.ts";
import { type FhirAnswer, type FhirDoor, startFhirDoor, systemOf } from "../testing/fhir-door.ts";

const JSON_TYPE = { "content-type": "application/fhir+json" };
const SYSTEM = systemOf(PROVIDER);
const person = aMarkedPerson(0);

type Json = Readonly<Record<string, unknown>>;

function aConsent(id: string, more: Json = {}, system = SYSTEM): Json {
  return {
    ...{ resourceType: "Consent", id, status: "active", dateTime: "2026-01-01" },
    patient: { identifier: { system, value: "C-1" } },
    scope: { coding: [{ code: "patient-privacy" }] },
    provision: { type: "deny" },
    ...more,
  };
}

describe("an objection that comes as a Consent", function () {
  this.timeout(60_000);
  let door: FhirDoor;
  let reader: Database;

  before(async () => {
    door = await startFhirDoor();
    reader = openDatabase(join(door.network.dataDir, "index.db"), { readonly: true });
    const patient = {
      ...{ resourceType: "Patient", identifier: [{ system: SYSTEM, value: "C-1" }], birthDate: person.birthDate },
      name: [{ use: "official", family: person.familyName, given: [person.givenName] }],
    };
    const path = `/fhir/Patient?identifier=${encodeURIComponent(`${SYSTEM}|C-1`)}`;
    const { status, text } = await door.send({
      path,
      method: "PUT",
      body: JSON.stringify(patient),
      headers: JSON_TYPE,
    });
    assert.equal(status, 201, text);
  });
  after(async () => {
    reader?.close();
    await door?.stop();
  });

  const put = (id: string, consent: Json): Promise<FhirAnswer> =>
    door.send({ path: `/fhir/Consent/${id}`, method: "PUT", body: JSON.stringify(consent), headers: JSON_TYPE });
  const withheld = () => {
    const sql = "SELECT identity_no FROM identity_record WHERE current = 1 AND local_id = 'C-1'";
    const identity = reader.prepare<[], number>(sql).pluck().get();
    return makeObjections(reader).withheld([identity ?? 0], "TREAT");
  };
  const count = () => reader.prepare("SELECT count(*) FROM objection").pluck().get();

  it("counts when it is answered, for everything or one type, and no longer when it is taken back", async () => {
    assert.equal((await put("c1", aConsent("c1"))).status, 200);
    assert.ok(withheld().everything);
    assert.equal((await put("c1", aConsent("c1", { status: "inactive" }))).status, 200);
    assert.ok(!withheld().everything);
    const provision = {
      type: "deny",
      code: [{ coding: [{ system: "http://snomed.info/sct", code: "861421000000109" }] }],
    };
    assert.equal((await put("c2", aConsent("c2", { provision }))).status, 200);
    assert.deepEqual([withheld().everything, withheld().recordTypes.size], [false, 1]);
    assert.equal((await put("c2", aConsent("c2", { provision, status: "rejected" }))).status, 200);
    assert.equal(withheld().recordTypes.size, 0);
    assert.equal(count(), 2, "the same Consent is the same objection");
  });

  it("is refused with the element at fault, and nothing of it is kept, where it is no plain objection", async () => {
    const held = count();
    const cases: readonly (readonly [Json, number, string])[] = [
      [aConsent("other"), 422, "Consent.id"],
      [aConsent("x", { resourceType: "Patient" }), 422, "resourceType"],
      [aConsent("x", { patient: { reference: "Patient/C-1" } }), 422, "Consent.patient"],
      [aConsent("x", { provision: { type: "permit" } }), 422, "Consent.provision"],
      [aConsent("x", { provision: { type: "deny", purpose: [{ code: "HRESCH" }] } }), 422, "Consent.provision"],
      [aConsent("x", { status: "entered-in-error" }), 422, "Consent.status"],
      [aConsent("x", { dateTime: "2999-01-01" }), 422, "Consent"],
      [aConsent("x", { modifierExtension: [{ url: "https://x.example" }] }), 422, "Consent"],
      [aConsent("x", {}, systemOf(OTHERS_PROVIDER)), 403, "Consent.patient.identifier.system"],
      [aConsent("x", {}, "https://nobody.example"), 403, "Consent.patient.identifier.system"],
    ];
    for (const [consent, status, element] of cases) {
      const answer = await put("x", consent);
      assert.equal(answer.status, status, answer.text);
      assert.ok(answer.text.includes(element), `${element}: ${answer.text}`);
      assert.ok(!answer.text.includes("C-1"), answer.text);
    }
    assert.equal(count(), held);
  });
});
