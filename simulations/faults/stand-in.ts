import { once } from "node:events";
import http2 from "node:http2";
import net, { type Server } from "node:net";
import tls from "node:tls";

import type { TlsFiles } from "../../node/wire/tls-files.ts";

/**
 * What may listen where a peer should: `mute` accepts connections and says nothing; `tls-only` speaks TLS and then nothing;
 * `http2-only` says hello in HTTP/2 and answers no call; `noise` answers with bytes that are nothing.
 */
export const STAND_INS = ["mute", "tls-only", "http2-only", "noise"] as const;
export type StandIn = (typeof STAND_INS)[number];

export interface RunningStandIn {
  close(): Promise<void>;
}

/** @param files the certificate of whom it stands in for. */
export async function standIn(kind: StandIn, port: number, files: TlsFiles): Promise<RunningStandIn> {
  const sockets = new Set<net.Socket>();
  const server = serverOf(kind, files);
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  server.on("tlsClientError", (_error, socket: net.Socket) => socket.destroy());
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function serverOf(kind: StandIn, { certificate, key, trust }: TlsFiles): Server {
  const secure = { cert: certificate, key, ca: trust, requestCert: true, ALPNProtocols: ["h2"] };
  switch (kind) {
    case "mute":
      return net.createServer((socket) => void socket.resume());
    case "noise":
      return net.createServer((socket) => void socket.resume().write("HTTP/1.1 200 OK\r\n\r\nhello\n"));
    case "tls-only":
      return tls.createServer(secure, (socket) => void socket.on("error", () => {}).resume());
    case "http2-only":
      return http2
        .createSecureServer(secure)
        .on("sessionError", () => {})
        .on("stream", (stream) => void stream.on("error", () => {}));
  }
}
