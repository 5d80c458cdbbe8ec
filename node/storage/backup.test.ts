import assert from "node:assert/strict";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { copyStore, examineStore } from "./backup.ts";
import { openStore } from "./database.ts";

const ROWS = 4_000;
const PAGE_BYTES = 4_096;

describe("a copy of a store", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "corridor-copy-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is of one moment, and comes to an end, though the store is written to all the while", async () => {
    const [file, to] = [join(folder, "index.db"), join(folder, "copy.db")];
    const writer = openStore(file, "index");
    const add = writer.prepare("INSERT INTO outbox (kind, key, payload) VALUES ('k', ?, ?)");
    writer.transaction(() => {
      for (let at = 0; at < ROWS; at++) add.run(String(at), "x".repeat(4_000));
    })();
    let parts = 0;
    await copyStore(file, to, () => {
      assert.ok(++parts < 100, "it begins anew for ever");
      add.run(`later-${parts}`, "x".repeat(4_000));
    });
    assert.ok(parts > 2, "it took several steps");
    writer.close();
    const { rows, bytes } = await examineStore(to, "index");
    assert.equal(rows["outbox"], ROWS);
    assert.equal(bytes, statSync(to).size);
    assert.equal(statSync(to).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${to}-wal`));
  });

  it("is refused where one of its pages or rows is damaged, or it is another store's", async () => {
    const file = join(folder, "index.db");
    const db = openStore(file, "index");
    db.exec("INSERT INTO objection VALUES (1, 1, 'RRK', 'O1', 'received', '2025-01-01', 0, 5, 12345)");
    db.close();
    await assert.rejects(examineStore(file, "index"), /Row 1 of objection .* damaged/);
    await assert.rejects(examineStore(file, "audit"), /not the audit store/);
    const fd = openSync(file, "r+");
    writeSync(fd, Buffer.alloc(64, 0xff), 0, 64, 3 * PAGE_BYTES);
    closeSync(fd);
    await assert.rejects(examineStore(file, "index"), /damaged/);
  });
});
