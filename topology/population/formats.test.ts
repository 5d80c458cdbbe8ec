import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { parse } from "csv-parse/sync";

import { RECORD_TYPES } from "../../node/base/record-types.ts";
import type { IdentityRow, PointerRow } from "../people/rows.ts";
import { readTopology } from "../topology.ts";
import { RENDERINGS, type Format } from "./formats.ts";
import { makePopulation, type ProviderRecord } from "./population.ts";
import { peopleInAll } from "./size.ts";

const topology = readTopology(fileURLToPath(new URL("../west-midlands.yaml", import.meta.url)));
const LINE_BYTES_MAX = 64 * 1_024;

/** What of FHIR the README promises, as this test's own reader needs it. */
interface Coding {
  readonly system: string;
  readonly code: string;
}
interface Coded {
  readonly coding: readonly Coding[];
}
interface Identifier {
  readonly system: string;
  readonly value?: string;
  readonly type?: Coded;
  readonly extension?: readonly { readonly url: string; readonly valueCodeableConcept: Coded }[];
}
interface Reference {
  readonly reference: string;
}
interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly identifier: readonly Identifier[];
  readonly meta?: { readonly lastUpdated?: string; readonly security?: readonly Coding[] };
  readonly name?: readonly { readonly family?: string; readonly given?: readonly string[] }[];
  readonly telecom?: readonly { readonly value: string }[];
  readonly gender?: string;
  readonly birthDate?: string;
  readonly address?: readonly {
    readonly line?: readonly string[];
    readonly city?: string;
    readonly postalCode?: string;
  }[];
  readonly managingOrganization?: { readonly identifier: Identifier };
  readonly subject?: Reference;
  readonly patient?: Reference;
  readonly participant?: readonly { readonly actor: Reference }[];
  readonly type?: Coded;
  readonly date?: string;
  readonly securityLabel?: readonly Coded[];
  readonly content?: readonly { readonly attachment: { readonly contentType: string; readonly url: string } }[];
  readonly period?: { readonly start: string };
  readonly [dated: string]: unknown;
}
interface Bundle {
  readonly resourceType: string;
  readonly type: string;
  readonly entry: readonly { readonly fullUrl: string; readonly resource: Resource }[];
}

/** Which record type a resource is, and which of its fields holds the day: the README's table. */
const RESOURCES: Readonly<Record<string, readonly [recordType: string, day: string]>> = {
  Encounter: ["encounters", "period"],
  Appointment: ["appointments", "start"],
  ServiceRequest: ["referrals", "authoredOn"],
  AllergyIntolerance: ["allergies", "recordedDate"],
  MedicationRequest: ["medications", "authoredOn"],
  Condition: ["problems", "recordedDate"],
  Procedure: ["procedures", "performedDateTime"],
  Immunization: ["immunisations", "occurrenceDateTime"],
  Observation: ["investigations", "effectiveDateTime"],
  CarePlan: ["care-plan", "created"],
  DocumentReference: ["", "date"],
};

function readBundle(line: string): Pick<ProviderRecord, "identity" | "pointers"> {
  const { resourceType, type, entry } = JSON.parse(line) as Bundle;
  assert.deepEqual([resourceType, type], ["Bundle", "collection"]);
  const [patient, ...others] = entry;
  const identity = readPatient(patient!.resource);
  return { identity, pointers: others.map((each) => readPointer(each, patient!.fullUrl, identity)) };
}

function readPatient(patient: Resource): IdentityRow {
  assert.equal(patient.resourceType, "Patient");
  const number = patient.identifier.find(({ system }) => system === "https://fhir.nhs.uk/Id/nhs-number");
  const local = patient.identifier.find(({ type }) => type?.coding[0]?.code === "MR");
  assert.equal(local?.value, patient.id);
  const [name, address] = [patient.name?.[0], patient.address?.[0]];
  const [given = "", ...middle] = name?.given ?? [];
  const [line1 = "", line2 = ""] = address?.line ?? [];
  const status = number?.extension?.[0];
  assert.match(status?.url ?? "", /Extension-UKCore-NHSNumberVerificationStatus$/);
  const organisation = patient.managingOrganization?.identifier;
  assert.equal(organisation?.system, "https://fhir.nhs.uk/Id/ods-organization-code");
  return {
    provider: organisation.value ?? "",
    local_id: patient.id,
    nhs_number: number?.value ?? "",
    nhs_number_status: status?.valueCodeableConcept.coding[0]?.code ?? "",
    given_name: given,
    middle_name: middle.join(" "),
    family_name: name?.family ?? "",
    birth_date: patient.birthDate ?? "",
    gender: patient.gender ?? "",
    address_line1: line1,
    address_line2: line2,
    locality: address?.city ?? "",
    postcode: address?.postalCode ?? "",
    phone: patient.telecom?.[0]?.value ?? "",
    recorded_on: (patient.meta?.lastUpdated ?? "").slice(0, 10),
    restricted: String(patient.meta?.security?.[0]?.code === "R"),
  };
}

function readPointer(entry: Bundle["entry"][number], patientUrl: string, identity: IdentityRow): PointerRow {
  const { fullUrl, resource } = entry;
  const [recordType, dayField] = RESOURCES[resource.resourceType] ?? assert.fail(resource.resourceType);
  const about = resource.subject ?? resource.patient ?? resource.participant?.[0]?.actor;
  assert.equal(about?.reference, patientUrl);
  assert.equal(resource.identifier[0]?.value, resource.id);
  const day = dayField === "period" ? resource.period?.start : resource[dayField];
  const document = resource.content?.[0]?.attachment;
  const own = resource.type?.coding.find(({ system }) => system.endsWith("/CodeSystem/record-type"))?.code;
  return {
    provider: identity.provider,
    local_id: identity.local_id,
    record_id: resource.id,
    record_type: own ?? recordType,
    recorded_on: String(day).slice(0, 10),
    format: document?.contentType ?? "application/fhir+json",
    fetch: document?.url ?? fullUrl,
    sensitivity: resource.securityLabel?.[0]?.coding[0]?.code ?? resource.meta?.security?.[0]?.code ?? "",
  };
}

describe("the forms of a population", () => {
  let records: readonly ProviderRecord[];

  before(() => {
    records = [...makePopulation({ topology, seed: 3, people: peopleInAll(topology, 8_000) })];
  });

  /** The text of each file of a form, headers and all. */
  function textsOf(format: Format): string[] {
    const { headers, render } = RENDERINGS[format];
    const rendered = records.map((record) => render(record));
    return headers.map((header, at) => header + rendered.map((texts) => texts[at]).join(""));
  }

  const linesOf = (text: string | undefined): string[] => (text ?? "").trimEnd().split("\n");
  const identities = (): IdentityRow[] => records.map(({ identity }) => identity);
  const pointers = (): PointerRow[] => records.flatMap((record) => record.pointers);

  it("CSV says each fact once, in the columns that a load takes", () => {
    const [identityText, pointerText] = textsOf("csv");
    assert.deepEqual(parse(identityText ?? "", { columns: true }), identities());
    assert.deepEqual(parse(pointerText ?? "", { columns: true }), pointers());
  });

  it("NDJSON says the same, each person before their records", () => {
    const items = linesOf(textsOf("ndjson")[0]).map((line) => JSON.parse(line) as Record<string, unknown>);
    const expected = records.flatMap(({ identity, pointers: own }) => [
      { type: "identity", ...identity, restricted: identity.restricted === "true" },
      ...own.map((pointer) => ({ type: "pointer", ...pointer })),
    ]);
    assert.deepEqual(items, expected);
  });

  it("FHIR says the same, one bundle of at most 64 KiB a line", () => {
    const lines = linesOf(textsOf("fhir")[0]);
    assert.ok(lines.every((line) => Buffer.byteLength(line) <= LINE_BYTES_MAX));
    assert.deepEqual(
      lines.map(readBundle),
      records.map(({ identity, pointers: own }) => ({ identity, pointers: own })),
    );
  });

  it("FHIR gives the national code of a document's type, where there is one", () => {
    let seen = 0;
    for (const line of linesOf(textsOf("fhir")[0])) {
      for (const { resource } of (JSON.parse(line) as Bundle).entry) {
        if (resource.resourceType !== "DocumentReference") continue;
        const [first, second] = resource.type?.coding ?? [];
        const key = (second ?? first)?.code as keyof typeof RECORD_TYPES;
        const { snomed } = RECORD_TYPES[key];
        assert.deepEqual(second === undefined ? "" : first?.code, snomed);
        seen++;
      }
    }
    assert.ok(seen > 5_000);
  });

  it("hold the awkward ones: a missing number, a single name, no address, a comma-free quote-free line", () => {
    const fhir = linesOf(textsOf("fhir")[0]).map(readBundle);
    assert.ok(fhir.some(({ identity }) => identity.nhs_number === "" && identity.nhs_number_status === "03"));
    assert.ok(fhir.some(({ identity }) => identity.given_name === "" && identity.family_name !== ""));
    assert.ok(fhir.some(({ identity }) => identity.postcode === "ZZ99 3VZ" && identity.locality === ""));
  });
});
