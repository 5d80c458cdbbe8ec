/**
 * The baseline of opening records: a bare gRPC server with the library's default settings and mutual TLS, which streams as many bytes
 * as it is asked for in pieces of 64 KiB, as fast as they are taken. Run as a process of its own: stream-server.ts
 * NODE_CERTS_FOLDER; prints its port, and ends when its standard input does.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { Server, ServerCredentials, type ServiceDefinition, type ServerWritableStream } from "@grpc/grpc-js";

import { nodeFilesIn } from "../../certs/layout.ts";

const piece = Buffer.alloc(64 * 1024, 1);

const asTheyAre = (bytes: Buffer): Buffer => bytes;
const service: ServiceDefinition = {
  stream: {
    path: "/bench.Stream/Stream",
    requestStream: false,
    responseStream: true,
    requestSerialize: asTheyAre,
    requestDeserialize: asTheyAre,
    responseSerialize: asTheyAre,
    responseDeserialize: asTheyAre,
  },
};
async function send(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
  for (let left = call.request.readUInt32BE(0); left > 0; left -= piece.length) {
    if (!call.write(piece.subarray(0, left))) await once(call, "drain");
  }
  call.end();
}

const files = nodeFilesIn(process.argv[2] ?? "");
const [trust, certificate, key] = [files.trust, files.certificate, files.key].map((path) => readFileSync(path));
const server = new Server();
server.addService(service, { stream: (call: ServerWritableStream<Buffer, Buffer>) => void send(call) });
const pair = { cert_chain: certificate!, private_key: key! };
server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(trust!, [pair], true), (error, port) => {
  if (error !== null) throw error;
  console.log(port);
});
process.stdin.resume().once("close", () => process.exit());
