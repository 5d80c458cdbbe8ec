/**
 * The baseline: a bare gRPC server with the library's default settings and mutual TLS, nothing else. A request's first four
 * bytes say how long the answer is to be. Run as a process of its own: echo-server.ts NODE_CERTS_FOLDER; prints its port,
 * and ends when its standard input does.
 */
import { readFileSync } from "node:fs";

import { Server, ServerCredentials, type ServiceDefinition, type handleUnaryCall } from "@grpc/grpc-js";

import { nodeFilesIn } from "../../certs/layout.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
const answer = Buffer.alloc(ANSWER_BYTES_MAX, 1);

const asTheyAre = (bytes: Buffer): Buffer => bytes;
const service: ServiceDefinition = {
  echo: {
    path: "/bench.Echo/Echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: asTheyAre,
    requestDeserialize: asTheyAre,
    responseSerialize: asTheyAre,
    responseDeserialize: asTheyAre,
  },
};
const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) =>
  callback(null, answer.subarray(0, request.readUInt32BE(0)));

const files = nodeFilesIn(process.argv[2] ?? "");
const [trust, certificate, key] = [files.trust, files.certificate, files.key].map((path) => readFileSync(path));
const server = new Server();
server.addService(service, { echo });
const pair = { cert_chain: certificate!, private_key: key! };
server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(trust!, [pair], true), (error, port) => {
  if (error !== null) throw error;
  console.log(port);
});
process.stdin.resume().once("close", () => process.exit());
