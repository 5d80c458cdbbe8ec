import { once } from "node:events";
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import tls from "node:tls";

import { nodeDns } from "../../certs/profile.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { DOMAIN, HOLDER } from "./doors-network.ts";

/** gRPC spoken by hand, over node:http2: for frames and headers that no gRPC library would send. */

/** How a call ended, whatever it was. */
export interface RawReply {
  /** `undefined`: the stream ended without headers. */
  readonly httpStatus: number | undefined;
  readonly grpcStatus: number | undefined;
  /** Bytes of gRPC messages that came back. */
  readonly dataBytes: number;
  /** The RST_STREAM code; 0: none. */
  readonly reset: number;
  /** Headers and trailers as text. */
  readonly said: string;
}

export interface RawSession {
  readonly session: ClientHttp2Session;
  /** Opens a call; its body is the test's to write. */
  open(method: string, headers?: OutgoingHttpHeaders): ClientHttp2Stream;
  close(): void;
}

const REPLY_WITHIN_MS = 15_000;

export async function rawSession(port: number, files: TlsFiles): Promise<RawSession> {
  const socket = tls.connect({
    ...{ port, host: "127.0.0.1", servername: nodeDns(DOMAIN, HOLDER), ALPNProtocols: ["h2"] },
    ...{ cert: files.certificate, key: files.key, ca: files.trust },
  });
  await once(socket, "secureConnect");
  const session = http2.connect(`https://${nodeDns(DOMAIN, HOLDER)}`, {
    createConnection: () => socket,
    maxSendHeaderBlockLength: 1 << 20,
  });
  session.on("error", () => {}); // how each call ends is what counts
  return {
    session,
    open: (method, headers = {}) =>
      session.request(
        {
          ...{ ":method": "POST", ":path": method, te: "trailers", "content-type": "application/grpc" },
          ...headers,
        },
        { endStream: false },
      ),
    close: () => session.destroy(),
  };
}

/** A message in gRPC's frame. @param lie the length that the frame claims, where it is not the true one. */
export function framed(message: Uint8Array, { flag = 0, lie = message.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(lie, 1);
  return Buffer.concat([head, message]);
}

export function replyOf(stream: ClientHttp2Stream): Promise<RawReply> {
  let httpStatus: number | undefined;
  let grpcStatus: number | undefined;
  let dataBytes = 0;
  const said: string[] = [];
  const note = (headers: object): void => {
    const known = headers as Record<string, unknown>;
    if (known[":status"] !== undefined) httpStatus = Number(known[":status"]);
    if (known["grpc-status"] !== undefined) grpcStatus = Number(known["grpc-status"]);
    said.push(...Object.entries(known).map(([name, value]) => `${name}: ${String(value)}`));
  };
  stream.on("response", note).on("trailers", note);
  stream.on("data", (chunk: Buffer) => (dataBytes += chunk.length));
  stream.on("error", () => {}); // told by the reset code
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the call has not ended")), REPLY_WITHIN_MS);
    const finish = (): void => {
      clearTimeout(late);
      resolve({ httpStatus, grpcStatus, dataBytes, reset: stream.rstCode ?? 0, said: said.join("\n") });
    };
    // A server may end a call whose client has not said all: then there is an end and no close.
    stream.once("end", () => setImmediate(finish)).once("close", finish);
  });
}

/** One call on a connection of its own, with these headers beside or instead of the usual. */
export async function rawPost(
  port: number,
  files: TlsFiles,
  method: string,
  message: Uint8Array,
  headers: OutgoingHttpHeaders,
): Promise<RawReply> {
  const { open, close } = await rawSession(port, files);
  try {
    const stream = open(method, headers);
    const reply = replyOf(stream);
    stream.end(framed(message));
    return await reply;
  } finally {
    close();
  }
}
