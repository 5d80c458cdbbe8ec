import type { IncomingMessage } from "node:http";
import http from "node:http";
import https from "node:https";

import type { Clock, Timer } from "../base/clock.ts";
import { RECORD_BYTES_MAX, SourceFault } from "./source.ts";

/** How a source is spoken to. */
export interface HttpSourceOptions {
  /** With or without TLS. */
  readonly protocol: "https:" | "http:";
  /** Gives the value of the Authorization header; absent where the source wants none. */
  readonly authorization?: () => string;
  /** PEM of the authorities that may vouch for the source; the machine's own where absent. */
  readonly authorities?: string;
  /** This node's certificate and key for the source, PEM, where it wants one. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** From the request to the first byte of the answer. */
  readonly answerWithinMs: number;
}

export interface HttpAnswer {
  /** The MIME type alone, in small letters; empty where none is given. */
  readonly contentType: string;
  /** Milliseconds since the epoch; 0 where it is not said. */
  readonly lastModifiedMs: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** A source that sends nothing for so long has stopped. */
const SILENT_MS_MAX = 10_000;

/** Gets one resource. Redirects are not followed, compression is not asked for, nothing is kept. */
export type HttpGet = (url: URL, accept: string, signal: AbortSignal) => Promise<HttpAnswer>;

export function makeHttpGet(options: HttpSourceOptions, clock: Clock): HttpGet {
  const { protocol, authorization, authorities, identity, answerWithinMs } = options;
  const tls = {
    ...(authorities !== undefined && { ca: authorities }),
    ...(identity !== undefined && { cert: identity.certificate, key: identity.key }),
  };
  const plain = protocol === "http:";
  const agent = plain ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...tls });

  function send(url: URL, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept,
        "accept-encoding": "identity",
        ...(authorization && { authorization: authorization() }),
      };
      const request = (plain ? http : https).get(url, { agent, headers, signal }, resolve);
      const late = clock.after(answerWithinMs, () =>
        request.destroy(new SourceFault("not-responding", `no answer in ${answerWithinMs} ms`)),
      );
      request.on("error", (thrown) => reject(asFault(thrown, "not-responding")));
      request.on("close", () => late.cancel());
      request.on("response", () => late.cancel());
    });
  }

  return async (url, accept, signal) => {
    const answer = await send(url, accept, signal);
    const { statusCode = 0, headers } = answer;
    const refused = faultOfStatus(statusCode) ?? faultOfHeaders(headers);
    if (refused !== undefined) {
      answer.destroy();
      throw refused;
    }
    return {
      contentType: (headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase(),
      lastModifiedMs: Date.parse(headers["last-modified"] ?? "") || 0,
      pieces: piecesOf(answer, clock),
    };
  };
}

function faultOfStatus(status: number): SourceFault | undefined {
  if (status === 200) return undefined;
  if (status === 404 || status === 410) return new SourceFault("gone", `status ${status}`);
  const isDown = status === 502 || status === 503 || status === 504;
  return new SourceFault(isDown ? "not-responding" : "source-error", `status ${status}`);
}

function faultOfHeaders(headers: IncomingMessage["headers"]): SourceFault | undefined {
  if (Number(headers["content-length"] ?? 0) > RECORD_BYTES_MAX) return tooLarge();
  const encoding = headers["content-encoding"] ?? "identity";
  return encoding === "identity" ? undefined : new SourceFault("unexpected-content", "it is compressed");
}

async function* piecesOf(answer: IncomingMessage, clock: Clock): AsyncGenerator<Uint8Array> {
  const silence = new Silence(answer, clock);
  let bytes = 0;
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      silence.pause(); // while the piece is being carried away, it is not the source that is silent
      bytes += piece.length;
      if (bytes > RECORD_BYTES_MAX) throw tooLarge();
      yield piece;
      silence.watch();
    }
    if (!answer.complete) throw new SourceFault("broke-off", "the connection ended within the record");
  } catch (thrown) {
    throw asFault(thrown, "broke-off");
  } finally {
    silence.pause();
    if (!answer.complete) answer.destroy();
  }
}

/** Ends an answer of which nothing more comes. */
class Silence {
  readonly #answer: IncomingMessage;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(answer: IncomingMessage, clock: Clock) {
    this.#answer = answer;
    this.#clock = clock;
    this.watch();
  }

  watch(): void {
    this.#timer = this.#clock.after(SILENT_MS_MAX, () =>
      this.#answer.destroy(new SourceFault("broke-off", `nothing more in ${SILENT_MS_MAX} ms`)),
    );
  }

  pause(): void {
    this.#timer?.cancel();
  }
}

function tooLarge(): SourceFault {
  return new SourceFault("too-large", `over ${RECORD_BYTES_MAX} bytes`);
}

/** What went wrong, without what was thrown: it may hold the address. */
function asFault(thrown: unknown, otherwise: "not-responding" | "broke-off"): SourceFault {
  if (thrown instanceof SourceFault) return thrown;
  const code = thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
  return new SourceFault(otherwise, /^[A-Z_]{3,40}$/.test(code) ? code : "the connection failed");
}
