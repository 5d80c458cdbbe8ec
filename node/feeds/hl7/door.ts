import { constants } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import tls, { type SecureContextOptions, type TLSSocket } from "node:tls";

import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import { makeHandshakeGate } from "../../base/handshake-gate.ts";
import type { Log } from "../../telemetry/log.ts";
import { type AuthorisedPeer, chainOf, identifyPeer, type PeerIdentity } from "../../trust/peer-identity.ts";
import type { AdtHandler, Hl7Sender } from "./adt-handler.ts";
import {
  ANSWER_WITHIN_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_SENDER_MAX,
  HANDSHAKE_WITHIN_MS,
  IDLE_MS,
  MESSAGE_WITHIN_MS,
  SOCKETS_MAX,
  SWEEP_EVERY_MS,
} from "./bounds.ts";
import { frame, type Frame, makeUnframer } from "./mllp.ts";

const TCP_KEEPALIVE_MS = 30_000;

/** What this end shows, and whom it believes, as PEM. */
export interface Hl7DoorFiles {
  readonly certificate: string;
  readonly key: string;
  readonly trust: string;
}

export interface Hl7DoorOrder {
  /** The network's: certificates of any other domain are nobody's. */
  readonly domain: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: Hl7DoorFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a peer may speak at this moment; asked for every message. Throws where it may not. */
  readonly authorise: (identity: PeerIdentity) => AuthorisedPeer;
  readonly handler: AdtHandler;
}

export interface Hl7Door {
  readonly port: number;
  /** Shows and believes others from now on; connections that are open end with their next answer, or when they are idle. */
  renew(files: Hl7DoorFiles): void;
  /** Takes nothing new, answers what is in hand, and ends what is still open after so many milliseconds. */
  close(graceMs: number): Promise<void>;
}

/**
 * Opens the node's door for HL7 v2: MLLP over TLS 1.3, for applications of this node only. One message at a time for each
 * connection, answered before the next is read.
 *
 * @throws {Failure} `configuration`: the certificate and its key are not a pair, or the address cannot be listened on.
 */
export async function startHl7Door(order: Hl7DoorOrder): Promise<Hl7Door> {
  const server = makeServer(order);
  const refusals = makeRefusalLog(order);
  const lines = makeLines(order, refusals.note);
  const gate = makeHandshakeGate<Socket>(
    order.clock,
    (socket) => server.emit("connection", socket),
    () => refusals.note("too-many-handshakes"),
  );
  const listener = net.createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
    gate.arrive,
  );
  listener.maxConnections = SOCKETS_MAX;
  server.on("secureConnection", lines.admit);
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    refusals.note(error.code ?? "handshake-failed");
    socket.destroy(); // node:tls leaves a handshake that ran out of time open
  });
  listener.on("drop", () => refusals.note("too-many-sockets"));
  const port = await listen(listener, order.listen);
  listener.on("error", (thrown) => order.log.error("listener-failed", thrown));
  return {
    port,
    renew(files) {
      server.setSecureContext(contextOf(files));
      lines.endNext();
    },
    async close(graceMs) {
      listener.close();
      gate.close();
      await lines.close(graceMs);
      refusals.stop();
    },
  };
}

/** One connection, what it is at, and since when. */
interface Line {
  readonly socket: TLSSocket;
  readonly identity: PeerIdentity;
  readonly name: string;
  at: "idle" | "receiving" | "handling" | "answering";
  sinceMs: number;
  /** True where it ends as soon as nothing of it is in hand. */
  endsNext: boolean;
}

const LONGEST_MS = {
  idle: IDLE_MS,
  receiving: MESSAGE_WITHIN_MS,
  handling: Number.POSITIVE_INFINITY, // the store's time is not the sender's fault
  answering: ANSWER_WITHIN_MS,
} as const satisfies Record<Line["at"], number>;

interface Lines {
  admit(socket: TLSSocket): void;
  endNext(): void;
  close(graceMs: number): Promise<void>;
}

function makeLines(order: Hl7DoorOrder, refuse: (why: string) => void): Lines {
  const { clock, log, handler } = order;
  const open = new Set<Line>();
  let isClosing = false;
  let allGone: (() => void) | undefined;
  const sweep = clock.every(SWEEP_EVERY_MS, () => open.forEach(judge));

  function admit(socket: TLSSocket): void {
    socket.on("error", () => socket.destroy()); // whoever breaks off is gone; there is nobody to tell
    const line = lineOf(socket);
    if (typeof line === "string") {
      refuse(line);
      socket.destroy();
      return;
    }
    open.add(line);
    socket.once("close", () => {
      open.delete(line);
      if (open.size === 0) allGone?.();
    });
    void serve(line).finally(() => {
      moveTo(line, "answering");
      socket.destroySoon(); // when the last answer has left
    });
  }

  /** @returns why there is none, in a word. */
  function lineOf(socket: TLSSocket): Line | string {
    if (isClosing) return "closing";
    if (open.size >= CONNECTIONS_MAX) return "too-many-connections";
    try {
      const identity = identifyPeer(chainOf(socket), order.domain);
      const name = senderOf(identity).name;
      const count = [...open].filter((each) => each.name === name).length;
      if (count >= CONNECTIONS_PER_SENDER_MAX) return "too-many-connections-of-one-sender";
      return { socket, identity, name, at: "idle", sinceMs: clock.monotonicMs(), endsNext: false };
    } catch {
      return "not-authenticated";
    }
  }

  /** @throws {Failure} the certificate may not be here now. */
  function senderOf(identity: PeerIdentity): Hl7Sender {
    const peer = order.authorise(identity);
    if (peer.kind !== "caller") throw new Failure("not-permitted", "Messages are taken from applications only.");
    return peer;
  }

  async function serve(line: Line): Promise<void> {
    const unframer = makeUnframer();
    try {
      // A chunk is only read when all of the one before is answered: no more than one lies here, whoever sends.
      for await (const chunk of line.socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        for (const found of unframer.add(chunk)) {
          if (found.kind === "not-framed") return refuse(found.kind);
          await answer(line, found);
          if (line.endsNext) return;
        }
        if (!unframer.isInside()) moveTo(line, "idle");
        else if (line.at !== "receiving") moveTo(line, "receiving");
      }
    } catch (thrown) {
      if (thrown instanceof Failure) refuse(thrown.code);
      else if (!line.socket.destroyed) log.error("hl7-failed", thrown); // else it broke off: what was not answered comes again
    }
  }

  async function answer(line: Line, found: Exclude<Frame, { kind: "not-framed" }>): Promise<void> {
    const sender = senderOf(line.identity);
    moveTo(line, "handling");
    const answered = await (found.kind === "message"
      ? handler.handle(found.bytes, sender)
      : handler.handleTooLong(found.head, sender));
    moveTo(line, "answering");
    if (!line.socket.write(frame(answered))) await once(line.socket, "drain");
  }

  function moveTo(line: Line, at: Line["at"]): void {
    line.at = at;
    line.sinceMs = clock.monotonicMs();
  }

  function judge(line: Line): void {
    if (clock.monotonicMs() - line.sinceMs > LONGEST_MS[line.at]) return end(line, line.at);
    if (line.at === "idle" && line.endsNext) return end(line, "renewed");
    if (line.at === "handling") return;
    try {
      senderOf(line.identity);
    } catch {
      end(line, "not-authenticated");
    }
  }

  function end(line: Line, why: string): void {
    refuse(why);
    line.socket.destroy();
  }

  function endNext(): void {
    for (const line of open) line.endsNext = true;
  }

  async function close(graceMs: number): Promise<void> {
    isClosing = true;
    endNext();
    for (const line of open) if (line.at === "idle" || line.at === "receiving") line.socket.destroy();
    const late = clock.after(graceMs, () => open.forEach(({ socket }) => socket.destroy()));
    if (open.size > 0) await new Promise<void>((resolve) => (allGone = resolve));
    late.cancel();
    sweep.cancel();
  }

  return { admit, endNext, close };
}

/** Sessions are never resumed: a resumed one would carry no certificate chain, and no check of its dates. */
function contextOf({ certificate, key, trust }: Hl7DoorFiles): SecureContextOptions {
  return { cert: certificate, key, ca: trust, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET };
}

function makeServer({ tls: files }: Hl7DoorOrder): tls.Server {
  try {
    return tls.createServer({
      ...contextOf(files),
      ...{ requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_WITHIN_MS },
    });
  } catch (cause) {
    const text = "OpenSSL does not accept the certificate with its key: are they a pair?";
    throw new Failure("configuration", text, { cause });
  }
}

/** One line a second at most, however many knock. */
function makeRefusalLog({ clock, log }: Hl7DoorOrder): { note(why: string): void; stop(): void } {
  const counts = new Map<string, number>();
  const timer = clock.every(SWEEP_EVERY_MS, () => {
    if (counts.size === 0) return;
    log.warn("connections-refused", { door: "hl7", ...Object.fromEntries(counts) });
    counts.clear();
  });
  return { note: (why) => void counts.set(why, (counts.get(why) ?? 0) + 1), stop: () => timer.cancel() };
}

async function listen(server: net.Server, { host, port }: Hl7DoorOrder["listen"]): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch (thrown) {
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
    const text = `Cannot listen on ${host}:${port} for HL7 (${why}): choose another address in hl7.listen, or stop whatever uses it.`;
    throw new Failure("configuration", text, { where: "hl7.listen", cause: thrown });
  }
}
