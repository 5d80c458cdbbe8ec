import { constants } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions, TLSSocket } from "node:tls";

import type { Clock } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import type { PeerIdentity } from "../trust/peer-identity.ts";
import {
  CONNECTION_AGE_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_CALLER_MAX,
  HANDSHAKE_WITHIN_MS,
  HEADER_BYTES_MAX,
  HEADERS_WITHIN_MS,
  IDLE_MS,
  REQUEST_WITHIN_MS,
  SWEEP_EVERY_MS,
} from "./bounds.ts";

/** What this end shows, and whom it believes, as PEM. */
export interface HttpsFiles {
  /** Leaf first, then the authority that signed it. */
  readonly certificate: string;
  readonly key: string;
  /** The network's root: nothing else is trusted. */
  readonly trust: string;
}

export interface HttpsServerOrder {
  readonly listen: { readonly host: string; readonly port: number };
  readonly files: HttpsFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads who a socket's certificate stands for, once for each connection. Throws a Failure where it is nobody. */
  readonly identify: (socket: TLSSocket) => PeerIdentity;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface HttpsServer {
  readonly port: number;
  /** Who is at the other end of a request. @throws {Failure} `not-authenticated`: nobody whom this network knows. */
  peerOf(request: IncomingMessage): PeerIdentity;
  /** Shows and believes others from now on; connections that are open stay until they are old. */
  renew(files: HttpsFiles): void;
  /** Takes nothing new, lets requests under way finish, and ends what is still open after so many milliseconds. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens with TLS 1.3 only and certificates of this network only, as strict as the gRPC door. HTTP/1.1. Sessions are
 * never resumed: a resumed one would carry no certificate chain, and no check of its dates.
 *
 * @throws {Failure} `configuration`: the files are not a pair, or the address cannot be listened on.
 */
export async function startHttpsServer(order: HttpsServerOrder): Promise<HttpsServer> {
  const { clock, log } = order;
  const server = makeServer(order);
  const refusals = makeRefusalLog(order);
  const connections = makeConnections(order, refusals.note);
  server.prependListener("secureConnection", connections.admit);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (connections.isOld(request.socket)) response.setHeader("connection", "close");
    order.handle(request, response);
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    refusals.note(error.code ?? "handshake-failed");
    socket.destroy(); // node:tls leaves a handshake that ran out of time open
  });
  server.on("drop", () => refusals.note("too-many-connections"));
  const port = await listen(server, order.listen);
  server.on("error", (thrown) => log.error("listener-failed", thrown));

  return {
    port,
    peerOf: ({ socket }) => connections.peerOf(socket),
    renew(files) {
      server.setSecureContext(contextOf(files));
      connections.endNext();
    },
    async close(graceMs) {
      const ended = new AbortController();
      server.close(() => ended.abort());
      server.closeIdleConnections();
      await clock.sleep(graceMs, ended.signal);
      server.closeAllConnections();
      refusals.stop();
    },
  };
}

function makeServer({ files }: HttpsServerOrder): Server {
  try {
    const server = createServer({
      ...contextOf(files),
      ...{ requestCert: true, rejectUnauthorized: true },
      ...{ handshakeTimeout: HANDSHAKE_WITHIN_MS, ALPNProtocols: ["http/1.1"] },
      ...{ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADERS_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS },
      ...{ keepAliveTimeout: IDLE_MS, connectionsCheckingInterval: SWEEP_EVERY_MS, insecureHTTPParser: false },
      noDelay: true,
    });
    server.maxConnections = CONNECTIONS_MAX;
    return server;
  } catch (cause) {
    const text = "OpenSSL does not accept the certificate with its key: are they a pair?";
    throw new Failure("configuration", text, { cause });
  }
}

function contextOf({ certificate, key, trust }: HttpsFiles): SecureContextOptions {
  return { cert: certificate, key, ca: trust, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET };
}

interface Connections {
  admit(socket: TLSSocket): void;
  peerOf(socket: object): PeerIdentity;
  isOld(socket: object): boolean;
  /** Those that are open now are old: each ends with its next answer. */
  endNext(): void;
}

function makeConnections({ clock, identify }: HttpsServerOrder, refuse: (why: string) => void): Connections {
  const open = new WeakMap<object, { readonly peer: PeerIdentity | Failure; readonly sinceMs: number }>();
  const countOf = new Map<string, number>();
  let oldBeforeMs = -Infinity;

  function admit(socket: TLSSocket): void {
    socket.on("error", () => socket.destroy()); // whoever breaks off is gone; there is nobody to tell
    const peer = attempt(() => identify(socket));
    const name = nameOf(peer);
    const count = countOf.get(name) ?? 0;
    if (count >= CONNECTIONS_PER_CALLER_MAX) {
      refuse("too-many-connections-of-one-caller");
      socket.destroy();
      return;
    }
    countOf.set(name, count + 1);
    open.set(socket, { peer, sinceMs: clock.monotonicMs() });
    socket.once("close", () => {
      const left = (countOf.get(name) ?? 1) - 1;
      if (left === 0) countOf.delete(name);
      else countOf.set(name, left);
    });
  }

  return {
    admit,
    peerOf(socket) {
      const peer = open.get(socket)?.peer ?? new Failure("not-authenticated", "The connection was not admitted.");
      if (peer instanceof Failure) throw peer;
      return peer;
    },
    isOld(socket) {
      const sinceMs = open.get(socket)?.sinceMs ?? -Infinity;
      return sinceMs <= oldBeforeMs || clock.monotonicMs() - sinceMs > CONNECTION_AGE_MS;
    },
    endNext: () => void (oldBeforeMs = clock.monotonicMs()),
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
function makeRefusalLog({ clock, log }: HttpsServerOrder): { note(why: string): void; stop(): void } {
  const counts = new Map<string, number>();
  const timer = clock.every(SWEEP_EVERY_MS, () => {
    if (counts.size === 0) return;
    log.warn("connections-refused", { door: "fhir", ...Object.fromEntries(counts) });
    counts.clear();
  });
  return { note: (why) => void counts.set(why, (counts.get(why) ?? 0) + 1), stop: () => timer.cancel() };
}

async function listen(server: Server, { host, port }: HttpsServerOrder["listen"]): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch (thrown) {
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
    const text = `Cannot listen on ${host}:${port} for FHIR (${why}): choose another address in fhir.listen, or stop whatever uses it.`;
    throw new Failure("configuration", text, { where: "fhir.listen", cause: thrown });
  }
}
