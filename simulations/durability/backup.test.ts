import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { status as Status } from "@grpc/grpc-js";

import { systemClock } from "../../node/base/clock.ts";
import type { FeedState } from "../../node/base/answer.ts";
import { openAuditReader } from "../../node/audit/audit-reader.ts";
import { type LogFault, verifyLog } from "../../node/audit/verify-log.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD, rawClient } from "../testing/doors-call.ts";
import { ASKER, CORRIDOR, type DoorNetwork, PROVIDER } from "../testing/doors-network.ts";
import { aMarkedPerson } from "../testing/doors-people.ts";
import { peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { aQuestionAbout, lookInto, makeAckedFeed, placesOf } from "./acked-feed.ts";
import { whyNoSmallDisk, withSmallDisk } from "./small-disk.ts";
import { withNetwork } from "./with-network.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function corridor(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(CORRIDOR, args, (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

/** A pair of keys for backups, as the command makes it. */
async function makeKeys(dir: string): Promise<{ identity: string; recipients: string }> {
  const [identity, recipients] = [join(dir, "backup.key"), join(dir, "backup.pub")];
  const { code, out } = await corridor("backup-key", identity);
  assert.equal(code, 0);
  writeFileSync(recipients, out);
  return { identity, recipients };
}

describe("a backup", function () {
  this.timeout(120_000);

  catalogueRow(
    {
      ...{
        id: "D11",
        title:
          "online, under load, restored elsewhere: holds everything acknowledged before it began, and an audit whose tree verifies",
      },
      ...{ quick: 2, full: 20, timeoutMs: 300_000 },
    },
    (trials) =>
      withNetwork(async (network) => {
        const { identity, recipients } = await makeKeys(network.dir);
        const config = ["--config", network.configPath];
        const feed = makeAckedFeed(network, { patients: 40 });
        let [held, seconds] = [0, 0];
        for (const trial of trials) {
          let node = await network.start();
          await ask(network, node.port, 0);
          let over = false;
          const batchesBefore = feed.acked.length;
          const feeding = feed.run(node.port, { stopped: () => over });
          while (feed.acked.length === batchesBefore) await sleep(10);
          await sleep(300);
          const ackedBefore = placesOf(feed.acked);
          const auditBefore = auditCount(network.dataDir);
          const file = join(network.dir, `backup-${trial}`);
          const startedMs = performance.now();
          const made = await corridor("backup", ...config, "--to", file, "--recipients", recipients);
          seconds = Math.max(seconds, (performance.now() - startedMs) / 1_000);
          assert.equal(made.code, 0, made.err);
          over = true;
          assert.equal(await feeding, undefined, "the load went on, untroubled");
          assert.ok(placesOf(feed.acked).length > ackedBefore.length, "under load");
          assert.equal(readFileSync(file).indexOf("Lovelace"), -1);
          assert.deepEqual(
            readdirSync(network.dataDir).filter((name) => name.startsWith("backup-")),
            [],
          );
          await node.stop();

          const elsewhere = `${network.dataDir}-was`;
          renameSync(network.dataDir, elsewhere);
          const restored = await corridor("restore", ...config, "--from", file, "--identity", identity);
          assert.equal(restored.code, 0, restored.err);
          node = await network.start();
          assert.doesNotMatch(node.output(), /acknowledged-writes-lost/);
          assert.equal(await ask(network, node.port, ackedBefore[0]!), "stale");
          const kept = lookInto(join(network.dataDir, "index.db"), ackedBefore);
          assert.deepEqual(kept, { lost: [], doubled: 0, integrity: "ok" });
          assert.ok(auditCount(network.dataDir) >= auditBefore);
          await node.stop();
          assert.deepEqual(faultsOfAudit(network.dataDir), [], "the audit's tree verifies");
          held += ackedBefore.length;
          rmSync(network.dataDir, { recursive: true });
          renameSync(elsewhere, network.dataDir);
        }
        return { counts: { backups: trials.count, heldOfAcked: held }, worst: { seconds } };
      }),
  );

  it("that is restored keeps every feed from counting as fresh until people say that it was loaded again", async () => {
    await withBackup(async ({ network, restoreArgs }) => {
      assert.equal((await corridor("restore", ...restoreArgs, "--replace")).code, 0);
      const node = await network.start();
      assert.match(node.output(), /"event":"store-behind"/);
      assert.equal(await ask(network, node.port, 0), "stale");
      const feed = makeAckedFeed(network, { patients: 5, fromPlace: 900_000 });
      assert.equal(await feed.run(node.port, { batches: 1 }), undefined);
      assert.equal(await ask(network, node.port, 0), "stale", "a later load does not fill the gap");
      const behind = await corridor("doctor", "--config", network.configPath);
      assert.equal(behind.code, 1);
      assert.match(behind.out, /index\.db .*restored from a backup/);
      assert.equal((await corridor("restore", "--config", network.configPath, "--caught-up")).code, 0);
      await sleep(1_200); // coverage is computed once a second
      assert.equal(await ask(network, node.port, 0), "feeding");
      await node.stop();
    });
  });

  it("that is restored answers no attempt that it may have answered before", async () => {
    await withBackup(async ({ network, restoreArgs }) => {
      const question = peerBytes(await peerQuestion(network, aMarkedPerson(0)));
      let node = await network.start();
      const first = rawClient(node.port, network.nodeTls(ASKER));
      assert.equal((await first.call(METHOD.answerLocate, [question])).code, Status.OK);
      first.close();
      await node.stop();
      assert.equal((await corridor("restore", ...restoreArgs, "--replace")).code, 0);
      node = await network.start();
      const second = rawClient(node.port, network.nodeTls(ASKER));
      const replayed = await second.call(METHOD.answerLocate, [question]);
      assert.equal(replayed.code, Status.UNAVAILABLE);
      assert.equal(replayed.failure, "store-unavailable");
      await sleep(1_500);
      // Issued a minute after the restore, by a clock that is almost a minute ahead: it cannot have been answered before.
      const payload = { issuedAtMs: BigInt(Date.now() + 59_500), expiresAtMs: BigInt(Date.now() + 119_000) };
      const afresh = peerBytes(await peerQuestion(network, aMarkedPerson(0), { payload }));
      assert.equal((await second.call(METHOD.answerLocate, [afresh])).code, Status.OK);
      second.close();
      await node.stop();
    });
  });

  const noDisk = whyNoSmallDisk();
  const why = noDisk === undefined ? "" : ` (skipped since ${noDisk})`;
  (noDisk === undefined ? it : it.skip)(
    `for which there is no room is refused, and the node beside it lives${why}`,
    () =>
      withNetwork((network) =>
        withSmallDisk(network.dataDir, 80, async () => {
          const node = await network.start();
          const feed = makeAckedFeed(network, { patients: 20 });
          assert.equal(await feed.run(node.port, { batches: 20 }), undefined);
          writeFileSync(join(network.dataDir, "filler"), Buffer.alloc(40 * 2 ** 20));
          const to = join(network.dir, "b");
          const refused = await corridor("backup", "--config", network.configPath, "--to", to, "--unencrypted");
          assert.equal(refused.code, 1);
          assert.match(refused.err, /MiB free; \d+ are needed/);
          assert.equal(await feed.run(node.port, { batches: 5 }), undefined);
          assert.ok(!existsSync(to));
          assert.equal(await node.stop(), 0);
        }),
      ),
  );
});

/** A network whose node was fed, was backed up and has stopped. */
function withBackup(
  run: (made: { network: DoorNetwork; restoreArgs: readonly string[] }) => Promise<void>,
): Promise<void> {
  return withNetwork(async (network) => {
    const node = await network.start();
    const feed = makeAckedFeed(network, { patients: 20 });
    assert.equal(await feed.run(node.port, { batches: 3 }), undefined);
    assert.equal(await ask(network, node.port, 0), "feeding");
    const file = join(network.dir, "one.backup");
    const args = ["--config", network.configPath];
    assert.equal((await corridor("backup", ...args, "--to", file, "--unencrypted")).code, 0);
    await node.stop();
    await run({ network, restoreArgs: [...args, "--from", file] });
  });
}

/** Asks about a patient as a clinician does. @returns how the provider's feed counts in the own area's answer. */
async function ask(network: DoorNetwork, port: number, place: number): Promise<FeedState | undefined> {
  const target = { host: "127.0.0.1", port, certsDir: network.callerDir("ward") };
  const ward = await connectCaller(target, systemClock);
  try {
    for await (const event of ward.locate(aQuestionAbout(place))) {
      if (event.kind !== "answer" || !event.answer.own) continue;
      return event.answer.coverage?.providers.find(({ code }) => code === PROVIDER)?.state;
    }
    return undefined;
  } finally {
    ward.close();
  }
}

/** What stands against the entries, their tree and what was signed of them. */
function faultsOfAudit(dataDir: string): readonly LogFault[] {
  const audit = openDatabase(join(dataDir, "audit.db"), { readonly: true });
  try {
    const { faults, entries } = verifyLog(audit);
    assert.ok(entries > 0);
    return faults;
  } finally {
    audit.close();
  }
}

function auditCount(dataDir: string): number {
  const audit = openAuditReader(join(dataDir, "audit.db"));
  const count = audit.count();
  audit.close();
  return count;
}
