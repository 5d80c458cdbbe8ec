import assert from "node:assert/strict";

import { Concealed } from "../../base/concealed.ts";
import {
  about,
  aPatient,
  BASE,
  brief,
  bundleOf,
  coded,
  NHS_NUMBER,
  ODS,
  readAlone,
  readBundle,
  readText,
  type Resource,
  RRK,
  TODAY,
  valuesOf,
} from "../testing/a-fhir-file.ts";
import type { Rejected } from "./elements.ts";
import { type FoundResource, makeFind } from "./found.ts";
import { BUNDLE_PATIENTS_MAX, makeDirectory, type PatientKey } from "./references.ts";

const UUID = "urn:uuid:04121321-4af5-424c-a0e1-ed3aab1c349d";
const number = { identifier: [{ system: NHS_NUMBER, value: "9990000018" }] };
const encounter = (subject: unknown, more: Resource = {}): Resource => about("Encounter", { subject, ...more });

const byCode = (value: string) => ({ identifier: { system: ODS, value } });
const reasonOf = (said: PatientKey | Rejected): string => ("rejected" in said ? said.rejected.reason : "");

type Entry = readonly [fullUrl: string, resource: Resource];

async function read(entries: readonly Entry[], sender = RRK) {
  const entry = entries.map(([fullUrl, resource]) => ({ ...(fullUrl !== "" && { fullUrl }), resource }));
  return brief(await readText(JSON.stringify({ resourceType: "Bundle", type: "transaction", entry }), sender));
}

describe("a reference to a patient", () => {
  const patients: [what: string, patient: Entry, subject: unknown][] = [
    ["by the Bundle's own name for it", [UUID, aPatient()], { reference: UUID }],
    ["relative, at the same server", [`${BASE}/Patient/P1`, aPatient()], { reference: "Patient/P1" }],
    ["relative, where the Bundle has its own names", [UUID, aPatient()], { reference: "Patient/P1" }],
    ["relative, without any address", ["", aPatient()], { reference: "Patient/P1" }],
    ["in full", [`${BASE}/Patient/P1`, aPatient()], { reference: `${BASE}/Patient/P1` }],
    ["in full, of a version", [`${BASE}/Patient/P1`, aPatient()], { reference: `${BASE}/Patient/P1/_history/3` }],
    ["by identifier", [UUID, aPatient(number)], { identifier: { system: NHS_NUMBER, value: "9990000018" } }],
    ["by a condition", [UUID, aPatient(number)], { reference: `Patient?identifier=${NHS_NUMBER}|9990000018` }],
    [
      "by a condition, escaped",
      [UUID, aPatient(number)],
      { reference: `Patient?identifier=${encodeURIComponent(`${NHS_NUMBER}|9990000018`)}` },
    ],
  ];
  for (const [what, patient, subject] of patients) {
    it(`is found ${what}, whichever comes first`, async () => {
      const record: Entry = [`${BASE}/Encounter/1`, encounter(subject)];
      assert.deepEqual(await read([patient, record]), { taken: ["identity", "encounters"], rejected: [] });
      assert.deepEqual(await read([record, patient]), { taken: ["encounters", "identity"], rejected: [] });
    });
  }

  it("is found inside its resource, by what identifies it", async () => {
    const contained = [{ resourceType: "Patient", id: "p", ...number }];
    const record = encounter({ reference: "#p" }, { contained });
    assert.deepEqual(
      (
        await read([
          [UUID, aPatient(number)],
          ["", record],
        ])
      ).taken,
      ["identity", "encounters"],
    );
    assert.match((await read([["", record]])).rejected[0] ?? "", /^subject: refers to a patient who is not/);
  });

  it("is read as the source's own id where the patient comes in another line or file", async () => {
    const [line] = await readAlone([encounter({ reference: "Patient/P7" })]);
    assert.deepEqual([valuesOf(line)["provider"], valuesOf(line)["localId"]], ["RRK", "P7"]);
    const inFull = await readAlone([encounter({ reference: `${BASE}/Patient/P7` })]);
    assert.equal(valuesOf(inFull[0])["localId"], "P7");
  });

  const nobody: [what: string, subject: unknown, says: RegExp][] = [
    [
      "of another server: its ids are not ours",
      { reference: "https://fhir.rwp.example/r4/Patient/P1" },
      /not in this Bundle/,
    ],
    [
      "that the Bundle does not hold",
      { reference: "urn:uuid:b3d7f6c4-0000-4000-8000-000000000000" },
      /not in this Bundle/,
    ],
    [
      "by an identifier that nobody has",
      { identifier: { system: NHS_NUMBER, value: "9990000026" } },
      /not in this Bundle/,
    ],
    ["by an identifier without a system", { identifier: { value: "9990000018" } }, /not in this Bundle/],
    ["who is a group", { reference: "Group/1" }, /does not refer to a patient/],
    ["in words only", { display: "Aisha Khan" }, /not in this Bundle/],
    ["empty", { reference: "" }, /does not refer/],
  ];
  for (const [what, subject, says] of nobody) {
    it(`is to nobody: ${what}`, async () => {
      const { taken, rejected } = await read([
        [`${BASE}/Patient/P1`, aPatient(number)],
        [`${BASE}/Encounter/1`, encounter(subject)],
      ]);
      assert.deepEqual(taken, ["identity"]);
      assert.match(rejected[0] ?? "", says);
    });
  }

  it("that may mean two patients means neither", async () => {
    const twins: Entry[] = [
      [`${BASE}/Patient/A`, { ...aPatient(number), id: "A" }],
      [`${BASE}/Patient/B`, { ...aPatient(number), id: "B" }],
    ];
    const { taken, rejected } = await read([...twins, ["", encounter({ identifier: number.identifier[0] })]]);
    assert.deepEqual(taken, ["identity", "identity"]);
    assert.match(rejected[0] ?? "", /more than one patient/);
  });

  it("that may mean three patients means none of them, though one was not kept", async () => {
    const sharing = (id: string, more: Resource = {}): Entry => ["urn:uuid:shared", { ...aPatient(more), id }];
    const inactive = sharing("N", { active: false });
    const three = ["A", "B", "C"].map((id): Entry => [`${BASE}/Patient/${id}`, { ...aPatient(number), id }]);
    const byNumber = encounter({ identifier: number.identifier[0] });
    const byName = encounter({ reference: "urn:uuid:shared" });
    const cases: [Entry[], Resource][] = [
      [three, byNumber],
      [[sharing("A"), sharing("B"), sharing("C")], byName],
      [[sharing("A"), inactive, sharing("C")], byName],
      [[sharing("A"), sharing("B"), inactive, sharing("C")], byName],
    ];
    for (const [several, record] of cases) {
      const { taken, rejected } = await read([...several, ["", record]]);
      assert.ok(!taken.includes("encounters"));
      assert.match(rejected.at(-1) ?? "", /more than one patient/);
    }
  });

  it("to a patient who was not kept keeps its record out too", async () => {
    const { rejected } = await read([
      [UUID, aPatient({ active: false })],
      ["", encounter({ reference: UUID })],
    ]);
    assert.deepEqual(rejected.slice(1), ["subject: its patient was not kept"]);
  });

  it("that comes alone, behind its patient, is not to another provider's patient of the same id", async () => {
    const theirs = aPatient({ id: "7", managingOrganization: byCode("RWP") });
    const visit = encounter({ reference: "Patient/7" });
    for (const sender of [RRK, { provider: "RRK" }]) {
      const { taken, rejected } = brief(await readAlone([theirs, visit], sender));
      assert.deepEqual(taken, []);
      assert.match(rejected[0] ?? "", /^managingOrganization: not the organisation that speaks/);
      assert.equal(rejected[1], "subject: its patient was not kept");
    }
    const lines = await readText(JSON.stringify(bundleOf([visit, theirs])), RRK);
    assert.deepEqual(
      lines.map((line) => valuesOf(line)["provider"]),
      ["RWP", "RWP"],
    );
  });

  it("takes the provider from its patient, and needs one", async () => {
    const lines = await readBundle([aPatient(), encounter({ reference: "Patient/P1" })]);
    assert.equal(valuesOf(lines[1])["provider"], "RRK");
    const { rejected } = brief(await readAlone([encounter({ reference: "Patient/P1" })], { base: BASE }));
    assert.match(rejected[0] ?? "", /^provider: nothing says whose it is/);
  });
});

describe("the organisation of a patient", () => {
  const organisation = (code: string): Entry => [
    `${BASE}/Organization/O`,
    { resourceType: "Organization", id: "O", identifier: [{ system: ODS, value: code }] },
  ];
  const patient: Entry = [`${BASE}/Patient/P1`, aPatient({ managingOrganization: { reference: "Organization/O" } })];
  const record: Entry = [`${BASE}/Encounter/1`, encounter({ reference: "Patient/P1" })];
  const providersOf = async (entries: readonly Entry[]) => {
    const entry = entries.map(([fullUrl, resource]) => ({ fullUrl, resource }));
    const lines = await readText(JSON.stringify({ resourceType: "Bundle", type: "batch", entry }), RRK);
    return lines.flatMap((line) => ("values" in line.parsed ? [valuesOf(line)["provider"]] : []));
  };

  it("is that of their records, wherever in the Bundle it stands", async () => {
    for (const order of [
      [organisation("RWP"), patient, record],
      [patient, record, organisation("RWP")],
      [record, patient, organisation("RWP")],
    ]) {
      assert.deepEqual(await providersOf(order), ["RWP", "RWP"]);
    }
  });

  it("is not known where two organisations of the Bundle may be meant", async () => {
    assert.deepEqual(await providersOf([organisation("RWP"), patient, record, organisation("RXX")]), []);
  });
});

describe("a Bundle with more than a directory holds", () => {
  const found = (fullUrl: string, resource: Resource): FoundResource => {
    const one = makeFind(TODAY, "")({ line: 1, source: new Concealed(""), fullUrl, resource });
    assert.ok("described" in one);
    return one;
  };
  const place = { home: `${BASE}/`, contained: undefined };
  const byNumber = { identifier: { system: NHS_NUMBER, value: "9990000018" } };
  const renamed = (one: FoundResource, name: string): FoundResource => ({ ...one, address: name, fullUrl: name });

  it("knows its first patients, and takes nobody for one of another provider", () => {
    const directory = makeDirectory("RRK");
    const patient = found(`${BASE}/Patient/P1`, aPatient(number));
    directory.add(patient);
    const filler = found(`${BASE}/Patient/P2`, aPatient());
    for (let more = 1; more < BUNDLE_PATIENTS_MAX; more++)
      directory.add(renamed(filler, `${BASE}/Patient/more-${more}`));
    assert.deepEqual(directory.patientOf({ reference: "Patient/P1" }, place), { provider: "RRK", localId: "P1" });
    assert.deepEqual(directory.patientOf(byNumber, place), { provider: "RRK", localId: "P1" });
    const elsewhere = { identifier: [...number.identifier], managingOrganization: byCode("RWP"), id: "P9" };
    directory.add(found(`${BASE}/Patient/P9`, aPatient(elsewhere)));
    assert.match(reasonOf(directory.patientOf({ reference: "Patient/P9" }, place)), /more patients than/);
    assert.match(reasonOf(directory.patientOf(byNumber, place)), /more than one patient/);
    assert.deepEqual(directory.patientOf({ reference: "Patient/P1" }, place), { provider: "RRK", localId: "P1" });
  });

  it("takes what refers to anything for protected", () => {
    const directory = makeDirectory("RRK");
    const one = found(`${BASE}/Condition/C`, about("Condition", { code: coded("52637005") }));
    for (let more = 0; more < 100_000; more++) directory.add(renamed(one, `${BASE}/Condition/${more}`));
    directory.add(one);
    assert.ok(directory.touchesProtected(["Condition/C"], place));
  });

  it("does not take an organisation that it did not keep for the one that speaks", () => {
    const directory = makeDirectory("RRK");
    const one = found(`${BASE}/Organization/O`, { resourceType: "Organization", id: "O", identifier: [] });
    for (let more = 0; more < 100_000; more++) directory.add(renamed(one, `${BASE}/Organization/${more}`));
    assert.equal(directory.senderOf({ reference: "Organization/new" }, place), "");
    assert.equal(directory.senderOf({ reference: "Organization/7" }, place), "RRK");
  });
});

describe("a Bundle", () => {
  it("that is a document is one record, whatever it is made of", async () => {
    const composition = about("Composition", { type: { coding: [{ system: "http://loinc.org", code: "60591-5" }] } });
    const { taken, rejected } = brief(await readBundle([composition, aPatient(), about("Condition")], "document"));
    assert.deepEqual(taken, ["patient-summary", "identity"]);
    assert.deepEqual(rejected, ["Bundle.type: part of a document: the document is the record"]);
  });

  it("says of each entry that is not kept which it is", async () => {
    const bundle = {
      resourceType: "Bundle",
      type: "transaction",
      entry: [
        null,
        {},
        { request: { method: "DELETE", url: "Encounter/1" } },
        { resource: [] },
        { resource: aPatient() },
      ],
    };
    const lines = await readText(`\n${JSON.stringify(bundle)}\n`);
    assert.deepEqual(
      lines.map(({ line, entry }) => [line, entry]),
      [0, 1, 2, 3, 4].map((entry) => [2, entry]),
    );
    assert.deepEqual(brief(lines), {
      taken: ["identity"],
      rejected: [
        "Bundle.entry: not an object",
        "Bundle.entry.resource: missing",
        "Bundle.entry.request.method: not one that brings a resource",
        "Bundle.entry.resource: missing",
      ],
    });
    assert.equal(lines[3]?.source.expose(), '{"resource":[]}');
  });

  it("of a history is not read: its last word is its oldest", async () => {
    assert.match(brief(await readBundle([aPatient()], "history")).rejected[0] ?? "", /^Bundle\.type: a history/);
  });

  it("without entries says so", async () => {
    for (const entry of [undefined, [], {}, "x"]) {
      const lines = await readText(JSON.stringify({ resourceType: "Bundle", type: "searchset", entry }));
      assert.deepEqual(brief(lines).rejected, ["Bundle.entry: there is none"]);
    }
  });

  it("keeps the order of what it says of a patient", async () => {
    const visits = Array.from({ length: 50 }, (_, place) => ({
      ...encounter({ reference: "Patient/P1" }),
      id: `E${place}`,
    }));
    const lines = await readBundle([aPatient(), ...visits]);
    assert.deepEqual(
      lines.slice(1).map((line) => valuesOf(line)["recordId"]),
      visits.map(({ id }) => `Encounter/${id}`),
    );
  });
});
