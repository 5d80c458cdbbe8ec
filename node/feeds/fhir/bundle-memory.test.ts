import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { about, aPatient, bundleOf, type Resource, TODAY } from "../testing/a-fhir-file.ts";

const MEGABYTE = 1024 * 1024;

/** More than what is held whole, in `make test`; what a hospital might send, in the soak. */
const FILE_BYTES = (process.env["COUNT"] === "full" ? 200 : 24) * MEGABYTE;

/** The process of the reader gets no more than this for its objects: less than a tenth of what the full file would take. */
const HEAP_MEGABYTES = 160;

/** All of the process: the heap, the code, the buffers of a bounded number of bytes. */
const RESIDENT_MEGABYTES_MAX = 420;

const READ = `
  const { readFeedFile } = await import(process.argv[1]);
  let taken = 0, rejected = 0;
  for await (const { parsed } of readFeedFile(process.argv[2], { today: ${JSON.stringify(TODAY)} })) {
    if ("rejected" in parsed) rejected++; else taken++;
  }
  console.log(JSON.stringify({ taken, rejected, residentMegabytes: process.resourceUsage().maxRSS / 1024 }));
`;

/** What belongs to one patient, the patient last: nothing that refers to them can be understood before. */
function entriesOf(patient: number): string {
  const id = `P${patient}`;
  const subject = { reference: `Patient/${id}` };
  const note = [{ text: "Was seen, and went home. ".repeat(40) }];
  const visits = [1, 2, 3].map((each) => ({ ...about("Encounter", { subject, note }), id: `${id}-${each}` }));
  const problems = [1, 2].map((each) => ({ ...about("Condition", { subject, note }), id: `${id}-${each}` }));
  const resources: Resource[] = [...visits, ...problems, aPatient({ id })];
  return JSON.stringify(bundleOf(resources)["entry"], null, 1).slice(1, -1);
}

describe("a FHIR Bundle that is longer than memory", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-long-bundle-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it(`is read in ${HEAP_MEGABYTES} MB of heap: ${FILE_BYTES / MEGABYTE} MB`, async function () {
    this.timeout(600_000);
    const path = join(folder, "long.json");
    const file = openSync(path, "w");
    let bytes = writeSync(file, '{\n"resourceType": "Bundle",\n"type": "collection",\n"entry": [\n');
    let patients = 0;
    for (; bytes < FILE_BYTES; patients++)
      bytes += writeSync(file, `${patients === 0 ? "" : ",\n"}${entriesOf(patients)}`);
    writeSync(file, "]}\n");
    closeSync(file);

    const reader = join(import.meta.dirname, "../read-feed-file.ts");
    const flags = [`--max-old-space-size=${HEAP_MEGABYTES}`, "--input-type=module", "--eval", READ, reader, path];
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    const { taken, rejected, residentMegabytes } = JSON.parse(stdout) as Record<string, number>;
    // Of each patient: the identity, three visits, and one list of problems.
    assert.deepEqual([taken, rejected], [5 * patients, 0]);
    assert.ok(residentMegabytes! <= RESIDENT_MEGABYTES_MAX, `${residentMegabytes} MB resident`);
  });
});
