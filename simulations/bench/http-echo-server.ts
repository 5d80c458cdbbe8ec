/**
 * The baseline of the door for FHIR: the same server library and router with mutual TLS, nothing else. It reads a search's
 * form and gives an answer of the length that `x-answer-bytes` says. Run as a process of its own: http-echo-server.ts
 * NODE_CERTS_FOLDER; prints its port, and ends when its standard input does.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";

import { nodeFilesIn } from "../../certs/layout.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
const answer = "x".repeat(ANSWER_BYTES_MAX);

const app = new Hono();
app.post("/fhir/DocumentReference/_search", async (call) => {
  await call.req.text();
  call.header("content-type", "application/fhir+json");
  return call.body(answer.slice(0, Number(call.req.header("x-answer-bytes"))));
});

const files = nodeFilesIn(process.argv[2] ?? "");
const [ca, cert, key] = [files.trust, files.certificate, files.key].map((path) => readFileSync(path));
const tls = {
  ca: ca!,
  cert: cert!,
  key: key!,
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: "TLSv1.3",
} as const;
const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
const server = createServer(tls, (request, response) => void listener(request, response));
server.listen({ host: "127.0.0.1", port: 0 }, () => console.log((server.address() as AddressInfo).port));
process.stdin.resume().once("close", () => process.exit());
