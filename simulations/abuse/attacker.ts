import { once } from "node:events";
import tls, { type TLSSocket } from "node:tls";

import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { PREFACE, settings } from "./frames.ts";
import { FLOODS, type Flood } from "./floods.ts";

/**
 * Abuses a node's door from a process of its own: as fast as it is let, again and again after it was thrown out. Its orders
 * come as JSON on standard input, and are carried out one after the other; its report goes as JSON to standard output.
 */

export interface AttackOrder {
  readonly port: number;
  readonly serverName: string;
  readonly attacks: readonly Attack[];
}

export interface Attack {
  /** The flood's place in the list. */
  readonly flood: number;
  readonly files: TlsFiles;
  readonly forMs: number;
}

export interface AttackReport {
  /** Connections that were tried. */
  readonly tried: number;
  /** How long each that was let in lasted, in milliseconds; the last one until the attack was over. */
  readonly lastedMs: readonly number[];
  readonly megabytes: number;
}

async function attack(order: AttackOrder, { flood: at, files, forMs }: Attack): Promise<AttackReport> {
  const flood = FLOODS[at]!;
  const endMs = performance.now() + forMs;
  const lastedMs: number[] = [];
  let tried = 0;
  let bytes = 0;
  while (performance.now() < endMs) {
    tried++;
    const socket = await connect(order, files).catch(() => undefined);
    if (socket === undefined) {
      await pause(20);
      continue;
    }
    const startedMs = performance.now();
    bytes += await floodOver(socket, flood, endMs);
    lastedMs.push(performance.now() - startedMs);
    socket.destroy();
  }
  return { tried, lastedMs, megabytes: bytes / 1e6 };
}

/** Until it is thrown out, or the attack is over. Gives how many bytes it wrote. */
async function floodOver(socket: TLSSocket, flood: Flood, endMs: number): Promise<number> {
  let bytes = 0;
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      isClosed = true;
      resolve();
    });
  });
  if (flood.reads) socket.resume();
  socket.write(Buffer.concat([PREFACE, settings(flood.settings)]));
  for (let turn = 0; !isClosed && performance.now() < endMs; turn++) {
    const chunk = flood.next(turn);
    bytes += chunk.length;
    const isTaken = socket.write(chunk);
    if (!isTaken) await Promise.race([once(socket, "drain").catch(() => {}), closed, pause(endMs - performance.now())]);
    else if (turn % 16 === 0) await pause(0);
  }
  return bytes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

async function connect({ port, serverName }: AttackOrder, files: TlsFiles): Promise<TLSSocket> {
  const socket = tls.connect({
    ...{ port, host: "127.0.0.1", servername: serverName, ALPNProtocols: ["h2"] },
    ...{ cert: files.certificate, key: files.key, ca: files.trust },
  });
  await once(socket, "secureConnect");
  socket.on("error", () => {}); // how long it lasted is what counts
  return socket;
}

let text = "";
for await (const chunk of process.stdin.setEncoding("utf8")) text += String(chunk);
const order = JSON.parse(text) as AttackOrder;
const reports: AttackReport[] = [];
for (const each of order.attacks) reports.push(await attack(order, each));
console.log(JSON.stringify(reports));
process.exit(0);
