import assert from "node:assert/strict";

import { PROTECTED_KIND_REASON } from "../items.ts";
import {
  about,
  aPatient,
  brief,
  bundleOf,
  coded,
  readAlone,
  readBundle,
  readText,
  type Resource,
  SNOMED,
} from "../testing/a-fhir-file.ts";
import { FHIR_BYTES_MAX } from "./entries.ts";
import { isProtectedCoding, PROTECTED_CODES, type ProtectedCode } from "./protected-codes.ts";

const SYSTEMS: Record<ProtectedCode["system"], string> = {
  snomed: SNOMED,
  "icd-10": "http://hl7.org/fhir/sid/icd-10",
  "opcs-4": "https://fhir.hl7.org.uk/CodeSystem/OPCS-4",
  loinc: "http://loinc.org",
  "act-code": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
};

/** SNOMED CT's check digit (Verhoeff): made from the symmetries of a pentagon. */
function hasSnomedCheckDigit(code: string): boolean {
  const times = (one: number, other: number): number => {
    const turned = one < 5 ? (one + (other % 5)) % 5 : (((one - other) % 5) + 5) % 5;
    return one < 5 === other < 5 ? turned : turned + 5;
  };
  const moved = (digit: number, places: number): number => {
    return places === 0 ? digit : moved([1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit]!, places - 1);
  };
  return [...code].reverse().reduce((sum, digit, place) => times(sum, moved(Number(digit), place % 8)), 0) === 0;
}

const nested = (depth: number, value: unknown): unknown => (depth === 0 ? value : [nested(depth - 1, value)]);

/** Laid out over lines, and too long to be held whole. */
const long = (bundle: Resource): string => JSON.stringify({ ...bundle, text: "x".repeat(FHIR_BYTES_MAX) }, null, 1);

const PROTECTED = `record_type: ${PROTECTED_KIND_REASON}`;
const IVF = coded("52637005");

describe("the list of protected codes", () => {
  it("holds SNOMED CT codes with a right check digit, each code once, of every kind", () => {
    assert.ok(
      hasSnomedCheckDigit("73211009") && !hasSnomedCheckDigit("73211008") && !hasSnomedCheckDigit("823701000000100"),
    );
    for (const { system, code } of PROTECTED_CODES) if (system === "snomed") assert.ok(hasSnomedCheckDigit(code), code);
    assert.equal(new Set(PROTECTED_CODES.map(({ system, code }) => `${system}|${code}`)).size, PROTECTED_CODES.length);
    const kinds = new Set(PROTECTED_CODES.map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), ["fertility", "gender-recognition", "sexual-health", "termination"]);
    for (const { source, match } of PROTECTED_CODES) assert.ok(source !== "" && ["exact", "prefix"].includes(match));
  });

  it("is met however a coding writes it", () => {
    const same: [system: unknown, code: unknown][] = [
      [SNOMED, 86_406_008],
      [SNOMED, ["73211009", "86406008"]],
      [SNOMED, Number.MAX_SAFE_INTEGER + 1],
      [SNOMED, "5263 7005"],
      [SNOMED, "\u200b５２６３７００５"],
      ["urn:oid:2.16.840.1.113883.6.96|20250101", "52637005"],
      ["http://id.who.int/icd/release/10", "B20"],
      ["http://id.who.int/icd/release/10/2019", "b20.1"],
      [" http://hl7.org/fhir/sid/icd-10|2016 ", "B20"],
      ["http://hl7.org/fhir/sid/icd-10-cm", "B20 "],
      ["urn:oid:2.16.840.1.113883.6.3", "B20"],
      ["urn:oid:2.16.840.1.113883.6.3|2016", "Z31 .2"],
      ["2.16.840.1.113883.6.90", "B20"],
      ["ICD 10", "G05.1/B20"],
      ["I10", "B20+"],
      ["https://fhir.nhs.uk/Id/OPCS-4", "q13 1"],
      ["urn:oid:2.16.840.1.113883.6.1", "33747-0"],
      ["http://loinc.org|2.77", " 33747-0"],
      ["http://hl7.org/fhir/v3/ActCode", "hiv"],
      ["urn:oid:2.16.840.1.113883.5.4", "HIV"],
      [SNOMED, "52637005"],
      ["https://snomed.info/sct", " 52637005 "],
      [`${SNOMED}/999000041000000102`, "52637005"],
      ["urn:oid:2.16.840.1.113883.6.96", "52637005"],
      [undefined, "52637005"],
      [7, "52637005"],
      ["https://local.example/codes", "52637005"],
      [SNOMED, "52637005 |In vitro fertilization| : 363589002 = 71388002"],
      [SNOMED, "71388002:363589002=52637005"],
      ["http://hl7.org/fhir/sid/icd-10", "Z31.2"],
      ["http://hl7.org/fhir/sid/icd-10-uk", "z312"],
      ["http://hl7.org/fhir/sid/icd-10", "A54.9"],
      [SYSTEMS["opcs-4"], "Q13.1"],
    ];
    for (const [system, code] of same) assert.ok(isProtectedCoding(system, code), `${String(system)} ${String(code)}`);
    const others: [system: unknown, code: unknown][] = [
      [SNOMED, 73_211_009],
      [SNOMED, true],
      [SNOMED, { coding: [] }],
      [undefined, 7],
      ["urn:oid:2.16.840.1.113883.6.35", "B20"],
      ["https://medicdata.example/codes", "B20"],
      [SNOMED, "73211009"],
      [SNOMED, "152637005"],
      ["http://hl7.org/fhir/sid/icd-10", "Z31"],
      ["http://hl7.org/fhir/sid/icd-10", "A48.1"],
      [SYSTEMS["opcs-4"], "Q07.4"],
      ["http://terminology.hl7.org/CodeSystem/v3-ActCode", "EMER"],
      [undefined, "SEX"],
      [undefined, ""],
    ];
    for (const [system, code] of others)
      assert.ok(!isProtectedCoding(system, code), `${String(system)} ${String(code)}`);
  });
});

describe("a record of a legally protected kind", () => {
  for (const { system, code, kind } of PROTECTED_CODES) {
    it(`is not taken: ${system} ${code} (${kind})`, async () => {
      const resource = about("Condition", { code: coded(code, SYSTEMS[system]) });
      assert.deepEqual(brief(await readAlone([resource])), { taken: [], rejected: [PROTECTED] });
    });
  }

  const places: [where: string, resource: Resource][] = [
    ["its code", about("Procedure", { code: IVF })],
    [
      "one of several codings",
      about("Condition", {
        code: {
          coding: [
            { system: SNOMED, code: "73211009" },
            { system: SNOMED, code: "52637005" },
          ],
        },
      }),
    ],
    ["its reason", about("Encounter", { reasonCode: [IVF] })],
    ["its service", about("Encounter", { serviceType: IVF })],
    ["a type", about("Encounter", { type: [coded("11429006"), IVF] })],
    ["its category", about("CarePlan", { category: [IVF] })],
    ["a value", about("Observation", { valueCodeableConcept: IVF })],
    ["a component", about("Observation", { component: [{ code: IVF }] })],
    [
      "a document's type",
      about("DocumentReference", { type: IVF, content: [{ attachment: { url: "https://x.example/1" } }] }),
    ],
    [
      "a document's practice",
      about("DocumentReference", {
        type: coded("823701000000103"),
        context: { practiceSetting: IVF },
        content: [{ attachment: { url: "https://x.example/1" } }],
      }),
    ],
    ["a section", about("Composition", { type: coded("823701000000103"), section: [{ section: [{ code: IVF }] }] })],
    [
      "a contained resource",
      about("MedicationRequest", { contained: [{ resourceType: "Condition", id: "c", code: IVF }] }),
    ],
    [
      "an extension",
      about("Encounter", {
        extension: [{ url: "x", extension: [{ url: "y", valueCoding: { system: SNOMED, code: "52637005" } }] }],
      }),
    ],
    ["a label", about("Encounter", { meta: { security: [{ system: SYSTEMS["act-code"], code: "STD" }] } })],
    ["a medicine's reason", about("MedicationRequest", { reasonCode: [coded("86406008")] })],
    ["a number for a code", about("Condition", { code: { coding: [{ system: SNOMED, code: 86_406_008 }] } })],
    ["an element of another version", about("Condition", { unheardOf: [[{ code: "52637005" }]] })],
    [
      "our own record type",
      about("DocumentReference", {
        type: coded("sexual-health", "https://corridor.example/fhir/CodeSystem/record-type"),
        content: [{ attachment: { url: "https://x.example/1" } }],
      }),
    ],
  ];
  for (const [where, resource] of places) {
    it(`is not taken, wherever it says so: ${where}`, async () => {
      assert.deepEqual(brief(await readAlone([resource])), { taken: [], rejected: [PROTECTED] });
    });
  }

  it("takes with it what refers to it, before or after", async () => {
    const treated = about("Condition", { code: IVF });
    const visit = about("Encounter", { diagnosis: [{ condition: { reference: "Condition/Condition-1" } }] });
    const other = { ...about("Encounter"), id: "other" };
    for (const order of [
      [visit, treated, other],
      [other, treated, visit],
    ]) {
      const { taken, rejected } = brief(await readBundle([aPatient(), ...order]));
      assert.deepEqual(
        [taken, rejected],
        [
          ["identity", "encounters"],
          [PROTECTED, PROTECTED],
        ],
      );
    }
  });

  it("leaves a list its other entries, and gives it no day", async () => {
    const good = about("Condition", { recordedDate: "2020-01-01" });
    const bad = { ...about("Condition", { recordedDate: "2026-01-01", code: IVF }), id: "bad" };
    const lines = await readBundle([aPatient(), bad, good]);
    assert.deepEqual(brief(lines), { taken: ["identity", "problems"], rejected: [PROTECTED] });
    assert.ok(
      !JSON.stringify(lines.map(({ parsed }) => ("values" in parsed ? parsed.values.expose() : ""))).includes(
        "2026-01-01",
      ),
    );
  });

  it("keeps a whole document out", async () => {
    const summary = about("Composition", { type: coded("823701000000103") });
    const { taken, rejected } = brief(
      await readBundle([summary, aPatient(), about("Condition", { code: IVF })], "document"),
    );
    assert.deepEqual(taken, ["identity"]);
    assert.ok(rejected.includes(PROTECTED));
  });

  const unseen: [what: string, part: unknown][] = [
    ["that is nested too deep", { resource: about("Condition", { extension: nested(200, { code: IVF }) }) }],
    ["that is a Patient nested too deep", { resource: aPatient({ id: "P2", extension: nested(200, { code: IVF }) }) }],
    ["that is no resource", { resource: [about("Condition", { code: IVF })] }],
    ["that is nothing", null],
  ];
  const summaryOf = (): Resource => about("Composition", { type: coded("823701000000103") });
  for (const [what, part] of unseen) {
    it(`may be a part ${what}: it keeps a whole document out`, async () => {
      const bundle = bundleOf([summaryOf(), aPatient()], "document");
      const entry = [...(bundle["entry"] as unknown[]), part];
      for (const text of [JSON.stringify({ ...bundle, entry }), long({ ...bundle, entry })]) {
        const { taken, rejected } = brief(await readText(text));
        assert.deepEqual(taken, ["identity"]);
        assert.ok(rejected.includes(PROTECTED));
      }
    });
  }

  it("may stand in what is too long or cut off: it keeps a whole document out", async () => {
    const huge = about("Condition", { note: [{ text: "x".repeat(FHIR_BYTES_MAX) }] });
    const whole = JSON.stringify(bundleOf([summaryOf(), aPatient(), huge], "document"), null, 1);
    for (const text of [whole, whole.slice(0, -20)]) {
      const { taken, rejected } = brief(await readText(text));
      assert.deepEqual(taken, ["identity"]);
      assert.ok(rejected.includes(PROTECTED));
    }
    const cut = JSON.stringify(bundleOf([summaryOf(), aPatient()], "document"), null, 1).slice(0, -2);
    assert.deepEqual(brief(await readText(cut)).taken, ["identity"]);
  });

  it("that is nested too deep takes with it what refers to it", async () => {
    const deep = about("Condition", { extension: nested(200, { code: IVF }) });
    const visit = about("Encounter", { diagnosis: [{ condition: { reference: "Condition/Condition-1" } }] });
    assert.deepEqual(brief(await readBundle([aPatient(), visit, deep])).rejected, [PROTECTED, ": nested too deep"]);
  });

  it("does not keep the patient out", async () => {
    const patient = aPatient({ extension: [{ url: "x", valueCodeableConcept: coded("407376001") }] });
    assert.deepEqual(brief(await readAlone([patient])).taken, ["identity"]);
  });
});
