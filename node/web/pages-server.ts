import { constants } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";

/** What the pages' server shows to browsers, as PEM. */
export interface PagesFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface PagesServerOrder {
  readonly listen: { readonly host: string; readonly port: number };
  readonly files: PagesFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface PagesServer {
  readonly port: number;
  /** Shows this from now on. Throws where they are not a pair. */
  renew(files: PagesFiles): void;
  /** Takes nothing new, lets requests under way finish, and ends what is still open after so many milliseconds. */
  close(graceMs: number): Promise<void>;
}

/** Browsers keep several connections each, and nobody has to prove who they are to open one. */
const CONNECTIONS_MAX = 512;
const CONNECTIONS_PER_ADDRESS_MAX = 64;
const HEADER_BYTES_MAX = 8 * 1024;
const HANDSHAKE_WITHIN_MS = 5_000;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 10_000;
const IDLE_MS = 30_000;
const SWEEP_EVERY_MS = 1_000;

/**
 * Listens for browsers: HTTPS, TLS 1.3, HTTP/1.1, no client certificates. Who a browser is for, its session says.
 *
 * @throws {Failure} `configuration`: the files are not a pair, or the address cannot be listened on.
 */
export async function startPagesServer(order: PagesServerOrder): Promise<PagesServer> {
  const server = makeServer(order.files);
  const countOf = new Map<string, number>();
  server.on("secureConnection", (socket) => {
    socket.on("error", () => socket.destroy()); // whoever breaks off is gone
    const from = socket.remoteAddress ?? "unknown";
    const count = (countOf.get(from) ?? 0) + 1;
    if (count > CONNECTIONS_PER_ADDRESS_MAX) return void socket.destroy();
    countOf.set(from, count);
    socket.once("close", () => {
      const left = (countOf.get(from) ?? 1) - 1;
      if (left === 0) countOf.delete(from);
      else countOf.set(from, left);
    });
  });
  server.on("tlsClientError", (_, socket) => socket.destroy());
  server.on("request", order.handle);
  const port = await listen(server, order.listen);
  server.on("error", (thrown) => order.log.error("listener-failed", thrown));
  return {
    port,
    renew: (files) => server.setSecureContext(contextOf(files)),
    async close(graceMs) {
      const ended = new AbortController();
      server.close(() => ended.abort());
      server.closeIdleConnections();
      await order.clock.sleep(graceMs, ended.signal);
      server.closeAllConnections();
    },
  };
}

function contextOf({ certificate, key }: PagesFiles): SecureContextOptions {
  return { cert: certificate, key, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET };
}

function makeServer(files: PagesFiles): Server {
  try {
    const server = createServer({
      ...contextOf(files),
      ...{ handshakeTimeout: HANDSHAKE_WITHIN_MS, ALPNProtocols: ["http/1.1"] },
      ...{ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADERS_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS },
      ...{ keepAliveTimeout: IDLE_MS, connectionsCheckingInterval: SWEEP_EVERY_MS, insecureHTTPParser: false },
      noDelay: true,
    });
    server.maxConnections = CONNECTIONS_MAX;
    return server;
  } catch (cause) {
    const text = "OpenSSL does not accept pages.certificate with pages.key: are they a pair?";
    throw new Failure("configuration", text, { cause });
  }
}

async function listen(server: Server, { host, port }: PagesServerOrder["listen"]): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch (thrown) {
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
    const text = `Cannot listen on ${host}:${port} for pages (${why}): choose another address in pages.listen, or stop whatever uses it.`;
    throw new Failure("configuration", text, { where: "pages.listen", cause: thrown });
  }
}
