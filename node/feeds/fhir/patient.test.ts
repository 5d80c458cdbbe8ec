import assert from "node:assert/strict";

import { aPatient, brief, NHS_NUMBER, ODS, readAlone, type Resource, valuesOf } from "../testing/a-fhir-file.ts";

const STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const STATUS_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";

const identityOf = async (more: Resource): Promise<Record<string, unknown>> =>
  valuesOf((await readAlone([aPatient(more)]))[0]);
const verified = (url = STATUS): Resource => ({
  extension: [{ url, valueCodeableConcept: { coding: [{ system: STATUS_CODES, code: "01" }] } }],
});

describe("a FHIR Patient", () => {
  it("of UK Core becomes an identity record, as its provider says it", async () => {
    const identity = await identityOf({
      meta: {
        lastUpdated: "2026-03-04T08:00:00Z",
        security: [{ system: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code: "R" }],
      },
      identifier: [
        { ...verified(), system: NHS_NUMBER, value: "9990000018" },
        { system: "https://fhir.rrk.example/mrn", value: "H4071" },
      ],
      name: [
        { use: "maiden", family: "Begum", given: ["Aisha"] },
        { use: "official", family: "O'Brien", given: ["Zoë", "Ann", "May"] },
      ],
      telecom: [
        { system: "email", value: "zoe@example.org" },
        { system: "phone", use: "work", value: "0121 496 0001" },
        { system: "phone", use: "mobile", value: "07700 900738" },
      ],
      address: [
        { use: "old", line: ["9 Past Road"], postalCode: "B1 1AA" },
        { use: "home", line: ["Flat 2", "12 Alma Road"], city: "Birmingham", postalCode: "B82 4QT" },
      ],
    });
    assert.deepEqual(identity, {
      provider: "RRK",
      localId: "P1",
      nhsNumber: "9990000018",
      nhsNumberStatus: "01",
      givenName: "Zoë",
      middleName: "Ann May",
      familyName: "O'Brien",
      birthDate: "1980-05-17",
      gender: "female",
      addressLine1: "Flat 2",
      addressLine2: "12 Alma Road",
      locality: "Birmingham",
      postcode: "B82 4QT",
      phone: "07700 900738",
      recordedOn: "2026-03-04",
      restricted: true,
    });
  });

  const numbers: [what: string, identifier: Resource[], number: string, status: string][] = [
    ["of today", [{ system: NHS_NUMBER, value: "999 000 0018" }], "9990000018", ""],
    ["of STU3 days", [{ system: "http://fhir.nhs.net/Id/nhs-number", value: "9990000018" }], "9990000018", ""],
    ["as an OID", [{ system: "urn:oid:2.16.840.1.113883.2.1.4.1", value: "9990000018" }], "9990000018", ""],
    [
      "whose status stands under an older name",
      [
        {
          ...verified(
            "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1",
          ),
          system: NHS_NUMBER,
          value: "9990000018",
        },
      ],
      "9990000018",
      "01",
    ],
    [
      "that is missing, with a status",
      [
        {
          ...verified(),
          system: NHS_NUMBER,
          extension: [{ url: STATUS, valueCodeableConcept: { coding: [{ code: "07" }] } }],
        },
      ],
      "",
      "07",
    ],
    ["that ended", [{ system: NHS_NUMBER, value: "9990000018", period: { end: "2020-01-01" } }], "", ""],
    [
      "that is old",
      [
        { system: NHS_NUMBER, value: "9990000018", use: "old" },
        { system: NHS_NUMBER, value: "9990000026" },
      ],
      "9990000026",
      "",
    ],
    ["of somebody's local system", [{ system: "https://fhir.rrk.example/mrn", value: "9990000018" }], "", ""],
  ];
  for (const [what, identifier, nhsNumber, nhsNumberStatus] of numbers) {
    it(`with an NHS number ${what} has it so`, async () => {
      const identity = await identityOf({ identifier });
      assert.deepEqual([identity["nhsNumber"], identity["nhsNumberStatus"]], [nhsNumber, nhsNumberStatus]);
    });
  }

  it("may say its number's status in the words of before", async () => {
    const words = [
      ...["number-present-and-verified", "number-present-but-not-traced", "trace-required"],
      ...["trace-attempted-no-match-or-multiple-match-found", "trace-needs-to-be-resolved", "trace-in-progress"],
      ...["number-not-present-trace-not-required", "trace-postponed"],
    ];
    const patientOf = (code: string): Resource => {
      const extension = [
        { url: STATUS, valueCodeableConcept: { coding: [{ system: STATUS_CODES.replace(/England$/, ""), code }] } },
      ];
      return aPatient({ identifier: [{ extension, system: NHS_NUMBER, value: "9990000018" }] });
    };
    const lines = await readAlone(words.map(patientOf));
    assert.deepEqual(
      lines.map((line) => valuesOf(line)["nhsNumberStatus"]),
      ["01", "02", "03", "04", "05", "06", "07", "08"],
    );
    const { taken, rejected } = brief(await readAlone(["verified", "number-present", "09"].map(patientOf)));
    assert.deepEqual([taken, rejected.length], [[], 3]);
  });

  const names: [what: string, name: Resource[], expected: string][] = [
    [
      "usual where there is no official one",
      [
        { use: "nickname", given: ["Zo"] },
        { use: "usual", given: ["Zoë"], family: "Khan" },
      ],
      "Zoë Khan",
    ],
    [
      "that is current, not that of before",
      [
        { use: "official", family: "Begum", period: { end: "2019-05-01" } },
        { use: "official", family: "Khan" },
      ],
      " Khan",
    ],
    [
      "that ends only later",
      [
        { use: "official", family: "Khan", period: { end: "2030-05-01" } },
        { use: "usual", family: "Begum" },
      ],
      " Khan",
    ],
    ["of before, where that is all", [{ use: "maiden", family: "Begum", given: [null, "Aisha"] }], "Aisha Begum"],
    ["nowhere", [{ use: "anonymous", family: "Nobody" }], " "],
  ];
  for (const [what, name, expected] of names) {
    it(`goes by the name ${what}`, async () => {
      const { givenName, familyName } = await identityOf({ name });
      assert.equal(`${String(givenName)} ${String(familyName)}`, expected);
    });
  }

  it("lives at home, for a while elsewhere, and never where they lived before", async () => {
    const at = async (...address: Resource[]) => (await identityOf({ address }))["addressLine1"];
    assert.equal(await at({ use: "temp", line: ["1 Ward"] }, { use: "home", line: ["2 Home Road"] }), "2 Home Road");
    assert.equal(await at({ use: "temp", line: ["1 Ward"] }), "1 Ward");
    assert.equal(await at({ use: "old", line: ["3 Past Road"] }), "");
    assert.equal(await at({ use: "home", line: ["3 Past Road"], period: { end: "2024-01-01" } }), "");
    assert.equal(await at({ use: "work", line: ["4 Office Road"] }), "");
    assert.equal(await at({ text: "5 Text Road\nBirmingham" }), "5 Text Road");
  });

  it("may have a birth date of a year or a month only", async () => {
    assert.equal((await identityOf({ birthDate: "1980" }))["birthDate"], "1980");
    assert.equal((await identityOf({ birthDate: undefined }))["birthDate"], "");
  });

  it("is sent by the organisation that it names, else by the one that speaks", async () => {
    const sentBy = async (more: Resource, provider?: string) => {
      const lines = await readAlone([aPatient(more)], provider === undefined ? {} : { provider });
      const [line] = lines;
      return line !== undefined && "values" in line.parsed ? valuesOf(line)["provider"] : brief(lines).rejected[0];
    };
    const organization = (system: string): Resource => ({
      managingOrganization: { identifier: { system, value: "RWP" } },
    });
    assert.equal(await sentBy(organization(ODS), "RWP"), "RWP");
    assert.equal(await sentBy(organization("https://fhir.nhs.uk/Id/ods-organisation-code")), "RWP");
    assert.equal(await sentBy(organization("https://fhir.nhs.uk/Id/ods-site-code"), "RRK"), "RRK");
    // What comes alone refers to patients by id only, and those are the speaker's.
    assert.match(String(await sentBy(organization(ODS), "RRK")), /^managingOrganization: not the organisation that/);
    const contained = [{ resourceType: "Organization", id: "o", identifier: [{ system: ODS, value: "RWP" }] }];
    assert.equal(await sentBy({ contained, managingOrganization: { reference: "#o" } }), "RWP");
    assert.match(String(await sentBy({ managingOrganization: undefined })), /^provider: nothing says whose it is/);
  });

  it("without an id goes by its source's own number", async () => {
    const mrn = { type: { coding: [{ code: "MR" }] }, system: "https://fhir.rrk.example/mrn", value: "H4071" };
    const identifier = [
      { system: NHS_NUMBER, value: "9990000018" },
      { system: "https://fhir.rrk.example/x", value: "X" },
      mrn,
    ];
    assert.equal((await identityOf({ id: undefined, identifier }))["localId"], "H4071");
  });

  const refused: [what: string, more: Resource, field: string][] = [
    ["merged into another", { link: [{ type: "replaced-by", other: { reference: "Patient/P2" } }] }, "Patient.link"],
    ["no longer in use", { active: false }, "Patient.active"],
    ["without any id", { id: undefined }, "Patient.id"],
    [
      "with two NHS numbers",
      {
        identifier: [
          { system: NHS_NUMBER, value: "9990000018" },
          { system: NHS_NUMBER, value: "9990000026" },
        ],
      },
      "Patient.identifier",
    ],
    ["with an NHS number that is none", { identifier: [{ system: NHS_NUMBER, value: "9990000019" }] }, "nhs_number"],
    ["born tomorrow", { birthDate: "2026-11-23" }, "birth_date"],
    ["of an unknown gender", { gender: "F" }, "gender"],
    ["with a name of another shape", { name: { family: "Khan" } }, "Patient.name"],
    ["with a number for a name", { name: [{ family: 7 }] }, "Patient.name.family"],
    ["with a NUL in a name", { name: [{ family: "Kh\u0000an" }] }, "family_name"],
    ["with a mark that turns text", { name: [{ given: ["Ai\u202esha"] }] }, "given_name"],
    [
      "of STU3",
      { meta: { profile: ["https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1"] } },
      "meta.profile",
    ],
  ];
  for (const [what, more, field] of refused) {
    it(`${what} is not taken, and the field is named`, async () => {
      const [line] = await readAlone([aPatient(more)]);
      assert.ok(line !== undefined && "rejected" in line.parsed, JSON.stringify(line));
      assert.equal(line.parsed.rejected.field, field);
    });
  }
});
