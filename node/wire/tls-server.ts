import { constants } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls, { type TLSSocket } from "node:tls";

import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import type { PeerIdentity } from "../trust/peer-identity.ts";
import {
  CONNECTIONS_MAX,
  CONNECTIONS_PER_PEER_MAX,
  FIRST_FRAME_WITHIN_MS,
  HANDSHAKE_WITHIN_MS,
  SWEEP_EVERY_MS,
} from "./bounds.ts";
import { type TlsFiles, asConfiguration } from "./tls-files.ts";

/** An HTTP/2 preface and the head of the frame that must follow it. */
const FIRST_FRAME_BYTES = 24 + 9;
const TCP_KEEPALIVE_MS = 30_000;

/** One open connection. */
export interface Connection {
  /** `address:port` of the other end: no two open connections of this server share one. */
  readonly key: string;
  /** Who the certificate says it is, or why it says nobody that this network knows. */
  readonly peer: PeerIdentity | Failure;
}

export interface TlsServerOrder {
  readonly listen: { readonly host: string; readonly port: number };
  readonly files: TlsFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads who a socket's certificate stands for, once for each connection. Throws a Failure where it is nobody. */
  readonly identify: (socket: TLSSocket) => PeerIdentity;
  /** Takes the connection over: from here on it speaks HTTP/2. */
  readonly accept: (socket: TLSSocket, connection: Connection) => void;
}

export interface TlsServer {
  readonly port: number;
  /** The open connection from that `address:port`. */
  connection(key: string): Connection | undefined;
  /** Takes no new connections; those that are open stay. Resolves when the last of them has ended. */
  stopListening(): Promise<void>;
  /** Ends every connection at once. */
  destroy(): void;
}

/**
 * Listens with TLS 1.3 only and certificates of this network only, and hands over connections that speak HTTP/2.
 *
 * Sessions are never resumed: a resumed one would carry no certificate chain, and no check of its dates.
 *
 * @throws {Failure} `configuration`: the files are not a pair, or the address cannot be listened on.
 */
export async function startTlsServer(order: TlsServerOrder): Promise<TlsServer> {
  const server = asConfiguration(() =>
    tls.createServer({
      cert: order.files.certificate,
      key: order.files.key,
      ca: order.files.trust,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
      ALPNProtocols: ["h2"],
      secureOptions: constants.SSL_OP_NO_TICKET,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    }),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const connections = makeConnections(order);
  const refusals = makeRefusalLog(order);
  server.on("secureConnection", (socket) => connections.admit(socket, refusals.note));
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    refusals.note(error.code ?? "handshake-failed");
    socket.destroy(); // node:tls leaves a handshake that ran out of time open
  });
  server.on("drop", () => refusals.note("too-many-connections"));

  const port = await listen(server, order.listen);
  server.on("error", (thrown) => order.log.error("listener-failed", thrown));
  return {
    port,
    connection: (key) => connections.get(key),
    stopListening: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
    destroy: () => {
      refusals.stop();
      server.close();
      connections.destroy();
    },
  };
}

interface Connections {
  admit(socket: TLSSocket, refuse: (why: string) => void): void;
  get(key: string): Connection | undefined;
  destroy(): void;
}

function makeConnections({ clock, identify, accept }: TlsServerOrder): Connections {
  const open = new Map<string, { readonly connection: Connection; readonly socket: TLSSocket }>();
  const countOf = new Map<string, number>();

  function admit(socket: TLSSocket, refuse: (why: string) => void): void {
    const turnAway = (why: string): void => {
      refuse(why);
      socket.destroy();
    };
    socket.on("error", () => socket.destroy()); // whoever breaks off is gone; there is nobody to tell
    const key = `${socket.remoteAddress}:${socket.remotePort}`;
    if (socket.alpnProtocol !== "h2") return turnAway("not-http2");
    if (socket.remoteAddress === undefined || open.has(key)) return turnAway("address-in-use");

    const connection = { key, peer: attempt(() => identify(socket)) };
    const name = nameOf(connection.peer);
    const count = countOf.get(name) ?? 0;
    if (count >= CONNECTIONS_PER_PEER_MAX) return turnAway("too-many-connections-of-one-peer");

    countOf.set(name, count + 1);
    open.set(key, { connection, socket });
    const mute = clock.after(FIRST_FRAME_WITHIN_MS, () => {
      if (socket.bytesRead < FIRST_FRAME_BYTES) turnAway("mute");
    });
    socket.once("close", () => {
      mute.cancel();
      open.delete(key);
      const left = (countOf.get(name) ?? 1) - 1;
      if (left === 0) countOf.delete(name);
      else countOf.set(name, left);
    });
    accept(socket, connection);
  }

  return {
    admit,
    get: (key) => open.get(key)?.connection,
    destroy: () => {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

function attempt(identify: () => PeerIdentity): PeerIdentity | Failure {
  try {
    return identify();
  } catch (thrown) {
    return asFailure(thrown);
  }
}

/** Whose connections are counted together. */
function nameOf(peer: PeerIdentity | Failure): string {
  if (peer instanceof Failure) return "unknown";
  return peer.kind === "node" ? peer.nodeId : `${peer.nodeId}/caller/${peer.name}`;
}

/** One line a second at most, however many knock. */
function makeRefusalLog({ clock, log }: TlsServerOrder): { note(why: string): void; stop(): void } {
  const counts = new Map<string, number>();
  const timer = clock.every(SWEEP_EVERY_MS, () => {
    if (counts.size === 0) return;
    log.warn("connections-refused", Object.fromEntries(counts));
    counts.clear();
  });
  return {
    note: (why) => void counts.set(why, (counts.get(why) ?? 0) + 1),
    stop: () => timer.cancel(),
  };
}

async function listen(server: tls.Server, { host, port }: TlsServerOrder["listen"]): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch (thrown) {
    throw new Failure("configuration", `Cannot listen on ${host}:${port}: ${whyNot(thrown)}.`, {
      where: "listen",
      cause: thrown,
    });
  }
}

function whyNot(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
  if (code === "EADDRINUSE") return "another program uses this port; choose another in listen.port, or stop it";
  if (code === "EACCES") return "this user may not use this port; choose one above 1023 in listen.port";
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return "this machine has no such address; correct listen.host";
  return code;
}
