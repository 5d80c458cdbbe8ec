import net from "node:net";
import tls from "node:tls";

import type { TlsFiles } from "../../node/wire/tls-files.ts";

/**
 * Makes handshakes with a node's door from a process of its own, as fast as it can, every other one of which it breaks off as
 * soon as it has said its first words. Its orders come as JSON on standard input, its report goes as JSON to standard output.
 */

export interface KnockOrder {
  readonly port: number;
  readonly serverName: string;
  readonly files: TlsFiles;
  readonly times: number;
}

export interface KnockReport {
  readonly completed: number;
  readonly brokenOff: number;
  /** Ended by the other end before they were completed. */
  readonly sentAway: number;
}

const AT_ONCE = 200;

async function knock({ port, serverName, files, times }: KnockOrder): Promise<KnockReport> {
  const report = { completed: 0, brokenOff: 0, sentAway: 0 };
  let left = times;
  const options = {
    ...{ port, host: "127.0.0.1", servername: serverName, ALPNProtocols: ["h2"] },
    ...{ cert: files.certificate, key: files.key, ca: files.trust },
  };
  const complete = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = tls.connect(options);
      let isDone = false;
      socket.on("error", () => {});
      socket.once("secureConnect", () => {
        isDone = true;
        socket.destroy();
      });
      socket.once("close", () => {
        report[isDone ? "completed" : "sentAway"]++;
        resolve();
      });
    });
  /** Sends its ClientHello, and is gone. */
  const breakOff = (): Promise<void> =>
    new Promise((resolve) => {
      const raw = net.connect(port, "127.0.0.1");
      const socket = tls.connect({ ...options, socket: raw });
      socket.on("error", () => {});
      raw.on("error", () => {});
      raw.once("connect", () => setTimeout(() => raw.destroy(), 5));
      raw.once("close", () => {
        socket.destroy();
        report.brokenOff++;
        resolve();
      });
    });
  const lane = async (): Promise<void> => {
    while (left-- > 0) await (left % 2 === 0 ? complete() : breakOff());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return report;
}

let text = "";
for await (const chunk of process.stdin.setEncoding("utf8")) text += String(chunk);
console.log(JSON.stringify(await knock(JSON.parse(text) as KnockOrder)));
process.exit(0);
