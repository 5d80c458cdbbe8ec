import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import Sqlite from "better-sqlite3";

import { nodeFiles } from "../../certs/layout.ts";
import { parseNote } from "../../node/audit/note.ts";
import { EXIT } from "../../node/cli/exit.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { ask } from "../testing/asking.ts";
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
