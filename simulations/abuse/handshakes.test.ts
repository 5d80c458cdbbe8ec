import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { nodeDns } from "../../certs/profile.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { ASKER, DOMAIN, HOLDER } from "../testing/doors-network.ts";
import { lookAt } from "../testing/doors-vitals.ts";
import type { KnockOrder, KnockReport } from "./knocker.ts";
import { type Victim, askUntil, startVictim, warmUp } from "./victim.ts";

const KNOCKER = fileURLToPath(new URL("knocker.ts", import.meta.url));
const IS_FULL = process.env["COUNT"] === "full";
const HANDSHAKES = IS_FULL ? 5_000 : 300;
/** Attacker, peer, and node share two cores with whatever else runs: three times what the catalogue allows. */
const NOISE = 3;
const TIMES_MAX = 2 * NOISE;
const BUSY_MS_MAX = 100;
const QUIET_MS = 2_000;
const FILES_MORE_MAX = 3;

describe("handshakes", () => {
  let victim: Victim;
  before(async () => {
    victim = await startVictim();
  });
  after(() => victim?.stop());

  const rowL2 = {
    ...{ id: "L2", title: "as fast as possible, half of them broken off: nothing is left, and peers hardly notice" },
    ...{ quick: 1, full: 3, slice: 1, timeoutMs: 300_000 },
  };
  catalogueRow(rowL2, async (trials) => {
    await warmUp(victim);
    const quiet = await askUntil(victim, sleep(QUIET_MS));
    await lookAt(victim.node);
    const filesBefore = victim.openFiles();
    const counts = { completed: 0, "broken off": 0, "sent away": 0 };
    const worst: Record<string, number> = {};
    for (const _ of trials) {
      const knocking = knock();
      const [report, fared] = await Promise.all([knocking, askUntil(victim, knocking)]);
      const { busyMs } = await lookAt(victim.node);
      assert.deepEqual(fared.failed.slice(0, 3), [], "the peer was answered");
      assert.ok(busyMs < BUSY_MS_MAX, `one turn of the event loop took ${busyMs.toFixed(0)} ms of processor time`);
      // In the seconds of a quick count, the slowest of a few hundred questions is chance.
      const [is, was] = IS_FULL ? [fared.p99Ms, quiet.p99Ms] : [fared.p50Ms, quiet.p50Ms];
      assert.ok(is < TIMES_MAX * was, `${is.toFixed(1)} ms, before ${was.toFixed(1)} ms`);
      assert.ok(report.completed > 0, "some were let in");
      const filesAfter = await victim.filesDownTo(filesBefore + FILES_MORE_MAX);
      counts.completed += report.completed;
      counts["broken off"] += report.brokenOff;
      counts["sent away"] += report.sentAway;
      worst["p99 times"] = Math.max(worst["p99 times"] ?? 0, fared.p99Ms / quiet.p99Ms);
      worst["p50 times"] = Math.max(worst["p50 times"] ?? 0, fared.p50Ms / quiet.p50Ms);
      worst["busy in one turn ms"] = Math.max(worst["busy in one turn ms"] ?? 0, busyMs);
      worst["open files more"] = Math.max(worst["open files more"] ?? 0, filesAfter - filesBefore);
    }
    return { counts, worst };
  });

  async function knock(): Promise<KnockReport> {
    const { port } = victim.node;
    const files = victim.network.nodeTls(ASKER);
    const order: KnockOrder = { port, serverName: nodeDns(DOMAIN, HOLDER), files, times: HANDSHAKES };
    const child = spawn(process.execPath, [KNOCKER], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify(order));
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(child, "close");
    assert.equal(child.exitCode, 0, "the attacker did its work");
    return JSON.parse(said) as KnockReport;
  }
});

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
