import { once } from "node:events";
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

import { AssertionPayload } from "../../node/wire/generated/corridor/v1/assertion.ts";
import {
  AnswerLocateRequest,
  AnswerLocateResponse,
  LocatorServiceService,
} from "../../node/wire/generated/corridor/v1/locator_service.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { framed } from "../testing/doors-http2.ts";

/** A question as it came in, and the frames to answer it with or not. */
export interface AskedByHand {
  readonly requestId: string;
  readonly attemptId: string;
  /** What the asker says is left, in milliseconds: in the message, and as gRPC's own timeout. */
  readonly answerByMs: number;
  readonly timeoutMs: number;
  /** On this process's monotonic clock. */
  readonly arrivedMs: number;
  readonly session: ServerHttp2Session;
  readonly stream: ServerHttp2Stream;
  /** Answers that there is nothing to show; `bytes` of it only, and no more, where that is less than all. */
  answer(bytes?: number): void;
}

export interface RawHolder {
  readonly port: number;
  close(): Promise<void>;
}

const NOTHING_TO_SHOW = 2;

/** A holder that speaks gRPC by hand over node:http2, so that a trial decides about every frame. */
export async function startRawHolder(
  { certificate, key, trust }: TlsFiles,
  onAsked: (asked: AskedByHand) => void,
  port = 0,
): Promise<RawHolder> {
  const secure = { cert: certificate, key, ca: trust, requestCert: true, ALPNProtocols: ["h2"] };
  const server = http2.createSecureServer(secure);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session.on("error", () => {}).on("close", () => sessions.delete(session)));
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    const arrivedMs = performance.now();
    stream.on("error", () => {});
    if (headers[":path"] !== LocatorServiceService.answerLocate.path) return refuseMethod(stream);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const { session } = stream;
      if (session === undefined || stream.destroyed) return;
      const request = AnswerLocateRequest.decode(Buffer.concat(chunks).subarray(5));
      const { claims } = AssertionPayload.decode(request.assertion!.payload);
      const { requestId, attemptId } = claims[request.question!.claimIndex]!;
      const { answerByMs } = request.question!;
      const timeoutMs = millisecondsOf(String(headers["grpc-timeout"]));
      onAsked({
        ...{ requestId, attemptId, answerByMs, timeoutMs, arrivedMs, stream, session: session as ServerHttp2Session },
        answer: (bytes) => answer(stream, attemptId, bytes),
      });
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

/** As a node that serves questions one by one alone: it is asked so, then. */
function refuseMethod(stream: ServerHttp2Stream): void {
  stream.respond(
    { ":status": 200, "content-type": "application/grpc+proto", "grpc-status": "12" },
    { endStream: true },
  );
}

function answer(stream: ServerHttp2Stream, attemptId: string, bytes = Infinity): void {
  if (stream.destroyed) return;
  const said = {
    ...{ attemptId, outcome: NOTHING_TO_SHOW as 2, pointers: [], sealed: [], coverage: undefined, reason: "" },
    ...{ padding: Buffer.alloc(0), notOffered: [], morePointers: 0 },
  };
  const message = AnswerLocateResponse.encode({ protocol: { major: 1, minor: 0 }, answer: said }).finish();
  const whole = framed(message);
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  if (bytes < whole.length) {
    stream.write(whole.subarray(0, bytes));
    return;
  }
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(whole);
}

/** gRPC's `grpc-timeout`: digits and a unit. */
function millisecondsOf(timeout: string): number {
  const unit = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }[timeout.slice(-1)] ?? Number.NaN;
  return Number(timeout.slice(0, -1)) * unit;
}
