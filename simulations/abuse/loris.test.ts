import assert from "node:assert/strict";
import net, { type Socket } from "node:net";
import tls from "node:tls";

import { nodeDns } from "../../certs/profile.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD } from "../testing/doors-call.ts";
import { ASKER, DOMAIN, HOLDER, LONELY, SUSPENDED } from "../testing/doors-network.ts";
import { PREFACE, callHeaders, data, openCall, settings } from "./frames.ts";
import { type Victim, askUntil, startVictim, warmUp } from "./victim.ts";

const IS_FULL = process.env["COUNT"] === "full";
const EACH = IS_FULL ? 500 : 60;
const CLOSED_WITHIN_MS = 15_000;
/** Machine and clients are slow when much runs beside them. */
const NOISE = 3;
const TIMES_MAX = 2 * NOISE;
const QUIET_MS = 2_000;
/** Files that a node has open for a moment of its own: a checkpoint, a look at its manifest. */
const FILES_MORE_MAX = 3;

/** Connections that are held open and bring nothing: whoever has enough of them would keep everybody else out. */
const KINDS = [
  { what: "TCP without TLS", talk: undefined },
  { what: "TLS without HTTP/2", talk: () => Buffer.alloc(0) },
  { what: "HTTP/2 without a call", talk: () => Buffer.concat([PREFACE, settings()]) },
  { what: "a call without its message", talk: () => Buffer.concat([PREFACE, settings(), openOne()]) },
] as const;

const openOne = (): Buffer =>
  Buffer.concat([openCall(1, callHeaders(METHOD.answerLocate)), data(1, Buffer.from([0, 0, 0, 1, 0, 0]))]);

describe("connections that are held open for nothing", () => {
  let victim: Victim;
  before(async () => {
    victim = await startVictim();
  });
  after(() => victim?.stop());

  const rowP4 = {
    ...{ id: "P4", title: "are closed, of four kinds at once, and other peers hardly notice" },
    ...{ quick: KINDS.length, full: KINDS.length, slice: KINDS.length, timeoutMs: 120_000 },
  };
  catalogueRow(rowP4, async (trials) => {
    await warmUp(victim);
    const quiet = await askUntil(victim, sleep(QUIET_MS));
    const filesBefore = victim.openFiles();
    const members = [ASKER, LONELY, SUSPENDED, HOLDER].map((id) => victim.network.nodeTls(id));
    const held: Promise<number>[] = [];
    for (let nth = 0; nth < EACH; nth++) {
      for (const kind of trials) held.push(holdOpen(victim.node.port, KINDS[kind]!.talk, members[kind]!));
      if (nth % 20 === 19) await sleep(50);
    }
    const filesAtMost = victim.openFiles();
    const all = Promise.all(held);
    const fared = await askUntil(victim, all);
    const lastedMs = await all;

    const longestMs = Math.max(...lastedMs);
    assert.ok(longestMs < CLOSED_WITHIN_MS, `one was open for ${longestMs.toFixed(0)} ms`);
    assert.deepEqual(fared.failed.slice(0, 3), [], "the peer was answered");
    assert.ok(fared.p50Ms < TIMES_MAX * quiet.p50Ms, `p50 ${fared.p50Ms} ms, before ${quiet.p50Ms} ms`);
    assert.ok(filesAtMost > filesBefore + 20, `${filesAtMost - filesBefore} were held open at once`);
    const filesAfter = await victim.filesDownTo(filesBefore + FILES_MORE_MAX);
    return {
      counts: { connections: lastedMs.length, "open at once": filesAtMost - filesBefore },
      worst: {
        "open for ms": longestMs,
        "peer's p99 times": fared.p99Ms / quiet.p99Ms,
        "open files more": filesAfter - filesBefore,
      },
    };
  });
});

/** Opens a connection, says what there is to say, and nothing more. Gives how long it was open, in milliseconds. */
async function holdOpen(port: number, talk: (() => Buffer) | undefined, files: TlsFiles): Promise<number> {
  const startedMs = performance.now();
  const socket = talk === undefined ? net.connect(port, "127.0.0.1") : overTls(port, files, talk);
  socket.on("error", () => {}).resume(); // how long it is open is what counts
  await new Promise((resolve) => socket.once("close", resolve));
  return performance.now() - startedMs;
}

function overTls(port: number, files: TlsFiles, talk: () => Buffer): Socket {
  const socket = tls.connect({
    ...{ port, host: "127.0.0.1", servername: nodeDns(DOMAIN, HOLDER), ALPNProtocols: ["h2"] },
    ...{ cert: files.certificate, key: files.key, ca: files.trust },
  });
  return socket.once("secureConnect", () => void socket.write(talk()));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
