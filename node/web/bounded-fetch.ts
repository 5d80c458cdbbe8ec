import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";

/** The platform's own, handed in. */
export type Fetch = typeof globalThis.fetch;

const ANSWER_BYTES_MAX = 1024 * 1024;
const WITHIN_MS = 5_000;

/**
 * Fetches over TLS, or from this machine; follows no redirect, waits five seconds at most, takes a megabyte at most. What goes
 * wrong is told without the address.
 */
export function boundedFetch(fetch: Fetch, clock: Clock): (url: string, options?: RequestInit) => Promise<Response> {
  return async (address, options) => {
    const url = new URL(address);
    const isSafe = url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "127.0.0.1");
    if (!isSafe) throw unreachable("an address that is not https");
    const late = new AbortController();
    const timer = clock.after(WITHIN_MS, () => late.abort());
    try {
      const { status, headers, body } = await fetch(url, { ...options, redirect: "error", signal: late.signal });
      return new Response(await takeAll(body), { status, headers });
    } catch (thrown) {
      throw thrown instanceof Failure ? thrown : unreachable(late.signal.aborted ? "no answer in time" : "no answer");
    } finally {
      timer.cancel();
    }
  };
}

async function takeAll(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) throw unreachable("an answer that is too large");
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function unreachable(what: string): Failure {
  return new Failure(
    "unreachable",
    `Your own system could not be asked who the patient is (${what}): open this again from it.`,
  );
}
