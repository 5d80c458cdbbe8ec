import tls, { type TLSSocket } from "node:tls";

import { Client, type Metadata, type ServiceError, credentials } from "@grpc/grpc-js";

import { nodeDns } from "../../../certs/profile.ts";
import { Failure } from "../../base/failure.ts";
import { failureOf, isCallError } from "../status.ts";
import { type TlsFiles, clientContext } from "../tls-files.ts";
import { DOMAIN, HOLDER } from "./a-network.ts";

/** A plain gRPC client of the holder's door, for calls that no honest client would make. */
export function plainClient(port: number, files: TlsFiles): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createFromSecureContext(clientContext(files)), {
    "grpc.ssl_target_name_override": nodeDns(DOMAIN, HOLDER),
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_channelz": 0,
    "grpc.max_send_message_length": -1,
  });
}

/** Sends these bytes as the request of a unary method. */
export function sendBytes(
  client: Client,
  method: string,
  bytes: Uint8Array,
  options: { readonly deadline?: number; readonly metadata?: Metadata } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: Buffer): void => {
      if (error === null) resolve(response ?? Buffer.alloc(0));
      else reject(error);
    };
    const asIs = (buffer: Buffer): Buffer => buffer;
    const callOptions = options.deadline === undefined ? {} : { deadline: options.deadline };
    const metadata = options.metadata;
    if (metadata === undefined) client.makeUnaryRequest(method, asIs, asIs, Buffer.from(bytes), callOptions, done);
    else client.makeUnaryRequest(method, asIs, asIs, Buffer.from(bytes), metadata, callOptions, done);
  });
}

/** The failure that a call ends in, typed. */
export async function failureFrom(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    if (isCallError(thrown)) return failureOf(thrown);
    throw thrown;
  }
  throw new Error("the call ended well");
}

/** How a bare TLS connection to a port ends, or that it was made. `settleMs`: how long the other end may take. */
export async function knock(port: number, options: tls.ConnectionOptions, settleMs = 300): Promise<string> {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"], ...options });
  socket.resume(); // an end is seen only by whoever reads
  try {
    return await new Promise((resolve) => {
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.once("close", () => resolve("closed"));
      socket.once("secureConnect", () => setTimeout(() => resolve("connected"), settleMs));
    });
  } finally {
    socket.destroy();
  }
}

export function connectTls(port: number, files: TlsFiles, more: tls.ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = tls.connect({
    ...more,
    port,
    host: "127.0.0.1",
    cert: files.certificate,
    key: files.key,
    ca: files.trust,
    servername: nodeDns(DOMAIN, HOLDER),
    ALPNProtocols: ["h2"],
  });
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}
