import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";

import { issueNode } from "../../certs/issue.ts";
import { nodeFiles } from "../../certs/layout.ts";
import { nodeDns } from "../../certs/profile.ts";
import { systemClock } from "../../node/base/clock.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { meshPaths } from "../../node/cli/mesh/network-files.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { readCallerTls } from "../../node/wire/tls-files.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import type { AreaOrder } from "../testing/a-topology.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson } from "../testing/people.ts";
import { startLoad } from "./call-load.ts";

const DOMAIN = "trial.corridor.example";
const AREAS: readonly AreaOrder[] = [
  { id: "ash", name: "Ash", collaborative: "grove", region: "Trial" },
  { id: "beech", name: "Beech", collaborative: "grove", region: "Trial" },
];
const PERSON = aPerson(7, "1961-04-12", [{ area: "beech", records: ["allergies"] }]);
const CALLS_A_SECOND = 200;
/** The bar is five seconds; three times that on a machine that others use as well. */
const GONE_WITHIN_MS = 3 * 5_000;

describe("a node's certificate is replaced under load", () => {
  let network: TestNetwork;
  before(async function () {
    this.timeout(60_000);
    network = await startNetwork({ areas: AREAS, agreements: [{ between: ["ash", "beech"] }], people: [PERSON] });
  });
  after(() => network.stop());

  const row = { id: "C4", title: "no call fails, no connection is refused, and the old pair is gone in seconds" };
  catalogueRow({ ...row, quick: 2, full: 50, timeoutMs: 600_000 }, async (trials) => {
    const client = await connectCaller(targetOf(network), systemClock);
    const load = startLoad(client, PERSON, CALLS_A_SECOND);
    let goneMs = 0;
    try {
      await sleep(500);
      for (const trial of trials) {
        const nodeId = AREAS[trial % AREAS.length]!.id;
        await breakFiles(network, nodeId, trial);
        goneMs = Math.max(goneMs, await replace(network, nodeId));
      }
    } finally {
      await load.stop();
      client.close();
    }
    assert.deepEqual(load.failures, []);
    assert.ok(load.done() > 50, `only ${load.done()} calls`);
    assert.ok(goneMs <= GONE_WITHIN_MS, `the old pair was shown or used for ${goneMs} ms`);
    return {
      counts: { rotations: trials.count, calls: load.done(), failed: 0 },
      worst: { goneMs, msPerCall: 1_000 / load.rate() },
    };
  });
});

/** Puts files in place as a careless hand would: half a certificate, another's key. New connections are taken all the same. */
async function breakFiles(network: TestNetwork, nodeId: string, trial: number): Promise<void> {
  const { certificate, key } = filesOf(network, nodeId);
  const path = trial % 4 < 2 ? certificate : key;
  const good = readFileSync(path);
  if (trial % 2 === 0) writeFileSync(path, good.subarray(0, good.length / 3));
  else
    copyFileSync(
      path === key ? filesOf(network, otherOf(nodeId)).key : filesOf(network, otherOf(nodeId)).certificate,
      path,
    );
  const untilMs = performance.now() + 1_300;
  while (performance.now() < untilMs) {
    await shownBy(network, nodeId);
    await sleep(100);
  }
  writeFileSync(path, good);
}

/** Issues anew. @returns after how many milliseconds nobody is shown the old certificate, or still connected by it. */
async function replace(network: TestNetwork, nodeId: string): Promise<number> {
  const before = await shownBy(network, nodeId);
  const held = await holdOpen(network, nodeId);
  await issueNode(meshPaths(network.folder).certs, {
    id: nodeId,
    collaborative: "grove",
    clock: systemClock,
    replace: true,
  });
  const beganMs = performance.now();
  while ((await shownBy(network, nodeId)) === before) {
    assert.ok(performance.now() - beganMs < GONE_WITHIN_MS, "the new certificate is not shown");
    await sleep(100);
  }
  await Promise.race([held.closed, sleep(GONE_WITHIN_MS)]);
  held.end();
  return performance.now() - beganMs;
}

/** The serial that a new connection is shown. Fails where the connection is refused. */
async function shownBy(network: TestNetwork, nodeId: string): Promise<string> {
  const socket = tls.connect(connectionTo(network, nodeId));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return new X509Certificate(socket.getPeerCertificate().raw).serialNumber;
  } finally {
    socket.destroy();
  }
}

/** A connection without calls, made by the certificate of before. */
async function holdOpen(network: TestNetwork, nodeId: string): Promise<{ closed: Promise<unknown>; end(): void }> {
  const { host, port, ...options } = connectionTo(network, nodeId);
  const session = http2.connect(`https://${host}:${port}`, options);
  await new Promise<void>((resolve, reject) => {
    session.once("remoteSettings", () => resolve());
    session.once("error", reject);
  });
  const closed = new Promise<void>((resolve) => {
    session.once("close", resolve);
  });
  return { closed, end: () => session.destroy() };
}

function connectionTo(network: TestNetwork, nodeId: string) {
  const { host, port, callerDir } = network.mesh.node(nodeId);
  const { certificate, key, trust } = readCallerTls(callerDir(DEMO_CALLER.name));
  return { host, port, cert: certificate, key, ca: trust, servername: nodeDns(DOMAIN, nodeId), ALPNProtocols: ["h2"] };
}

function targetOf(network: TestNetwork): { host: string; port: number; certsDir: string } {
  const { host, port, callerDir } = network.mesh.node("ash");
  return { host, port, certsDir: callerDir(DEMO_CALLER.name) };
}

function filesOf(network: TestNetwork, nodeId: string) {
  return nodeFiles(meshPaths(network.folder).certs, nodeId);
}

function otherOf(nodeId: string): string {
  return nodeId === "ash" ? "beech" : "ash";
}
