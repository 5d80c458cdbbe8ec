import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { openDatabase } from "../node/storage/database.ts";
import { CORRIDOR, type DoorNetwork, type DoorNode, makeDoorNetwork, PROVIDER } from "./testing/doors-network.ts";
import { findFreePorts } from "./testing/free-ports.ts";

/** What `corridor load --json` prints. */
interface Report {
  readonly read: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly waiting: number;
  readonly reasons: readonly { readonly field: string; readonly reason: string; readonly count: number }[];
}

/** A folder of FHIR R4 resources and Bundles, one a file, such as the package `hl7.fhir.r4.examples` unpacked. */
const SAMPLE = process.env["CORRIDOR_FHIR_SAMPLE"];
const WHY_NOT = SAMPLE === undefined ? " (skipped since CORRIDOR_FHIR_SAMPLE names no folder of FHIR R4 examples)" : "";

/** What became of HL7's own examples, of the packages named, when each reason was looked at. */
const KNOWN: Readonly<Record<string, Pick<Report, "read" | "accepted" | "rejected" | "waiting">>> = {
  "hl7.fhir.r4.examples 4.0.1": { read: 18_123, accepted: 139, rejected: 17_984, waiting: 10 },
};

describe("a FHIR sample that was not written here", function () {
  this.timeout(180_000);
  let network: DoorNetwork;
  let node: DoorNode;
  before(async () => {
    network = await makeDoorNetwork();
  });
  after(async () => {
    await node?.stop();
    network?.remove();
  });

  (SAMPLE === undefined ? it.skip : it)(`loads, and of each that is not kept it is said why${WHY_NOT}`, async () => {
    const port = await findFreePorts(1);
    writeFileSync(network.configPath, readFileSync(network.configPath, "utf8").replace("port: 0", `port: ${port}`));
    node = await network.start();
    const path = join(network.dir, "sample.ndjson");
    const resources = readSample(SAMPLE!);
    writeFileSync(path, resources.map((resource) => `${JSON.stringify(resource)}\n`).join(""));
    const to = ["--via", `https://127.0.0.1:${port}`, "--certs", network.callerDir("feed"), "--json"];
    const from = ["--provider", PROVIDER, "--fhir-base", "https://fhir.raa.example/r4"];
    const { stdout } = await promisify(execFile)(CORRIDOR, ["load", path, ...to, ...from]);

    const report = JSON.parse(stdout) as Report;
    const { read, accepted, rejected, waiting } = report;
    console.log(`      ${resources.length} resources: ${JSON.stringify({ read, accepted, rejected, waiting })}`);
    for (const { field, reason, count } of report.reasons) console.log(`      ${count} ${field}: ${reason}`);
    assert.ok(accepted > 0);
    assert.equal(accepted + rejected, read);
    const told = readFileSync(`${path}.rejects.ndjson`, "utf8").trimEnd().split("\n");
    assert.equal(told.length, rejected);
    assert.equal(
      report.reasons.reduce((sum, { count }) => sum + count, 0),
      rejected,
    );
    assert.equal(await node.stop(), 0, "it bore all of it");
    const db = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
    const count = (table: string): number => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    const [identities, pointers, objections] = ["identity_record", "pointer", "objection"].map(count);
    console.log(`      ${identities} identities, ${pointers} pointers, ${objections} objections`);
    db.close();
    assert.ok(pointers! > 0);
    const known = KNOWN[nameOf(SAMPLE!)];
    if (known !== undefined) assert.deepEqual({ read, accepted, rejected, waiting }, known);
  });
});

/** Every resource below a folder, in the order of the file names. */
function readSample(folder: string): { readonly resourceType: string }[] {
  return globSync("**/*.json", { cwd: folder })
    .toSorted()
    .map((name) => JSON.parse(readText(join(folder, name))) as { resourceType?: unknown })
    .filter((each): each is { readonly resourceType: string } => typeof each.resourceType === "string");
}

/** Without the mark that some editors begin a file with. */
function readText(path: string): string {
  return readFileSync(path, "utf8").replace(/^\ufeff/, "");
}

/** `name version` of the package that a sample comes from. */
function nameOf(folder: string): string {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return "";
  const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name: string; version: string };
  return `${name} ${version}`;
}
