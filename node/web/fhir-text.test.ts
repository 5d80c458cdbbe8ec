import assert from "node:assert/strict";

import fc from "fast-check";

import { fhirText } from "./fhir-text.ts";

describe("the text of a FHIR resource", () => {
  const bundle = (...resources: object[]): string =>
    JSON.stringify({ resourceType: "Bundle", entry: resources.map((resource) => ({ resource })) });
  const div = (text: string) => ({ text: { div: `<div>${text}</div>` } });

  it("is a document's sections, in their order, however deep", () => {
    const section = [{ title: "Allergies", ...div("Penicillin"), section: [{ title: "Inner", ...div("Since 1990") }] }];
    const text = fhirText(
      bundle({ resourceType: "Composition", title: "Summary", section }, { resourceType: "Patient" }),
    );
    assert.equal(text, "<h2>Summary</h2><h2>Allergies</h2><div>Penicillin</div><h2>Inner</h2><div>Since 1990</div>");
  });

  it("is the narratives of the resources where there are no sections", () => {
    assert.equal(fhirText(bundle({ resourceType: "Condition", ...div("Asthma") })), "<div>Asthma</div>");
  });

  it("is what is coded, escaped, where nobody wrote a text, and says that nobody did", () => {
    const coded = {
      resourceType: "AllergyIntolerance",
      code: { coding: [{ display: "<b>Nuts" }] },
      criticality: "high",
    };
    const text = fhirText(bundle(coded)) ?? "";
    assert.match(text, /no text of its own/);
    assert.ok(text.includes("<li>AllergyIntolerance: &lt;b>Nuts: high</li>"));
  });

  it("is none of what is no resource, and never an error", () => {
    for (const odd of ["", "[]", "null", "{}", '{"resourceType":1}']) assert.equal(fhirText(odd), undefined);
    fc.assert(
      fc.property(fc.json(), (json) => {
        fhirText(json);
        fhirText(`{"resourceType":"Bundle","entry":[{"resource":${json}}],"section":${json}}`);
      }),
    );
  });
});
