import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { exportLog, verifyExport } from "./export-log.ts";
import { addCheckpoint, addEntries, aNoteKey, anAuditLog } from "./testing/an-audit-log.ts";

describe("an exported audit", () => {
  const signer = aNoteKey();
  let dir: string;
  let db: Database;
  let lines: string[];

  before(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-export-"));
    db = anAuditLog(dir, 1_200);
    addCheckpoint(db, signer);
    addEntries(db, 5);
    lines = [...exportLog(db)];
  });
  after(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });

  const fault = async (changed: readonly string[], key = signer.noteKey) =>
    (await verifyExport(changed, key, [])).fault;

  it("is borne out by keys alone, up to where the node signed", async () => {
    assert.deepEqual(await verifyExport(lines, signer.noteKey, []), {
      ...{ entries: 1_200, erased: 0, witnesses: [], fault: undefined },
    });
  });

  it("may be written anew with its keys in another order: what counts is what it says", async () => {
    const reordered = lines.map((line, at) => {
      if (at === 0) return line;
      const { entry, ...rest } = JSON.parse(line) as { entry: Record<string, unknown> };
      return JSON.stringify({ entry: Object.fromEntries(Object.entries(entry).toReversed()), ...rest });
    });
    assert.equal(await fault(reordered), undefined);
  });

  it("is not borne out where anything was changed, taken out, put in or cut off", async () => {
    assert.equal(await fault(lines.with(7, lines[7]!.replace("none-held", "objected"))), "checkpoint-contradicted");
    assert.equal(await fault(lines.with(7, lines[7]!.replace(/"salt":"./, '"salt":"Z'))), "checkpoint-contradicted");
    assert.equal(await fault(lines.slice(0, -1)), "log-cut-short");
    assert.equal(await fault(lines, aNoteKey().noteKey), "checkpoint-not-signed");
    await assert.rejects(fault(lines.toSpliced(7, 1)), /Line 8 .*entry 7 is not there/);
    await assert.rejects(fault(lines.toSpliced(7, 0, lines[7]!)), Failure);
  });

  it("says which line cannot be read, and nothing that stands in it", async () => {
    const broken: readonly string[][] = [
      [],
      ["{}"],
      lines.with(3, "9434765919"),
      lines.with(3, "{"),
      lines.with(3, '{"seq":3}'),
    ];
    for (const each of broken) {
      await assert.rejects(
        fault(each),
        (thrown) =>
          thrown instanceof Failure && /^Line \d+ /.test(thrown.message) && !thrown.message.includes("9434765919"),
      );
    }
  });
});
