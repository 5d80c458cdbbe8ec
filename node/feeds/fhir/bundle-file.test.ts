import assert from "node:assert/strict";

import fc from "fast-check";

import { about, aPatient, brief, bundleOf, readText, type Resource, RRK, valuesOf } from "../testing/a-fhir-file.ts";
import { type Part, readBundleFile } from "./bundle-file.ts";
import { FHIR_BYTES_MAX } from "./entries.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function partsOf(text: string, size = 65_536): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const part of readBundleFile(inPieces(Buffer.from(text), size))) parts.push(part);
  return parts;
}

/** What was found, without what the whole is. */
const found = (parts: readonly Part[]): unknown[] =>
  parts.flatMap((part): unknown[] => {
    if (part.kind === "whole") return [];
    if (part.kind !== "entry") return [part];
    const { entry } = part;
    return [
      {
        line: entry.line,
        entry: entry.entry,
        ...("resource" in entry ? { resource: entry.resource } : { rejected: entry.rejected.reason }),
      },
    ];
  });

/** Pads a Bundle so that it is too long to be held whole. */
const long = (entries: readonly string[]): string =>
  `{"resourceType":"Bundle","type":"collection","link":["${"x".repeat(FHIR_BYTES_MAX)}"],\n"entry":[\n${entries.join(",\n")}\n]}`;

const entryOf = (resource: Resource): string => JSON.stringify(bundleOf([resource])["entry"]).slice(1, -1);

describe("a Bundle that fills a file", () => {
  it("comes apart into its entries, however it is laid out and however the bytes arrive", async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const bundle = fc.record({
      before: fc.dictionary(fc.string(), value, { maxKeys: 3 }),
      entries: fc.array(
        fc.record({ fullUrl: fc.string(), resource: fc.dictionary(fc.string(), value, { maxKeys: 4 }) }),
        { maxLength: 6 },
      ),
      after: fc.dictionary(fc.string(), value, { maxKeys: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        bundle,
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom("", " ", "\t"),
        async ({ before, entries, after }, size, indent) => {
          const { entry: _one, resourceType: _two, type: _three, ...others } = { ...before, ...after } as Resource;
          const text = JSON.stringify(
            { ...others, resourceType: "Bundle", type: "collection", entry: entries },
            null,
            indent,
          );
          const resources = (await partsOf(text, size)).flatMap((part) =>
            part.kind === "entry" && "resource" in part.entry ? [part.entry.resource] : [],
          );
          // As JSON says: of "-0" the sign is lost, and a member called __proto__ is one like others.
          assert.deepEqual(
            resources,
            (JSON.parse(text) as { entry: Resource[] }).entry.map(({ resource }) => resource),
          );
        },
      ),
    );
  });

  it("says of each entry its line and place, and loses only what is broken", async () => {
    const text =
      '{"type":"batch",\n "entry": [\n{"resource":{"a":1}},\n 7 ,\n{"resource":{"a":nope}},{"resource":{"a":"]},{"}}\n]\n,"resourceType":"Bundle"}\n';
    assert.deepEqual(found(await partsOf(text, 3)), [
      { kind: "member", name: "type", value: "batch" },
      { line: 3, entry: 0, resource: { a: 1 } },
      { line: 4, entry: 1, rejected: "not a JSON object" },
      { line: 5, entry: 2, rejected: "not a JSON object" },
      { line: 5, entry: 3, resource: { a: "]},{" } },
      { kind: "member", name: "resourceType", value: "Bundle" },
    ]);
  });

  const broken: [what: string, text: string, says: RegExp][] = [
    ["cut off in an entry", '{"resourceType":"Bundle","entry":[{"resource":{"a":1}},{"resource"', /ends before/],
    ["cut off in a text", '{"resourceType":"Bundle","entry":[{"resource":{"a":"1}}]}', /ends before/],
    ["cut off between entries", '{"resourceType":"Bundle","entry":[{"resource":{"a":1}},', /ends before/],
    ["followed by more", '{"resourceType":"Bundle","entry":[]}\n{}', /more after the end/],
  ];
  for (const [what, text, says] of broken) {
    it(`says that it is ${what}`, async () => {
      const faults = (await partsOf(text, 5)).flatMap((part) => (part.kind === "fault" ? [part.reason] : []));
      assert.equal(faults.length, 1);
      assert.match(faults[0] ?? "", says);
    });
  }

  it("of which something is broken gives what is sound", async () => {
    const text = `{\n"resourceType":"Bundle","type":"collection",\n"entry":[\n${entryOf(aPatient())},\n{"resource":nope},\n${entryOf(about("Encounter"))}`;
    const { taken, rejected } = brief(await readText(text, RRK));
    assert.deepEqual(taken, ["identity", "encounters"]);
    assert.deepEqual(rejected, ["Bundle.entry: not a JSON object", ": the file ends before what it holds does"]);
  });

  it("too long to be held whole finds every patient, before and after, and its lists without a day", async () => {
    const problem = entryOf(about("Condition", { recordedDate: "2026-01-01" }));
    const visits = Array.from({ length: 20 }, (_, place) => entryOf({ ...about("Encounter"), id: `E${place}` }));
    const lines = await readText(long([...visits, problem, entryOf(aPatient()), problem]));
    assert.deepEqual(brief(lines), {
      taken: [...visits.map(() => "encounters"), "problems", "identity"],
      rejected: [],
    });
    assert.equal(lines[0]?.line, 3);
    assert.deepEqual(
      lines.slice(0, 20).map((line) => valuesOf(line)["recordId"]),
      visits.map((_, place) => `Encounter/E${place}`),
    );
    assert.equal(valuesOf(lines[20])["recordedOn"], "");
    assert.deepEqual(
      lines.map(({ place }) => place),
      lines.map((_, place) => place),
    );
  });

  it("skips an entry that is too long, without holding it", async () => {
    const huge = `{"resource":{"a":"${"y".repeat(FHIR_BYTES_MAX)}"}}`;
    const { taken, rejected } = brief(await readText(long([entryOf(aPatient()), huge, entryOf(about("Encounter"))])));
    assert.deepEqual(
      [taken, rejected],
      [["identity", "encounters"], [`Bundle.entry: longer than ${FHIR_BYTES_MAX} bytes`]],
    );
  });

  it("says so where there is none, however long it is", async () => {
    const padding = `"text":"${"x".repeat(FHIR_BYTES_MAX)}"`;
    for (const rest of ["", ',"entry":[]', ',"entry":{}', ',"entries":[{}]']) {
      const text = `{\n"resourceType":"Bundle","type":"collection",${padding}${rest}}`;
      assert.deepEqual(brief(await readText(text)).rejected, ["Bundle.entry: there is none"]);
    }
  });

  it("is found though names of its members are escaped", async () => {
    const escaped = (name: string): string =>
      [...name].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
    const padding = `"text":"${"x".repeat(FHIR_BYTES_MAX)}"`;
    const [entry, type, resourceType] = ["entry", "type", "resourceType"].map(escaped);
    const written = (what: string): string =>
      `{\n"${resourceType}":"Bundle","${type}":"${what}",${padding},"${entry}":[${entryOf(aPatient())},${entryOf(about("Encounter"))}]}`;
    assert.deepEqual(brief(await readText(written("batch"))).taken, ["identity", "encounters"]);
    assert.deepEqual(brief(await readText(written("document"))).taken, ["identity"]);
    assert.match(brief(await readText(written("history"))).rejected[0] ?? "", /a history/);
  });

  it("that has rules of its own is not read, however long it is", async () => {
    for (const padding of ["x", "x".repeat(FHIR_BYTES_MAX)]) {
      const bundle = { ...bundleOf([aPatient()]), implicitRules: "https://rules.example", text: padding };
      const { taken, rejected } = brief(await readText(JSON.stringify(bundle, null, 1)));
      assert.deepEqual(taken, []);
      assert.match(rejected.join(), /^modifierExtension: [^,]*\(modifierExtension, implicitRules\)[^,]*, [^,]*$/);
    }
  });

  it("that is labelled as a whole is not read, however long it is; an open label keeps nothing back", async () => {
    const system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    const read = async (meta: unknown, text: string) =>
      brief(await readText(JSON.stringify({ ...bundleOf([aPatient()]), meta, text }, null, 1)));
    for (const padding of ["x", "x".repeat(FHIR_BYTES_MAX)]) {
      for (const meta of [{ security: [{ system, code: "R" }] }, { security: [{ code: "HIV" }] }, { security: "R" }]) {
        const { taken, rejected } = await read(meta, padding);
        assert.deepEqual(taken, []);
        assert.match(rejected.join(), /^Bundle\.meta: has a security label/);
      }
      assert.deepEqual((await read({ security: [{ system, code: "N" }] }, padding)).taken, ["identity"]);
    }
  });

  it("whose labels are too long to be read is not read", async () => {
    const { taken, rejected } = brief(
      await readText(
        JSON.stringify({ meta: { tag: ["x".repeat(FHIR_BYTES_MAX)] }, ...bundleOf([aPatient()]) }, null, 1),
      ),
    );
    assert.deepEqual(taken, []);
    assert.match(rejected.join(), /^Bundle\.meta: /);
  });

  it("that is no Bundle after all is said to be none", async () => {
    const list = { resourceType: "Composition2", entry: [{ resource: { a: 1 } }] };
    assert.match(brief(await readText(JSON.stringify(list, null, 1))).rejected[0] ?? "", /^resourceType: not a kind/);
    assert.match(brief(await readText('{\n"a": nope\n}')).rejected[0] ?? "", /^resourceType: not a FHIR Bundle/);
  });
});
