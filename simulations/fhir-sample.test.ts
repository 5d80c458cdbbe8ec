import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { PROTECTED_KIND_REASON } from "../node/feeds/items.ts";
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

const SAMPLE = fileURLToPath(new URL("testing/fhir-sample/hl7-fhir-r4-examples.ndjson", import.meta.url));

describe("a FHIR sample that was not written here", function () {
  this.timeout(60_000);
  let network: DoorNetwork;
  let node: DoorNode;
  before(async () => {
    network = await makeDoorNetwork();
  });
  after(async () => {
    await node?.stop();
    network?.remove();
  });

  it("loads: HL7's own examples of FHIR R4, and of each that is not kept it is said why", async () => {
    const port = await findFreePorts(1);
    writeFileSync(network.configPath, readFileSync(network.configPath, "utf8").replace("port: 0", `port: ${port}`));
    node = await network.start();
    const path = join(network.dir, "sample.ndjson");
    cpSync(SAMPLE, path);
    const to = ["--via", `https://127.0.0.1:${port}`, "--certs", network.callerDir("feed"), "--json"];
    const from = ["--provider", PROVIDER, "--fhir-base", "https://fhir.raa.example/r4"];
    const { stdout } = await promisify(execFile)(CORRIDOR, ["load", path, ...to, ...from]);

    const report = JSON.parse(stdout) as Report;
    assert.deepEqual([report.read, report.accepted, report.rejected, report.waiting], [266, 111, 155, 10]);
    const reasons = report.reasons.map(({ field, reason, count }) => [count, field === "" ? reason : field]);
    assert.deepEqual(reasons.slice(0, 4), [
      [66, "resourceType"],
      [15, "subject"],
      [10, "Observation"],
      [9, "Bundle.entry.resource"],
    ]);
    assert.equal(report.reasons.find(({ reason }) => reason === PROTECTED_KIND_REASON)?.count, 1);
    const told = readFileSync(`${path}.rejects.ndjson`, "utf8").trimEnd().split("\n");
    assert.equal(told.length, 155);

    const db = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
    const pointers = db
      .prepare<[], [string, number]>("SELECT record_type, count(*) FROM pointer GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 4")
      .raw();
    assert.deepEqual(pointers.all(), [
      ["referrals", 13],
      ["encounters", 11],
      ["care-plan", 8],
      ["investigations", 7],
    ]);
    // What refers to patients who are not in the sample waits for them; what comes in two places is there once.
    const count = (table: string): unknown => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    assert.deepEqual(["identity_record", "pointer", "objection"].map(count), [31, 63, 1]);
    db.close();
  });
});
