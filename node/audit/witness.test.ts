import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { openStore } from "../storage/database.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { mergeHandlers } from "../storage/writer-thread.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import * as auditStore from "./audit-store.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import * as checkpointStore from "./checkpoint-store.ts";
import {
  type Checkpoints,
  startCheckpoints,
  UNWITNESSED_ALARM_MS,
  UNWITNESSED_STOP_MS,
  type Witness,
} from "./checkpoints.ts";
import { compareHeads } from "./compare-heads.ts";
import { cosignedAt, formatNote, noteKeyId, parseNote } from "./note.ts";
import { addEntries, aNoteKey } from "./testing/an-audit-log.ts";
import { addCheckpoint, formatRequest, type WitnessReply } from "./witness.ts";
import * as witnessStore from "./witness-store.ts";

const NAMES = ["wm-bsol", "wm-cw", "wm-hw", "wm-bc"].map((id) => `${id}.corridor.example`);

/** A node as far as its audit goes: a real store, and a key. */
class Node {
  readonly name: string;
  readonly logKey;
  readonly witnessKey;
  readonly file: string;
  readonly alarms: string[] = [];
  readonly splitViews: string[] = [];
  db!: Database;
  executor!: ReturnType<typeof makeInlineExecutor>;

  constructor(name: string, dir: string) {
    this.name = name;
    this.logKey = aNoteKey(`${name}/audit`);
    this.witnessKey = aNoteKey(`${name}/witness`);
    this.file = join(dir, `${name}.db`);
    this.open();
  }

  open(): void {
    this.db = openStore(this.file, "audit");
    const handlers = [auditStore, checkpointStore, witnessStore].map(({ makeHandlers }) => makeHandlers(this.db));
    this.executor = makeInlineExecutor(this.db, mergeHandlers(handlers));
  }

  notes(): string[] {
    return this.db.prepare<[], string>("SELECT note FROM audit_checkpoint ORDER BY size").pluck().all();
  }
}

describe("witnessing", () => {
  let dir: string;
  let clock: FakeClock;
  let nodes: Node[];
  let log: Node;
  let checkpoints: Checkpoints | undefined;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-witness-"));
    clock = makeFakeClock();
    nodes = NAMES.map((name) => new Node(name, dir));
    log = nodes[0]!;
    checkpoints = undefined;
  });
  afterEach(async () => {
    await checkpoints?.stop();
    await Promise.all(nodes.map(({ executor }) => executor.close()));
    rmSync(dir, { recursive: true });
  });

  /** What a node says as witness of the log. */
  function ask(node: Node, body: string): Promise<WitnessReply> {
    return addCheckpoint(body, {
      ...{ executor: node.executor, clock, ownKey: node.witnessKey.noteKey },
      keyOf: (origin) => nodes.map(({ logKey }) => logKey.noteKey).find(({ name }) => name === origin),
      sign: async (bytes) => node.witnessKey.sign(bytes),
      onSplitView: (origin) => void node.splitViews.push(origin),
    });
  }

  function witnessOf(node: Node): Witness {
    return { key: node.witnessKey.noteKey, addCheckpoint: (body) => ask(node, body) };
  }

  async function start(
    witnesses: () => readonly Witness[] = () => nodes.slice(1).map(witnessOf),
  ): Promise<Checkpoints> {
    const { executor, logKey } = log;
    checkpoints = await startCheckpoints({
      ...{ executor, clock, ownKey: logKey.noteKey, sign: async (bytes) => logKey.sign(bytes), witnesses },
      alarm: (event) => void log.alarms.push(event),
    });
    return checkpoints;
  }

  function signedHead(size: number, root: Uint8Array): string {
    const text = formatCheckpoint({ origin: log.logKey.noteKey.name, size, root });
    const { noteKey, sign } = log.logKey;
    const line = { name: noteKey.name, keyId: noteKeyId(noteKey, "text"), bytes: sign(Buffer.from(text)) };
    return formatNote({ text, signatures: [line] });
  }

  it("has two peers vouch for the log as it grows, and signs nothing twice", async () => {
    const keeping = await start();
    for (const more of [5, 0, 300]) {
      addEntries(log.db, more);
      await keeping.round();
    }
    const notes = log.notes().map(parseNote);
    assert.deepEqual(
      notes.map(({ text }) => text.split("\n")[1]),
      ["5", "305"],
    );
    for (const note of notes) {
      const seenBy = nodes.filter(({ witnessKey }) => cosignedAt(note, witnessKey.noteKey) !== undefined);
      assert.equal(seenBy.length, 2);
    }
    assert.equal(keeping.unwitnessedMs(), 0);
    assert.deepEqual(log.alarms, []);
  });

  it("goes to the next peer where one is away, and needs only as many as there are", async () => {
    const away: Witness = {
      key: nodes[1]!.witnessKey.noteKey,
      addCheckpoint: () => Promise.reject(new Failure("unreachable", "It is away.")),
    };
    addEntries(log.db, 3);
    const keeping = await start(() => [away, witnessOf(nodes[2]!), witnessOf(nodes[3]!)]);
    await keeping.round();
    assert.equal(keeping.unwitnessedMs(), 0);
    await keeping.stop();
    addEntries(log.db, 3);
    const lonely = await start(() => []);
    await lonely.round();
    assert.equal(lonely.unwitnessedMs(), 0);
  });

  it("A5: counts how long nobody saw the newest part, across a restart, and alarms after a quarter of an hour", async () => {
    const nobody = () =>
      nodes.slice(1).map(({ witnessKey }) => ({
        key: witnessKey.noteKey,
        addCheckpoint: () => Promise.reject(new Failure("unreachable", "It is away.")),
      }));
    const keeping = await start(nobody);
    addEntries(log.db, 3);
    await keeping.round();
    await clock.advance(UNWITNESSED_ALARM_MS - 1);
    assert.deepEqual(log.alarms, []);
    await clock.advance(20_000);
    await keeping.round();
    assert.deepEqual(log.alarms, ["audit-unwitnessed"]);
    await keeping.stop();
    const again = await start(nobody);
    assert.ok(again.unwitnessedMs() >= UNWITNESSED_ALARM_MS);
    await again.stop();
    await clock.advance(UNWITNESSED_STOP_MS);
    assert.ok(again.unwitnessedMs() > UNWITNESSED_STOP_MS);
    const back = await start();
    await back.round();
    assert.equal(back.unwitnessedMs(), 0);
  });

  it("A2: tells that an older file was put in place, from what the witnesses saw", async () => {
    const keeping = await start();
    addEntries(log.db, 10);
    await keeping.round();
    await keeping.stop();
    await log.executor.close();
    copyFileSync(log.file, `${log.file}.old`);
    log.open();
    const later = await start();
    addEntries(log.db, 10);
    await later.round();
    await later.stop();
    await log.executor.close();
    copyFileSync(`${log.file}.old`, log.file);
    log.open();
    addEntries(log.db, 4, "u-2");
    const rolledBack = await start();
    await rolledBack.round();
    assert.ok(log.alarms.includes("audit-behind-witness"), log.alarms.join());
    addEntries(log.db, 20, "u-2");
    await rolledBack.round();
    assert.ok(log.alarms.includes("audit-witness-refused"), "beyond what they saw, no proof leads on from there");
  });

  it("signs no more where the log does not bear out what was signed", async () => {
    const keeping = await start();
    addEntries(log.db, 10);
    await keeping.round();
    log.db.exec("DROP TRIGGER audit_leaf_is_never_changed; UPDATE audit_leaf SET hash = zeroblob(32) WHERE place = 3");
    addEntries(log.db, 10);
    await keeping.round();
    await keeping.round();
    assert.deepEqual(log.alarms, ["audit-tampered"]);
    assert.equal(log.notes().length, 1);
  });

  it("A4: keeps both notes where a log shows two histories of one size, and vouches for the first alone", async () => {
    const witness = nodes[1]!;
    const [one, other] = [signedHead(4, Buffer.alloc(32, 1)), signedHead(4, Buffer.alloc(32, 2))];
    assert.equal((await ask(witness, formatRequest(0, [], one))).status, 200);
    for (let times = 0; times < 2; times++) assert.equal((await ask(witness, formatRequest(4, [], other))).status, 409);
    assert.deepEqual(witness.splitViews, [log.logKey.noteKey.name]);
    const kept = witness.db.prepare("SELECT vouched, offered FROM split_view").all();
    assert.deepEqual(kept, [{ vouched: one, offered: other }]);
  });

  /** What one witness makes of what another vouches for, with the log as it truly is. */
  async function compare(from: Node, to: Node): Promise<void> {
    const notes = await from.executor.run("audit.all-witnessed", undefined);
    await compareHeads(notes, {
      ...{ executor: to.executor, clock, onSplitView: (origin) => void to.splitViews.push(origin) },
      keyOf: (origin) => nodes.map(({ logKey }) => logKey.noteKey).find(({ name }) => name === origin),
      prove: (_origin, small, large) => log.executor.run("audit.consistency", { from: small, to: large }),
    });
  }

  it("A4: finds two histories of unlike size as soon as two witnesses compare them, and keeps both notes", async () => {
    const [one, other] = [nodes[1]!, nodes[2]!];
    addEntries(log.db, 10);
    const keeping = await start(() => [witnessOf(one)]);
    await keeping.round();
    const forged = signedHead(7, Buffer.alloc(32, 9));
    assert.equal((await ask(other, formatRequest(0, [], forged))).status, 200);
    await compare(one, other);
    await compare(other, one);
    await compare(other, one);
    assert.deepEqual([one.splitViews, other.splitViews], [[log.logKey.noteKey.name], [log.logKey.noteKey.name]]);
    const kept = one.db
      .prepare<[], { vouched: string; offered: string }>("SELECT vouched, offered FROM split_view")
      .all();
    assert.deepEqual(
      kept.map(({ offered }) => offered),
      [forged],
    );
  });

  it("finds nothing where witnesses have seen one history at unlike sizes, or are told what no log has signed", async () => {
    const [one, other] = [nodes[1]!, nodes[2]!];
    for (const witness of [one, other]) {
      addEntries(log.db, 300);
      const keeping = await start(() => [witnessOf(witness)]);
      await keeping.round();
      await keeping.stop();
    }
    await compare(one, other);
    await compare(other, one);
    const held = await one.executor.run("audit.witnessed", log.logKey.noteKey.name);
    await compareHeads(["nonsense", held!.note.replace("\n300\n", "\n200\n")], {
      ...{ executor: other.executor, clock, onSplitView: (origin) => void other.splitViews.push(origin) },
      keyOf: () => log.logKey.noteKey,
      prove: () => Promise.resolve([]),
    });
    assert.deepEqual([one.splitViews, other.splitViews], [[], []]);
  });

  it("answers by the rules of tlog-witness", async () => {
    const witness = nodes[1]!;
    const head = (size: number, fill: number) => signedHead(size, Buffer.alloc(32, fill));
    const status = async (body: string) => (await ask(witness, body)).status;
    assert.equal(await status("old 0\n\nnonsense"), 400);
    assert.equal(await status(`old -1\n\n${head(4, 1)}`), 400);
    assert.equal(await status(`old 0\nnonsense\n\n${head(4, 1)}`), 400);
    assert.equal(await status(formatRequest(5, [], head(4, 1))), 400);
    assert.equal(
      await status(
        formatRequest(
          0,
          Array.from({ length: 64 }, () => Buffer.alloc(32)),
          head(4, 1),
        ),
      ),
      400,
    );
    assert.equal(await status(formatRequest(0, [], head(4, 1).replaceAll("wm-bsol", "wm-xx"))), 404);
    assert.equal(await status(formatRequest(0, [], head(4, 1).replace("\n4\n", "\n5\n"))), 403);
    assert.equal(await status(formatRequest(0, [Buffer.alloc(32)], head(4, 1))), 422);
    assert.equal(await status(formatRequest(0, [], head(4, 1))), 200);
    assert.deepEqual(await ask(witness, formatRequest(0, [], head(9, 1))), { status: 409, body: "4\n" });
    assert.equal(await status(formatRequest(4, [Buffer.alloc(32)], head(9, 1))), 422);
    assert.equal(await status(formatRequest(4, [], head(4, 1))), 200);
  });

  it("never vouches for two of one size at once: one of two that come together is told the other's size", async () => {
    const witness = nodes[1]!;
    const bodies = [5, 6].map((size) => formatRequest(0, [], signedHead(size, Buffer.alloc(32, size))));
    const replies = await Promise.all(bodies.map((body) => ask(witness, body)));
    assert.deepEqual(replies.map(({ status }) => String(status)).toSorted(), ["200", "409"]);
  });
});
