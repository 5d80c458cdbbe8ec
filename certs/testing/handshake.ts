import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls, { type Server, type TLSSocket } from "node:tls";

import type { Credentials } from "./network.ts";

/** What a server makes of a client's certificate. */
export type Reception =
  | { readonly kind: "accepted"; readonly socket: TLSSocket }
  /** node:tls keeps OpenSSL's reason to itself when it refuses; a lenient gate shows it. */
  | { readonly kind: "refused" };

export interface Gate {
  readonly port: number;
  /** Connects with these credentials (none: without a certificate) and says what the server made of them. */
  receive(client: Credentials | undefined): Promise<Reception>;
  close(): void;
}

/**
 * A TLS 1.3 server on loopback that demands a certificate under this root, as a node does. A lenient one lets everybody
 * in, with OpenSSL's verdict in `socket.authorized` and `socket.authorizationError`.
 */
export async function openGate(own: Credentials, trustPem: string, lenient = false): Promise<Gate> {
  const server = tls.createServer({
    ...own,
    ca: trustPem,
    requestCert: true,
    rejectUnauthorized: !lenient,
    minVersion: "TLSv1.3",
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: TLSSocket[] = [];
  return {
    port,
    async receive(client) {
      const reception = nextReception(server);
      const socket = tls.connect({ ...client, port, host: "127.0.0.1", rejectUnauthorized: false });
      socket.on("error", () => {}); // the server's view is what counts
      clients.push(socket);
      return reception;
    },
    close() {
      for (const client of clients) client.destroy();
      server.close();
    },
  };
}

/** What a client makes of a server's certificate: the empty text, or OpenSSL's reason. */
export async function approach(server: Credentials, rootPem: string, servername: string): Promise<string> {
  const listener = tls.createServer({ ...server, minVersion: "TLSv1.3" });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = tls.connect({ port, host: "127.0.0.1", ca: rootPem, servername });
  try {
    return await new Promise<string>((resolve) => {
      socket.once("secureConnect", () => resolve(""));
      socket.once("error", (error: Error) => resolve(codeOf(error)));
    });
  } finally {
    socket.destroy();
    listener.close();
  }
}

function nextReception(server: Server): Promise<Reception> {
  return new Promise((resolve) => {
    const accept = (socket: TLSSocket): void => {
      server.off("tlsClientError", refuse);
      resolve({ kind: "accepted", socket });
    };
    const refuse = (): void => {
      server.off("secureConnection", accept);
      resolve({ kind: "refused" });
    };
    server.once("secureConnection", accept);
    server.once("tlsClientError", refuse);
  });
}

function codeOf(error: Error): string {
  const code = "code" in error ? String(error.code) : "UNSPECIFIED";
  return code === "UNSPECIFIED" ? error.message : code;
}
