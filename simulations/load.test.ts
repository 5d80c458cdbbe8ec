import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Database } from "better-sqlite3";

import { systemClock } from "../node/base/clock.ts";
import { BirthDate } from "../node/base/birth-date.ts";
import { NhsNumber } from "../node/base/nhs-number.ts";
import type { Claim } from "../node/base/question.ts";
import { seededRandom } from "../node/base/random.ts";
import type { OrganisationCode } from "../node/base/words.ts";
import { openDatabase } from "../node/storage/database.ts";
import { connectCaller } from "../node/wire/caller-client.ts";
import { numberAt } from "./bench/people.ts";
import { CORRIDOR, type DoorNetwork, type DoorNode, PROVIDER, makeDoorNetwork } from "./testing/doors-network.ts";
import { findFreePorts } from "./testing/free-ports.ts";

const SEED = 20_261_122;
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** A feed of patients with three records each; every 50th line is wrong. */
interface Feed {
  readonly path: string;
  readonly lines: number;
  readonly identities: number;
  readonly pointers: number;
  /** Numbers of the lines that cannot be kept. */
  readonly wrong: readonly number[];
}

function writeFeed(path: string, patients: number, fromPlace: number): Feed {
  const lines: string[] = [];
  const wrong: number[] = [];
  let identities = 0;
  for (let place = fromPlace; identities < patients; place++) {
    const nhsNumber = numberAt(place);
    if (nhsNumber === undefined) continue;
    identities++;
    const id = { provider: PROVIDER, local_id: `L${place}` };
    lines.push(JSON.stringify({ ...identityOf(nhsNumber), ...id }));
    for (let n = 0; n < 3; n++) lines.push(JSON.stringify({ ...POINTER, ...id, record_id: `R${place}-${n}` }));
    if (lines.length % 50 < 4) wrong.push(lines.push(JSON.stringify({ ...POINTER, ...id, record_type: "gossip" })));
  }
  writeFileSync(path, `${lines.join("\n")}\n`);
  return { path, lines: lines.length, identities, pointers: 3 * identities, wrong };
}

const identityOf = (nhsNumber: string) => ({
  ...{ type: "identity", nhs_number: nhsNumber, nhs_number_status: "01", given_name: "Ada", middle_name: "" },
  ...{ family_name: "Lovelace", birth_date: "1960-02-03", gender: "female", address_line1: "1 Mill Lane" },
  ...{ address_line2: "", locality: "Nowhere", postcode: "ZZ99 3WZ", phone: "", recorded_on: "2024-01-01" },
  restricted: false,
});
const POINTER = {
  ...{ type: "pointer", record_type: "discharge-letter", recorded_on: "2025-01-02", format: "application/pdf" },
  ...{ fetch: "https://records.example/d/1", sensitivity: "N" },
};

describe("a load that is disturbed", function () {
  this.timeout(120_000);
  let network: DoorNetwork;
  let port: number;
  let node: DoorNode;
  let reader: Database;
  let dir: string;
  let nextPlace = 0;
  const children: ChildProcess[] = [];

  before(async () => {
    network = await makeDoorNetwork();
    port = await findFreePorts(1);
    const settings = readFileSync(network.configPath, "utf8").replace("port: 0", `port: ${port}`);
    writeFileSync(network.configPath, settings);
    dir = join(network.dir, "feeds");
    mkdirSync(dir);
    node = await network.start();
    reader = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    reader?.close();
    await node?.stop();
    network?.remove();
  });

  const aFeed = (name: string, patients: number): Feed => {
    const feed = writeFeed(join(dir, name), patients, nextPlace);
    nextPlace += 2 * patients;
    return feed;
  };
  const count = (sql: string): number => Number(reader.prepare(sql).pluck().get());
  const itemsKept = (): number =>
    count("SELECT (SELECT count(*) FROM identity_record) + (SELECT count(*) FROM pointer)");
  const asOf = (): number => count(`SELECT coalesce(max(as_of_ms), 0) FROM feed_state WHERE provider = '${PROVIDER}'`);

  function load(path: string, ...more: string[]) {
    const url = `https://127.0.0.1:${port}`;
    const args = ["load", path, "--via", url, "--certs", network.callerDir("feed"), "--json", ...more];
    const child = spawn(CORRIDOR, args, { stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.once("close", (code) => resolve({ code, out, err }));
    });
    return { child, ended };
  }

  /** Waits until so many items are durable at the node, or the load has ended. */
  async function untilKept(items: number, ended: Promise<unknown>): Promise<void> {
    let over = false;
    void ended.then(() => (over = true));
    while (!over && itemsKept() < items) await sleep(5);
  }

  /** The summary of a load that ended well: everything once, nothing twice, every wrong line told once. */
  function checkWhole(feed: Feed, before: number, ran: { code: number | null; out: string; err: string }) {
    assert.equal(ran.code, EXIT.done, ran.err);
    const { read, accepted, rejected, waiting, resumedAt } = JSON.parse(ran.out) as Record<string, unknown>;
    assert.deepEqual(
      { read, accepted, rejected, waiting },
      {
        ...{ read: feed.lines, accepted: feed.identities + feed.pointers, rejected: feed.wrong.length, waiting: 0 },
      },
    );
    assert.equal(itemsKept() - before, feed.identities + feed.pointers);
    assert.equal(count("SELECT count(*) FROM identity_record WHERE version > 1"), 0, "nothing was written twice");
    const told = readFileSync(`${feed.path}.rejects.ndjson`, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      told.map((line) => (JSON.parse(line) as { line: number }).line),
      feed.wrong,
    );
    assert.ok(!existsSync(`${feed.path}.progress.json`), "nothing is left to go on with");
    return resumedAt;
  }

  it("loses nothing, doubles nothing and finishes once, however often the command is killed", async () => {
    const { fraction } = seededRandom(SEED);
    const feed = aFeed("killed.ndjson", 6_000);
    const [before, asOfBefore] = [itemsKept(), asOf()];
    const items = feed.identities + feed.pointers;
    for (let kill = 1; kill <= 3; kill++) {
      const { child, ended } = load(feed.path);
      await untilKept(before + (items * (kill - 1 + fraction())) / 4, ended);
      await sleep(600 * fraction());
      child.kill("SIGKILL");
      assert.equal((await ended).code, null);
      assert.equal(asOf(), asOfBefore, "a load that broke off makes no feed look fresh");
      const progress = `${feed.path}.progress.json`;
      if (existsSync(progress)) assert.equal(statSync(progress).mode & 0o777, 0o600);
    }
    const ran = await load(feed.path).ended;
    const resumedAt = checkWhole(feed, before, ran) as { read: number; line: number } | null;
    assert.ok(resumedAt !== null && resumedAt.read > 0 && resumedAt.line > 0, "it did not begin anew");
    assert.match(ran.err, /Going on after line \d+ of /);
    assert.ok(asOf() > asOfBefore);
  });

  it("outlives the node being killed, and what was acknowledged is there", async () => {
    const { fraction } = seededRandom(SEED + 1);
    const feed = aFeed("outlived.ndjson", 6_000);
    const before = itemsKept();
    const { ended } = load(feed.path);
    for (let kill = 0; kill < 2; kill++) {
      await untilKept(before + ((feed.identities + feed.pointers) * (kill + fraction())) / 3, ended);
      await node.kill();
      node = await network.start();
    }
    const ran = await ended;
    assert.equal(checkWhole(feed, before, ran), null);
    assert.match(ran.err, /Trying again in \d+ s/);
  });

  it("stops in order at Ctrl-C, says how to go on, and goes on", async () => {
    const feed = aFeed("stopped.ndjson", 5_000);
    const before = itemsKept();
    const { child, ended } = load(feed.path);
    await untilKept(before + 3_000, ended);
    child.kill("SIGINT");
    const stopped = await ended;
    assert.equal(stopped.code, EXIT.failed);
    assert.match(stopped.err, /Stopped after line \d+ of .*; \d+ items are durable\. Run the same command to go on\./);
    const durable = Number(/; (\d+) items are durable/.exec(stopped.err)?.[1]);
    assert.equal(durable, itemsKept() - before, "what it says is durable is what is there");
    const resumedAt = checkWhole(feed, before, await load(feed.path).ended);
    assert.ok(resumedAt !== null);
  });

  it("begins anew, and says why, where the file has changed or it is told to", async () => {
    const feed = aFeed("changed.ndjson", 5_000);
    const broken = async (): Promise<void> => {
      const from = itemsKept();
      const { child, ended } = load(feed.path);
      await untilKept(from + 2_000, ended);
      child.kill("SIGINT");
      await ended;
      assert.ok(existsSync(`${feed.path}.progress.json`));
    };
    await broken();
    appendFileSync(feed.path, "\n");
    const anew = await load(feed.path).ended;
    assert.match(anew.err, /not gone on with: .*changed\.ndjson has changed since\. This one begins anew/);
    const summary = JSON.parse(anew.out) as { resumedAt: unknown; accepted: number };
    assert.deepEqual([summary.resumedAt, summary.accepted], [null, feed.identities + feed.pointers]);

    rmSync(feed.path);
    const again = writeFeed(feed.path, 5_000, nextPlace);
    nextPlace += 10_000;
    await broken();
    const told = JSON.parse((await load(again.path, "--restart").ended).out) as { resumedAt: unknown; read: number };
    assert.deepEqual([told.resumedAt, told.read], [null, again.lines]);
  });

  it("never keeps the node from answering", async () => {
    const feed = aFeed("beside.ndjson", 12_000);
    const ward = await connectCaller({ host: "127.0.0.1", port, certsDir: network.callerDir("ward") }, systemClock);
    const askOnce = async (): Promise<number> => {
      const startedMs = performance.now();
      for await (const event of ward.locate({ ...aQuestion(), requestId: crypto.randomUUID() })) {
        if (event.kind === "answer" && event.answer.own) assert.equal(event.answer.outcome, "records");
      }
      return performance.now() - startedMs;
    };
    const idle: number[] = [];
    for (let n = 0; n < 30; n++) idle.push(await askOnce());
    const { ended } = load(feed.path);
    await untilKept(itemsKept() + 1, ended);
    let over = false;
    void ended.then(() => (over = true));
    const loading: number[] = [];
    while (!over) loading.push(await askOnce());
    assert.equal((await ended).code, EXIT.done);
    ward.close();
    const middle = (times: number[]): number => times.toSorted((one, other) => one - other)[times.length >> 1] ?? 0;
    assert.ok(loading.length > 10, `${loading.length} questions were answered meanwhile`);
    // On two cores that the command, the node and these questions share.
    assert.ok(Math.max(...loading) < 1_000, `one answer took ${Math.max(...loading).toFixed(0)} ms`);
    assert.ok(
      middle(loading) < 10 * middle(idle) + 50,
      `${middle(loading).toFixed(1)} ms, idle ${middle(idle).toFixed(1)} ms`,
    );
  });

  /** Who was loaded first. */
  function aQuestion() {
    const place = [...Array(50).keys()].find((each) => numberAt(each) !== undefined)!;
    const nhsNumber = NhsNumber.parse(numberAt(place)!)!;
    const birthDate = BirthDate.parse("1960-02-03", "2026-01-01")!;
    const claim: Claim = {
      ...{ userId: "somebody", role: "R8000", setting: "emergency", organisation: PROVIDER as OrganisationCode },
      ...{ assurance: "smartcard", purpose: "TREAT", relationship: { kind: "attendance", reference: "A-1" } },
      ...{ trigger: "person", reason: "a test" },
    };
    return { patient: { by: "number", nhsNumber, birthDate } as const, claim, answerByMs: 2_000 };
  }

  it("is not joined by another of the same file, and holds nothing once its process has gone", async () => {
    const feed = aFeed("twice.ndjson", 5_000);
    const first = load(feed.path);
    await untilKept(itemsKept() + 500, first.ended);
    const second = await load(feed.path).ended;
    assert.equal(second.code, EXIT.usage);
    assert.match(second.err, /Another load of these files is under way \(process \d+\)/);
    first.child.kill("SIGKILL");
    await first.ended;
    assert.equal((await load(feed.path).ended).code, EXIT.done);
    assert.ok(!existsSync(`${feed.path}.progress.json.lock`));
  });

  it("ends soon at Ctrl-C where the node is frozen", async () => {
    const feed = aFeed("frozen.ndjson", 5_000);
    const { child, ended } = load(feed.path);
    await untilKept(itemsKept() + 1_000, ended);
    process.kill(node.pid, "SIGSTOP");
    try {
      await sleep(300); // now it owes all that it may owe
      const stoppedMs = performance.now();
      child.kill("SIGINT");
      assert.equal((await ended).code, EXIT.failed);
      assert.ok(performance.now() - stoppedMs < 15_000, "it waited for the node's watch of a minute");
    } finally {
      process.kill(node.pid, "SIGCONT");
    }
    assert.equal((await load(feed.path).ended).code, EXIT.done);
  });

  it("is not gone on with into an index that is another one by now", async () => {
    const feed = aFeed("lost.ndjson", 5_000);
    const { child, ended } = load(feed.path);
    await untilKept(itemsKept() + 2_000, ended);
    child.kill("SIGINT");
    await ended;

    await node.stop();
    reader.close();
    for (const name of readdirSync(network.dataDir)) {
      if (name.startsWith("index.db")) rmSync(join(network.dataDir, name));
    }
    node = await network.start();
    reader = openDatabase(join(network.dataDir, "index.db"), { readonly: true });

    const refused = await load(feed.path).ended;
    assert.equal(refused.code, EXIT.usage);
    assert.match(refused.err, /index was lost, restored or made anew since .*--restart/);
    assert.equal(itemsKept(), 0, "nothing of it was skipped over");
    assert.equal(checkWhole(feed, 0, await load(feed.path, "--restart").ended), null);
  });
});
