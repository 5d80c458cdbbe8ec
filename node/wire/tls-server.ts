import { constants } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import tls, { type SecureContextOptions, type TLSSocket } from "node:tls";

import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { makeHandshakeGate } from "../base/handshake-gate.ts";
import type { Log } from "../telemetry/log.ts";
import type { PeerIdentity } from "../trust/peer-identity.ts";
import {
  CONDUCT_EVERY_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_PEER_MAX,
  FIRST_REQUEST_WITHIN_MS,
  HANDSHAKE_WITHIN_MS,
  IDLE_BYTES_PER_SECOND_MAX,
  REST_AFTER_FLOOD_MS,
  SWEEP_EVERY_MS,
} from "./bounds.ts";
import { Conduct, IdleAccount } from "./conduct.ts";
import { type TlsFiles, asConfiguration } from "./tls-files.ts";

const TCP_KEEPALIVE_MS = 30_000;

/** One open connection. */
export interface Connection {
  /** `address:port` of the other end: no two open connections of this server share one. */
  readonly key: string;
  /** Who the certificate says it is, or why it says nobody that this network knows. */
  readonly peer: PeerIdentity | Failure;
  readonly conduct: Conduct;
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
  /** Shows and believes others from now on; connections that are open stay. Throws as the start does. */
  renew(files: TlsFiles): void;
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
      ...contextOf(order.files),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
      ALPNProtocols: ["h2"],
    }),
  );
  const refusals = makeRefusalLog(order);
  const connections = makeConnections(order, refusals.note);
  const gate = makeHandshakeGate<Socket>(
    order.clock,
    (socket) => server.emit("connection", socket),
    () => refusals.note("too-many-handshakes"),
  );
  const listener = net.createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
    gate.arrive,
  );
  listener.maxConnections = CONNECTIONS_MAX;
  server.on("secureConnection", connections.admit);
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    refusals.note(socket.authorizationError?.toString() ?? error.code ?? "handshake-failed");
    socket.destroy(); // node:tls leaves a handshake that ran out of time open
  });
  listener.on("drop", () => refusals.note("too-many-connections"));

  const port = await listen(listener, order.listen);
  listener.on("error", (thrown) => order.log.error("listener-failed", thrown));
  return {
    port,
    connection: (key) => connections.get(key),
    renew: (files) => asConfiguration(() => server.setSecureContext(contextOf(files))),
    stopListening: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        gate.close();
      }),
    destroy: () => {
      refusals.stop();
      listener.close();
      gate.close();
      connections.destroy();
    },
  };
}

function contextOf({ certificate, key, trust }: TlsFiles): SecureContextOptions {
  return { cert: certificate, key, ca: trust, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET };
}

interface Connections {
  admit(socket: TLSSocket): void;
  get(key: string): Connection | undefined;
  destroy(): void;
}

interface OpenConnection {
  readonly connection: Connection;
  readonly socket: TLSSocket;
  readonly party: Party;
  /** On the monotonic clock. */
  readonly askByMs: number;
}

/** A node or a caller, with all its connections. */
interface Party {
  readonly name: string;
  readonly account: IdleAccount;
  connections: number;
  /** After a flood it is not let in until then; what is open and has no part in it stays. */
  restsUntilMs: number;
}

function makeConnections(order: TlsServerOrder, refuse: (why: string) => void): Connections {
  const { clock, log, identify, accept } = order;
  const open = new Map<string, OpenConnection>();
  const parties = new Map<string, Party>();
  const sweep = clock.every(CONDUCT_EVERY_MS, () => judge(clock.monotonicMs()));

  function admit(socket: TLSSocket): void {
    socket.on("error", () => socket.destroy()); // whoever breaks off is gone; there is nobody to tell
    const key = `${socket.remoteAddress}:${socket.remotePort}`;
    if (socket.alpnProtocol !== "h2") return turnAway(socket, "not-http2");
    if (socket.remoteAddress === undefined || open.has(key)) return turnAway(socket, "address-in-use");

    const nowMs = clock.monotonicMs();
    const peer = attempt(() => identify(socket));
    if (peer instanceof Failure) log.warn("certificate-refused", { text: peer.message });
    const party = partyOf(nameOf(peer), nowMs);
    if (nowMs < party.restsUntilMs) return turnAway(socket, "rests-after-flood");
    if (party.connections >= CONNECTIONS_PER_PEER_MAX) return turnAway(socket, "too-many-connections-of-one-peer");

    const connection = { key, peer, conduct: new Conduct() };
    const opened = { connection, socket, party, askByMs: nowMs + FIRST_REQUEST_WITHIN_MS };
    party.connections++;
    open.set(key, opened);
    socket.once("close", () => {
      charge(opened, clock.monotonicMs());
      party.connections--;
      open.delete(key);
    });
    accept(socket, connection);
  }

  function turnAway(socket: TLSSocket, why: string): void {
    refuse(why);
    socket.destroy();
  }

  function partyOf(name: string, nowMs: number): Party {
    const known = parties.get(name);
    if (known !== undefined) return known;
    const party = { name, account: new IdleAccount(nowMs), connections: 0, restsUntilMs: 0 };
    parties.set(name, party);
    return party;
  }

  function charge({ connection, socket, party }: OpenConnection, nowMs: number): number {
    const bytes = connection.conduct.moreIdleBytes(socket.bytesRead);
    party.account.charge(bytes, nowMs);
    return bytes;
  }

  function judge(nowMs: number): void {
    const charged = [...open.values()].map((each) => ({ each, bytes: charge(each, nowMs) }));
    for (const party of parties.values()) {
      if (party.account.isOverdrawn()) beginRest(party, nowMs);
      else if (party.connections === 0 && party.account.isEmpty() && nowMs >= party.restsUntilMs) {
        parties.delete(party.name);
      }
    }
    for (const { each, bytes } of charged) {
      const { party, connection, socket, askByMs } = each;
      const share = (IDLE_BYTES_PER_SECOND_MAX * CONDUCT_EVERY_MS) / 1_000 / party.connections;
      if (party.account.isOverdrawn() && bytes > share) turnAway(socket, "flood");
      else if (!connection.conduct.hasAsked && nowMs >= askByMs) turnAway(socket, "mute");
    }
  }

  function beginRest(party: Party, nowMs: number): void {
    if (nowMs >= party.restsUntilMs) log.warn("connection-flood", { peer: party.name, restMs: REST_AFTER_FLOOD_MS });
    party.restsUntilMs = nowMs + REST_AFTER_FLOOD_MS;
  }

  return {
    admit,
    get: (key) => open.get(key)?.connection,
    destroy: () => {
      sweep.cancel();
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

/** Whose connections are judged together. */
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

async function listen(server: net.Server, { host, port }: TlsServerOrder["listen"]): Promise<number> {
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
