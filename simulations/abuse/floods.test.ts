import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { nodeDns } from "../../certs/profile.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { DOMAIN, HOLDER } from "../testing/doors-network.ts";
import { lookAt } from "../testing/doors-vitals.ts";
import type { Attack, AttackOrder, AttackReport } from "./attacker.ts";
import { FLOODS } from "./floods.ts";
import { type Victim, askUntil, startVictim, warmUp } from "./victim.ts";

const ATTACKER = fileURLToPath(new URL("attacker.ts", import.meta.url));
const IS_FULL = process.env["COUNT"] === "full";
const FLOOD_MS = IS_FULL ? 60_000 : 700;
/** In the quick count, that it is ended at all before the attacker gives up. */
const LASTS_MS_MAX = IS_FULL ? 5_000 : 650;
/** Attacker, peer, and node share two cores with whatever else runs: three times what the catalogue allows. */
const NOISE = 3;
const TIMES_MAX = 2 * NOISE;
/**
 * Of processor time in one turn of the event loop: by the clock, the machine makes it what it likes. Whoever shares a core's
 * caches makes processor time longer too.
 */
const BUSY_MS_MAX = IS_FULL ? 100 : 150;
const QUIET_MS = IS_FULL ? 15_000 : 2_000;
const RSS_TIMES_MAX = 1.1;
const RSS_BACK_WITHIN_MS = 60_000;

describe("HTTP/2 frames sent to keep a node busy", () => {
  let victim: Victim;
  before(async () => {
    victim = await startVictim();
  });
  after(() => victim?.stop());

  const rowP3 = {
    ...{ id: "P3", title: "of every kind: the flood is ended within seconds, and other peers hardly notice" },
    ...{ quick: FLOODS.length, full: FLOODS.length, slice: 1, timeoutMs: 300_000 },
  };
  catalogueRow(rowP3, async (trials) => {
    await warmUp(victim);
    const quiet = await askUntil(victim, sleep(QUIET_MS));
    const before = await lookAt(victim.node);
    const attacks = await Promise.all(
      [...trials].map(async (flood) => ({ flood, files: await victim.abuser(`abuser-${flood}`), forMs: FLOOD_MS })),
    );
    const raging = rage(attacks);
    const [reports, fared] = await Promise.all([raging, askUntil(victim, raging)]);

    assert.deepEqual(fared.failed.slice(0, 3), [], "the peer was answered");
    const { rss, busyMs } = await lookAt(victim.node);
    assert.ok(busyMs < BUSY_MS_MAX, `one turn of the event loop took ${busyMs.toFixed(0)} ms of processor time`);
    // What else the machine does comes and goes within the minute.
    const again = IS_FULL ? await askUntil(victim, sleep(QUIET_MS)) : quiet;
    const quietP99Ms = Math.max(quiet.p99Ms, again.p99Ms);
    // In a second of each, the slowest of a hundred questions is chance.
    const [is, was] = IS_FULL ? [fared.p99Ms, quietP99Ms] : [fared.p50Ms, quiet.p50Ms];
    assert.ok(is < TIMES_MAX * was, `${is.toFixed(1)} ms, without a flood ${was.toFixed(1)} ms`);
    for (const [at, { lastedMs, megabytes }] of reports.entries()) {
      const { what } = FLOODS[attacks[at]!.flood]!;
      assert.ok(lastedMs.length > 0 && megabytes > 0, `${what}: it was let in once`);
      assert.ok(Math.max(...lastedMs) < LASTS_MS_MAX, `${what}: ended after ${Math.max(...lastedMs)} ms`);
    }
    const rssTimes = await rssBack(before.rss);
    return {
      counts: { connections: sum(reports.map(({ tried }) => tried)), questions: fared.asked },
      worst: {
        "flood lasted ms": Math.max(...reports.flatMap(({ lastedMs }) => lastedMs)),
        ...{
          "peer's p99 ms": fared.p99Ms,
          "p99 times": fared.p99Ms / quietP99Ms,
          "p50 times": fared.p50Ms / quiet.p50Ms,
        },
        ...{ "busy in one turn ms": busyMs, "RSS times at the end": rss / before.rss, "RSS times": rssTimes },
      },
    };
  });

  function rage(attacks: readonly Attack[]): Promise<readonly AttackReport[]> {
    const order: AttackOrder = { port: victim.node.port, serverName: nodeDns(DOMAIN, HOLDER), attacks };
    return runAttacker(order);
  }

  /** Until the process is at its former size again. Gives what of it there still is. */
  async function rssBack(rss: number): Promise<number> {
    for (const startedMs = performance.now(); ;) {
      const times = (await lookAt(victim.node)).rss / rss;
      if (times < RSS_TIMES_MAX || !IS_FULL) return times;
      assert.ok(performance.now() - startedMs < RSS_BACK_WITHIN_MS, `${times.toFixed(2)} times its size before`);
      await sleep(1_000);
    }
  }
});

async function runAttacker(order: AttackOrder): Promise<readonly AttackReport[]> {
  const child = spawn(process.execPath, [ATTACKER], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(order));
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child, "close");
  assert.equal(child.exitCode, 0, "the attacker did its work");
  return JSON.parse(said) as AttackReport[];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
