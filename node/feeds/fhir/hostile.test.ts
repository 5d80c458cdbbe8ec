import assert from "node:assert/strict";

import fc from "fast-check";

import { aPatient, about, bundleOf, coded, NHS_NUMBER, readText, type Resource, RRK } from "../testing/a-fhir-file.ts";

/** Values that no message may carry. */
const CANARY = "Canary-Ω-9990000018";
const CANARY_WORDS = /canary|9990000018|1911-11-11/i;

const RICH: readonly Resource[] = [
  aPatient({
    id: CANARY.slice(0, 8),
    birthDate: "1911-11-11",
    identifier: [{ system: NHS_NUMBER, value: "9990000018" }],
    name: [{ use: "official", family: CANARY, given: [CANARY] }],
    address: [{ line: [CANARY], postalCode: CANARY }],
    telecom: [{ system: "phone", value: CANARY }],
  }),
  about("Encounter", {
    status: "finished",
    class: { code: "EMER" },
    period: { start: "1911-11-11" },
    serviceType: coded(CANARY),
  }),
  about("Condition", { code: coded("52637005"), note: [{ text: CANARY }] }),
  about("Observation", { category: [coded("laboratory")], valueString: CANARY, effectiveDateTime: "1911-11-11" }),
  about("DocumentReference", {
    ...{ status: "current", type: coded("823701000000103"), date: "1911-11-11T00:00:00Z", description: CANARY },
    content: [
      { attachment: { contentType: "text/html", url: `https://records.rrk.example/${CANARY}`, title: CANARY } },
    ],
  }),
  {
    resourceType: "Consent",
    id: "C",
    status: "active",
    patient: { reference: "Patient/P1" },
    scope: coded("patient-privacy"),
    provision: { type: "deny" },
    dateTime: "1911-11-11",
  },
];

/** What stands in the place of a value somewhere in a resource. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    "",
    "\u0000",
    "\u202eabc",
    "\ud800",
    CANARY,
    [],
    {},
    [[]],
    [null],
    [CANARY],
    { a: CANARY },
  ),
  fc.constantFrom<unknown>(
    { reference: CANARY },
    { reference: `Patient/${CANARY}` },
    { coding: CANARY },
    { coding: [null] },
    [{ system: 7, code: {} }],
  ),
  fc.constantFrom<unknown>("Patient", "Bundle", "__proto__", "constructor", "2026-13-45", "x".repeat(5_000)),
  fc.jsonValue({ maxDepth: 4 }),
);

/** A resource in which some values are others, some members are gone, and some have strange names. */
const mutated = (resource: Resource): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.nat(200), fc.constantFrom("replace", "remove", "rename", "add"), strange), {
      minLength: 1,
      maxLength: 4,
    })
    .map((changes) => {
      const copy = JSON.parse(JSON.stringify(resource)) as Resource;
      for (const [at, how, value] of changes) change(copy, at, how, value);
      return JSON.stringify(copy);
    });

function change(resource: Resource, at: number, how: string, value: unknown): void {
  const places: [holder: Record<string, unknown>, name: string][] = [];
  const level: unknown[] = [resource];
  while (level.length > 0) {
    const holder = level.pop();
    if (typeof holder !== "object" || holder === null) continue;
    for (const [name, inner] of Object.entries(holder)) {
      places.push([holder as Record<string, unknown>, name]);
      level.push(inner);
    }
  }
  const [holder, name] = places[at % places.length] ?? [resource, "id"];
  const own = structuredClone(value); // what stands in two places must not hold itself
  if (how === "replace") holder[name] = own;
  else if (how === "remove") Reflect.deleteProperty(holder, name);
  else if (how === "add") holder[`${name}x`] = own;
  else Object.defineProperty(holder, "__proto__", { value: own, enumerable: true, configurable: true, writable: true });
}

function checkWords(lines: Awaited<ReturnType<typeof readText>>): void {
  for (const { parsed, line } of lines) {
    assert.ok(Number.isInteger(line) && line >= 1);
    if (!("rejected" in parsed)) continue;
    const { field, reason } = parsed.rejected;
    assert.ok(reason.length > 0 && !CANARY_WORDS.test(`${field} ${reason}`), `${field} ${reason}`);
    assert.match(field, /^[A-Za-z_0-9.]*$/);
  }
}

describe("hostile FHIR", () => {
  it("never throws and is never quoted, alone or in a Bundle, in one line or over many", async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.tuple(...RICH.map(mutated)), fc.boolean(), async (texts, inLines) => {
        checkWords(await readText(`${texts.join("\n")}\n`, RRK));
        const bundle = bundleOf(texts.map((text) => JSON.parse(text) as Resource));
        checkWords(await readText(JSON.stringify(bundle, null, inLines ? 1 : 0), RRK));
      }),
      { numRuns: 300 },
    );
  });

  it("of broken bytes never throws and is never quoted", async function () {
    this.timeout(60_000);
    const whole = Buffer.from(JSON.stringify(bundleOf(RICH), null, 1));
    const cut = fc.tuple(fc.nat(whole.length), fc.nat(whole.length), fc.uint8Array({ maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(cut, async ([one, other, bytes]) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        // What begins as JSON stays so: other forms are refused as a whole, and elsewhere.
        const text = Buffer.concat([Buffer.from("{\n"), whole.subarray(2, from), bytes, whole.subarray(to)]);
        checkWords(await readText(text, RRK));
      }),
      { numRuns: 200 },
    );
  });

  const odd: [what: string, text: string, says: RegExp][] = [
    [
      "nested without end",
      `{"resourceType":"Encounter","id":"1","a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      /^: nested too deep|^: line is not JSON/,
    ],
    [
      "nested without end, in a Bundle",
      `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter","a":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}}]}`,
      /^: nested too deep|^: line is not JSON/,
    ],
    [
      "a prototype for an id",
      '{"resourceType":"Patient","__proto__":{"id":"P1"},"birthDate":"1980"}',
      /^Patient\.id: /,
    ],
    ["a type by inheritance", '{"resourceType":"__proto__","id":"1"}', /^resourceType: /],
    ["a type that is none", '{"resourceType":["Patient"],"id":"1"}', /^type: not one of/],
    ["an id without end", `{"resourceType":"Patient","id":"${"x".repeat(70)}"}`, /^local_id: longer than 64/],
  ];
  for (const [what, text, says] of odd) {
    it(`is rejected in words: ${what}`, async () => {
      const [line] = await readText(`${text}\n`, RRK);
      assert.ok(line !== undefined && "rejected" in line.parsed, JSON.stringify(line));
      assert.match(`${line.parsed.rejected.field}: ${line.parsed.rejected.reason}`, says);
    });
  }

  it("with a member twice means the last one", async () => {
    const [line] = await readText('{"resourceType":"Patient","id":"P1","id":"P2"}\n', RRK);
    assert.ok(line !== undefined && "values" in line.parsed);
    assert.equal(line.parsed.values.expose().localId, "P2");
  });

  it("keeps no long source, and no source that can be printed by accident", async () => {
    const [line] = await readText(
      `${JSON.stringify(aPatient({ photo: [{ data: "A".repeat(100_000) }], active: false }))}\n`,
    );
    assert.equal(line?.source.expose(), "");
    const [short] = await readText(`${JSON.stringify(aPatient({ active: false, text: CANARY }))}\n`);
    assert.ok(short?.source.expose().includes(CANARY) && !JSON.stringify(short).includes(CANARY));
  });
});
