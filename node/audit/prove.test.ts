import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { proveEntry, verifyProof } from "./prove.ts";
import { addCheckpoint, addEntries, aNoteKey, anAuditLog, LOG_NAME } from "./testing/an-audit-log.ts";

const SIGNED = 300;

describe("the proof of one entry", () => {
  const signer = aNoteKey();
  let dir: string;
  let db: Database;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-prove-"));
    db = anAuditLog(dir, SIGNED);
    addCheckpoint(db, signer);
    addEntries(db, 3);
  });
  after(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });

  const verify = (text: string, key = signer.noteKey) => verifyProof(text, key, []);

  it("shows with a public key alone what was written, and where", () => {
    for (const seq of [1, 2, 255, 256, 257, SIGNED]) {
      const { entry, fault, ...proven } = verify(proveEntry(db, seq));
      assert.equal(fault, undefined, `entry ${seq}`);
      assert.deepEqual(proven, { seq, witnesses: [] });
      assert.equal(entry["request_id"], `request-${seq}`);
    }
  });

  it("is written as C2SP has it", () => {
    const [format, extra, index, hash] = proveEntry(db, 7).split("\n");
    assert.deepEqual([format, index], ["c2sp.org/tlog-proof@v1", "index 6"]);
    assert.match(extra!, /^extra [A-Za-z0-9+/]+=*$/);
    assert.equal(Buffer.from(hash!, "base64").length, 32);
  });

  it("is of no use for anything but what was written, in its place, by that node", () => {
    const proof = proveEntry(db, 7);
    const [format, extra, index, ...rest] = proof.split("\n");
    const changed = Buffer.from(extra!.slice(6), "base64").toString().replace('"user_id":"u-1"', '"user_id":"u-2"');
    assert.ok(changed.includes('"u-2"'));
    const forged = [format, `extra ${Buffer.from(changed).toString("base64")}`, index, ...rest].join("\n");
    assert.equal(verify(forged).fault, "not-in-the-tree");
    assert.equal(verify(proof.replace("index 6", "index 5")).fault, "not-in-the-tree");
    assert.equal(verify(proof.replace("index 6", `index ${SIGNED}`)).fault, "not-in-the-tree");
    assert.equal(verify([format, extra, index, ...rest.slice(1)].join("\n")).fault, "not-in-the-tree");
    assert.equal(verify(proof, aNoteKey(LOG_NAME).noteKey).fault, "checkpoint-not-signed");
    assert.equal(verify(proof, { ...signer.noteKey, name: "other.example/audit" }).fault, "checkpoint-not-signed");
  });

  it("takes no file that is something else, and says nothing of what it holds", () => {
    const proof = proveEntry(db, 7);
    const broken = [
      "",
      "x",
      proof.slice(0, 60),
      proof.replace("extra ", "extra !"),
      proof.replace("index 6", "index -1"),
    ];
    for (const text of [...broken, proof.replace("\n\n", "\nnot a hash\n\n"), `${proof}${"x".repeat(300_000)}`]) {
      assert.throws(
        () => verify(text),
        (thrown: unknown) =>
          thrown instanceof Failure && thrown.code === "invalid-input" && !/u-1/.test(thrown.message),
      );
    }
  });

  it("is there only of what was signed", () => {
    assert.throws(() => proveEntry(db, SIGNED + 1), /has not been signed yet/);
    assert.throws(() => proveEntry(db, SIGNED + 4), /has no entry/);
  });
});
