import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { stringify } from "yaml";

import { initNetwork } from "../../certs/authority.ts";
import { issueNode } from "../../certs/issue.ts";
import { nodeFiles } from "../../certs/layout.ts";
import { readQuarantined } from "../access/quarantine.ts";
import { systemClock } from "../base/clock.ts";
import { rowChecksum } from "../base/row-checksum.ts";
import { readBehind } from "../storage/behind.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import { readStoreId } from "../storage/store-id.ts";
import { keepStore } from "../storage/store-keeper.ts";
import { backupCommand, backupKeyCommand } from "./backup.ts";
import { restoreCommand } from "./restore.ts";

const OBJECTIONS = 500;

describe("corridor backup and restore", function () {
  this.timeout(60_000);
  let certs: string;
  let folder: string;
  let keys: { identity: string; recipients: string };

  before(async () => {
    certs = mkdtempSync(join(tmpdir(), "corridor-backup-certs-"));
    const clock = systemClock;
    await initNetwork(certs, { domain: "backup.corridor.example", collaboratives: ["care"], clock });
    for (const id of ["one", "other"]) await issueNode(certs, { id: `node-${id}`, collaborative: "care", clock });
    keys = await makeKeys("own");
  });
  after(() => rmSync(certs, { recursive: true, force: true }));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-backup-"));
    writeConfig("node-one");
    fill(place("data"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const place = (...names: string[]): string => join(folder, ...names);

  async function makeKeys(name: string): Promise<typeof keys> {
    const [identity, recipients] = [join(certs, `${name}.key`), join(certs, `${name}.pub`)];
    const { code, out } = await run(backupKeyCommand(), identity);
    assert.equal(code, 0);
    assert.equal(statSync(identity).mode & 0o777, 0o600);
    writeFileSync(recipients, `# for the tests\n${out}\n`);
    return { identity, recipients };
  }

  function writeConfig(id: string, name = "node.yaml", dataDir = place("data")): string {
    const { directory } = nodeFiles(certs, id);
    const settings = { id, dataDir, listen: { port: 0 }, certs: { dir: directory }, manifest: "m", topology: "t" };
    writeFileSync(place(name), stringify(settings));
    return place(name);
  }

  const backUp = (...more: string[]) =>
    run(backupCommand(systemClock), "--config", place("node.yaml"), "--to", place("b"), ...more);
  const sealed = () => backUp("--recipients", keys.recipients);
  const restore = (...more: string[]) =>
    run(restoreCommand(systemClock), "--config", place("node.yaml"), "--from", place("b"), ...more);
  const opened = (...more: string[]) => restore("--identity", keys.identity, ...more);

  it("gives everything back, tells what is in it, and leaves no plain copy", async () => {
    const before = contentOf(place("data"));
    const { code, out } = await backUp("--recipients", keys.recipients, "--json");
    assert.equal(code, 0);
    const { manifest, bytes } = JSON.parse(out) as {
      bytes: number;
      manifest: { node: string; files: { name: string; rows?: Record<string, number> }[] };
    };
    assert.equal(bytes, statSync(place("b")).size);
    assert.equal(statSync(place("b")).mode & 0o777, 0o600);
    assert.deepEqual(
      manifest.files.map(({ name }) => name),
      ["index.db", "audit.db", "token.key", "letters.key", "manifest.sequence", "quarantine.json"],
    );
    assert.equal(manifest.files[0]?.rows?.["objection"], OBJECTIONS);
    assert.equal(readFileSync(place("b")).indexOf("RRK-patient"), -1, "encrypted");
    assert.deepEqual(
      readdirSync(place("data")).filter((name) => name.startsWith("backup-")),
      [],
    );

    rmSync(place("data"), { recursive: true });
    const restored = await opened();
    assert.equal(restored.code, 0, restored.err);
    assert.equal(contentOf(place("data")), before);
    assert.equal(readFileSync(place("data", "token.key"), "latin1"), "k".repeat(32));
    assert.equal(statSync(place("data")).mode & 0o777, 0o700);
    for (const name of readdirSync(place("data"))) {
      assert.equal(statSync(place("data", name)).mode & 0o777, 0o600, name);
    }
  });

  it("restores to a store that its keeper takes, noted as behind since the backup", async () => {
    const before = storeIdOf(place("data", "index.db"));
    const beganMs = Date.now();
    await sealed();
    const madeMs = Date.now();
    await opened("--replace");
    const after = storeIdOf(place("data", "index.db"));
    assert.notEqual(after, before, "a load that was under way cannot go on as if nothing were missing");
    const alarms: string[] = [];
    for (const store of ["index", "audit"] as const) {
      const file = place("data", `${store}.db`);
      keepStore(file, store, systemClock, ({ event }) => alarms.push(event)).close();
      const { why, heldToMs = 0, notedMs = 0 } = readBehind(file) ?? {};
      assert.equal(why, "restored");
      assert.ok(heldToMs >= beganMs && heldToMs <= madeMs && notedMs >= madeMs);
    }
    assert.deepEqual(alarms, []);
    const caughtUp = await run(restoreCommand(systemClock), "--config", place("node.yaml"), "--caught-up");
    assert.equal(caughtUp.code, 0);
    assert.equal(readBehind(place("data", "index.db")), undefined);
  });

  function storeIdOf(file: string): string {
    const db = openDatabase(file, { readonly: true });
    try {
      return readStoreId(db);
    } finally {
      db.close();
    }
  }

  it("writes nothing unencrypted unless told so", async () => {
    const refused = await backUp();
    assert.equal(refused.code, 2);
    assert.match(refused.err, /--recipients.*--unencrypted/);
    assert.ok(!existsSync(place("b")));
    const plain = await backUp("--unencrypted");
    assert.match(plain.out, /NOT ENCRYPTED/);
    assert.equal((await restore("--replace")).code, 0);
  });

  it("never writes over a file, and names one in a folder by node and time", async () => {
    writeFileSync(place("b"), "something else");
    assert.match((await sealed()).err, /there already/);
    assert.equal(readFileSync(place("b"), "utf8"), "something else");
    mkdirSync(place("all"));
    const args = ["--config", place("node.yaml"), "--to", place("all"), "--recipients", keys.recipients];
    assert.equal((await run(backupCommand(systemClock), ...args)).code, 0);
    assert.match(readdirSync(place("all"))[0] ?? "", /^node-one-\d{8}T\d{6}Z\.tar\.gz\.age$/);
  });

  it("puts what is there aside, only when told so, and loses nothing of it", async () => {
    await sealed();
    writeFileSync(place("data", "mark"), "was here");
    const refused = await opened();
    assert.equal(refused.code, 2);
    assert.match(refused.err, /not empty.*--replace/);
    assert.equal((await opened("--replace")).code, 0);
    assert.ok(!existsSync(place("data", "mark")));
    const aside = readdirSync(folder).find((name) => name.startsWith("data.replaced-")) ?? "";
    assert.equal(readFileSync(place(aside, "mark"), "utf8"), "was here");
  });

  it("does not take the folder from a node that runs", async () => {
    await sealed();
    const kept = keepStore(place("data", "index.db"), "index", systemClock, () => undefined);
    try {
      const refused = await opened("--replace");
      assert.equal(refused.code, 1);
      assert.match(refused.err, /in use: stop the node/);
    } finally {
      kept.close();
    }
  });

  it("keeps the higher of two manifest sequences", async () => {
    await sealed();
    writeFileSync(place("data", "manifest.sequence"), "99\n", { mode: 0o600 });
    const { out } = await opened("--replace");
    assert.equal(readFileSync(place("data", "manifest.sequence"), "utf8"), "99\n");
    assert.match(out, /sequence 99/);
    writeFileSync(place("data", "manifest.sequence"), "3\n", { mode: 0o600 });
    await opened("--replace");
    assert.equal(readFileSync(place("data", "manifest.sequence"), "utf8"), "41\n");
  });

  it("keeps whom the node does not answer now, and where nothing is there takes the backup's", async () => {
    await sealed();
    const now = '[{"peer":"wm-hw","reason":"now","by":"x","sinceMs":2}]';
    writeFileSync(place("data", "quarantine.json"), now, { mode: 0o600 });
    await opened("--replace");
    assert.equal(readFileSync(place("data", "quarantine.json"), "utf8"), now);
    rmSync(place("data"), { recursive: true });
    await opened();
    assert.deepEqual(readQuarantined(place("data", "quarantine.json")), QUARANTINED);
  });

  describe("restores nothing", () => {
    beforeEach(async () => {
      assert.equal((await sealed()).code, 0);
      rmSync(place("data"), { recursive: true });
    });
    afterEach(() => {
      assert.ok(!existsSync(place("data")), "no data folder was made");
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.includes("restoring")),
        [],
      );
    });

    it("without the key, or with another one", async () => {
      assert.match((await restore()).err, /encrypted: name the secret key/);
      const other = await makeKeys(`other-${Date.now()}`);
      const refused = await restore("--identity", other.identity);
      assert.equal(refused.code, 3);
      assert.match(refused.err, /None of these keys/);
    });

    it("of a backup that was changed or cut short anywhere", async () => {
      const whole = readFileSync(place("b"));
      for (const at of [10, 150, 700, Math.floor(whole.length / 2), whole.length - 3]) {
        const changed = Buffer.from(whole);
        changed[at] = changed[at]! ^ 1;
        writeFileSync(place("b"), changed);
        assert.notEqual((await opened()).code, 0, `byte ${at}`);
        writeFileSync(place("b"), whole);
        truncateSync(place("b"), at);
        assert.notEqual((await opened()).code, 0, `cut at ${at}`);
        writeFileSync(place("b"), whole);
      }
    });

    it("that another node made or signed", async () => {
      const refused = await opened("--signed-by", nodeFiles(certs, "node-other").assertionPublic);
      assert.equal(refused.code, 3);
      assert.match(refused.err, /not signed with this node's/);
      const config = writeConfig("node-other", "other.yaml", place("data"));
      const args = ["--config", config, "--from", place("b"), "--identity", keys.identity];
      const signedBy = nodeFiles(certs, "node-one").assertionPublic;
      const foreign = await run(restoreCommand(systemClock), ...args, "--signed-by", signedBy);
      assert.match(foreign.err, /backup of node-one, not of node-other/);
    });
  });

  it("refuses to back up a store with a damaged row", async () => {
    const db = openDatabase(place("data", "index.db"));
    db.exec("UPDATE objection SET state = 'withdrawn' WHERE objection_no = 7");
    db.close();
    const refused = await sealed();
    assert.equal(refused.code, 1);
    assert.match(refused.err, /Row 7 of objection.*damaged/);
    assert.ok(!existsSync(place("b")));
    assert.deepEqual(
      readdirSync(place("data")).filter((name) => name.startsWith("backup-")),
      [],
    );
  });

  it("removes the plain copies that an earlier backup left when it was killed", async () => {
    mkdirSync(place("data", "backup-999999999.partial"));
    await sealed();
    assert.ok(!existsSync(place("data", "backup-999999999.partial")));
  });
});

/** A node's data folder with something in each of its files. */
function fill(dataDir: string): void {
  for (const store of ["index", "audit"] as const) {
    const db = openStore(join(dataDir, `${store}.db`), store);
    if (store === "index") {
      const add = db.prepare("INSERT INTO objection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
      db.transaction(() => {
        for (let at = 1; at <= OBJECTIONS; at++) {
          const row = [at, at, "RRK", `RRK-patient-${at}`, "received", "2025-01-01", 0, 5];
          add.run(...row, rowChecksum(row));
        }
      })();
    }
    db.close();
  }
  writeFileSync(join(dataDir, "token.key"), "k".repeat(32), { mode: 0o600 });
  writeFileSync(join(dataDir, "letters.key"), "l".repeat(32), { mode: 0o600 });
  writeFileSync(join(dataDir, "manifest.sequence"), "41\n", { mode: 0o600 });
  writeFileSync(join(dataDir, "quarantine.json"), JSON.stringify(QUARANTINED), { mode: 0o600 });
}

const QUARANTINED = [{ peer: "wm-cw", reason: "then", by: "x", sinceMs: 1 }];

function contentOf(dataDir: string): string {
  const db = openDatabase(join(dataDir, "index.db"), { readonly: true });
  const rows = db.prepare("SELECT * FROM objection ORDER BY 1").all();
  db.close();
  return JSON.stringify(rows);
}

interface Runnable {
  parseAsync(args: readonly string[], from: { from: "user" }): Promise<unknown>;
}

/** Runs a command in this process; its words and exit code are caught. */
async function run(command: Runnable, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const { log, error } = console;
  console.log = (text: string) => void (said.out += `${text}\n`);
  console.error = (text: string) => void (said.err += `${text}\n`);
  try {
    await command.parseAsync(args, { from: "user" });
    return { code: Number(process.exitCode ?? 0), ...said, out: said.out.trimEnd() };
  } finally {
    Object.assign(console, { log, error });
    process.exitCode = 0;
  }
}
