import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import Sqlite from "better-sqlite3";

import { nodeFiles } from "../../certs/layout.ts";
import { parseNote } from "../../node/audit/note.ts";
import { EXIT } from "../../node/cli/exit.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ask, claimOf, DOCTOR } from "../testing/asking.ts";
import { run } from "../testing/doors-cli.ts";
import { aPerson } from "../testing/people.ts";

const START_MS = 60_000;
const TEST_MS = 90_000;
/** A checkpoint is signed every ten seconds; a busy machine takes longer. */
const WITNESSED_WITHIN_MS = 60_000;

const AREAS = ["ash", "birch", "cedar"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));

describe("the audit before its witnesses", function () {
  this.timeout(TEST_MS);
  const patient = aPerson(1, "1961-04-12", [{ area: "birch", records: ["discharge-letter"] }]);
  let network: TestNetwork;

  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: ["ash", "birch", "cedar"] }], people: [patient] },
    });
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  /** The newest checkpoint of a node's audit. */
  function newest(nodeId: string): { size: number; seenBy: string[] } | undefined {
    const db = new Sqlite(network.auditPath(nodeId), { readonly: true });
    try {
      const note = db
        .prepare<[], { size: number; note: string }>("SELECT size, note FROM audit_checkpoint ORDER BY size DESC")
        .get();
      if (note === undefined) return undefined;
      return {
        size: note.size,
        seenBy: parseNote(note.note)
          .signatures.slice(1)
          .map(({ name }) => name),
      };
    } finally {
      db.close();
    }
  }

  async function witnessed(nodeId: string): Promise<readonly string[]> {
    for (const until = Date.now() + WITNESSED_WITHIN_MS; Date.now() < until; await sleep(500)) {
      const checkpoint = newest(nodeId);
      if (
        checkpoint !== undefined &&
        checkpoint.size === network.entryCount(nodeId) &&
        checkpoint.seenBy.length === 2
      ) {
        return checkpoint.seenBy.toSorted();
      }
    }
    return [];
  }

  it("is signed as it grows, and both other nodes vouch for it, at the asker and at the holder", async () => {
    await ask(network, patient);
    const [atAsker, atHolder] = await Promise.all([witnessed("ash"), witnessed("birch")]);
    assert.deepEqual(atAsker, ["birch.trial.corridor.example/witness", "cedar.trial.corridor.example/witness"]);
    assert.deepEqual(atHolder, ["ash.trial.corridor.example/witness", "cedar.trial.corridor.example/witness"]);
  });

  it("is verified beside the running node, and by others from a file and public keys alone", async () => {
    const { configPath } = network.mesh.node("ash");
    const own = await run(["audit", "verify", "--config", configPath]);
    assert.equal(own.code, EXIT.done, own.err);
    assert.match(own.out, /birch\.trial\.corridor\.example\/witness saw this at/);

    const file = join(network.folder, "ash.audit.ndjson");
    assert.equal((await run(["audit", "export", "--config", configPath, "--out", file])).code, EXIT.done);
    const { manifest } = network.mesh.paths;
    const key = nodeFiles(network.mesh.paths.certs, "ash").manifestPublic;
    const theirs = ["audit", "verify", "--export", file, "--node", "ash", "--manifest", manifest, "--key", key];
    const elsewhere = await run(theirs);
    assert.equal(elsewhere.code, EXIT.done, elsewhere.err);
    const asAnother = await run(theirs.with(5, "birch"));
    assert.equal(asAnother.code, EXIT.failed);
    rmSync(file);
  });

  async function exported(nodeId: string): Promise<string> {
    const file = join(network.folder, `${nodeId}.audit.ndjson`);
    rmSync(file, { force: true });
    const { configPath } = network.mesh.node(nodeId);
    const ran = await run(["audit", "export", "--config", configPath, "--out", file]);
    assert.equal(ran.code, EXIT.done, ran.err);
    return `${nodeId}=${file}`;
  }

  it("pairs both ends by request, and takes no file that its node did not sign", async () => {
    await ask(network, patient, { via: "birch" });
    await Promise.all(["ash", "birch", "cedar"].map(witnessed));
    const files = await Promise.all(["ash", "birch", "cedar"].map(exported));
    const { manifest } = network.mesh.paths;
    const key = nodeFiles(network.mesh.paths.certs, "ash").manifestPublic;
    const paired = await run(["audit", "reconcile", ...files, "--manifest", manifest, "--key", key]);
    assert.equal(paired.code, EXIT.done, paired.out + paired.err);
    assert.match(paired.out, /^2 questions are at both ends; 0 differences\.$/m);

    const swapped = [files[0]!.replace("ash=", "birch=")];
    const refused = await run(["audit", "reconcile", ...swapped, "--manifest", manifest, "--key", key]);
    assert.equal(refused.code, EXIT.usage);
    assert.match(refused.err, /is not what birch signed/);
  });

  it("says in plain words who looked at a patient, and names users only where it is asked to", async () => {
    const { configPath } = network.mesh.node("birch");
    const report = async (...more: string[]) =>
      run(["audit", "report", "patient", "--config", configPath, ...more], { stdin: patient.nhsNumber });
    const plain = await report();
    assert.equal(plain.code, EXIT.done, plain.err);
    assert.match(
      plain.out,
      /a doctor \(R8000\) at .*; emergency; was answered by this node for care; attendance; 1 records were named/,
    );
    assert.match(plain.out, /It does not cover what was opened inside the systems/);
    for (const text of [plain.out, plain.err]) {
      assert.ok(!text.includes(patient.nhsNumber) && !text.includes(claimOf(DOCTOR).userId));
    }
    assert.ok((await report("--names")).out.includes(claimOf(DOCTOR).userId));
    const csv = (await report("--csv")).out.trim().split("\n");
    assert.match(csv[0]!, /^number,at,what,/);
    assert.equal(csv.length, 3, "asked by ash, and by birch's own user");
    const nobody = aPerson(9, "1950-01-01", []);
    const none = await run(["audit", "report", "patient", "--config", configPath], { stdin: nobody.nhsNumber });
    assert.match(none.out, /^Nothing in this time\.$/m);
    assert.equal(
      (await run(["audit", "report", "patient", "--config", configPath], { stdin: "12345" })).code,
      EXIT.usage,
    );
  });

  it("tells which entry was changed behind the node's back", async () => {
    const node = network.mesh.node("cedar");
    await ask(network, patient, { via: "cedar" });
    await witnessed("cedar");
    await node.process.stop();
    const db = new Sqlite(network.auditPath("cedar"));
    db.exec("DROP TRIGGER audit_log_is_never_changed; UPDATE audit_log SET user_id = 'somebody-else' WHERE seq = 1");
    db.close();
    const verified = await run(["audit", "verify", "--config", node.configPath]);
    assert.equal(verified.code, EXIT.failed);
    assert.match(verified.out, /^entry 1 is not what was written$/m);
  });
});
