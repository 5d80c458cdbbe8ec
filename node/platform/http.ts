import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";

/** The platform's own, handed in. */
export type Fetch = typeof globalThis.fetch;

/** One request. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "POST" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Parsed; `undefined` where it is no JSON. */
  readonly body: unknown;
  /** Seconds; `undefined` where not said. */
  readonly retryAfter: number | undefined;
  /** Where what was created stands; empty where not said. */
  readonly location: string;
}

export interface HttpNeeds {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** The only hosts that are ever asked. */
  readonly hosts: readonly string[];
  /** From the request to the last byte of the answer. */
  readonly withinMs: number;
}

/** What services say of one patient has some kilobytes, or some hundred. */
const ANSWER_BYTES_MAX = 1024 * 1024;

export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * Makes requests to some hosts and no others: over TLS unless the host is this machine, without following redirects,
 * within a time and a size. A failure names the host, never the address.
 *
 * @throws {Failure} of the request: `timed-out`, `unreachable`, `incompatible` (too large); `configuration`: a host that is
 * not to be asked.
 */
export function makeHttp({ fetch, clock, hosts, withinMs }: HttpNeeds): Http {
  return async ({ url, method, headers, body, signal }) => {
    checkAddress(url, hosts);
    const late = new AbortController();
    const signals = signal === undefined ? [late.signal] : [late.signal, signal];
    const timer = clock.after(withinMs, () => late.abort());
    try {
      const response = await fetch(url, {
        ...{ method, headers: { ...headers }, redirect: "error", signal: AbortSignal.any(signals) },
        ...(body !== undefined && { body }),
      });
      const text = await readText(response, url.host);
      const location = response.headers.get("location") ?? "";
      return { status: response.status, body: parseJson(text), retryAfter: retryAfterOf(response), location };
    } catch (thrown) {
      if (thrown instanceof Failure) throw thrown;
      // What was thrown may hold the address: it is neither kept as a cause nor told.
      throw late.signal.aborted
        ? new Failure("timed-out", `${url.host} did not answer in ${withinMs} ms.`, { where: url.host })
        : new Failure("unreachable", `${url.host} could not be reached.`, { where: url.host });
    } finally {
      timer.cancel();
    }
  };
}

const THIS_MACHINE = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** @throws {Failure} `configuration`. */
export function checkAddress({ protocol, host, hostname, username, password }: URL, hosts: readonly string[]): void {
  const isSafe = protocol === "https:" || (protocol === "http:" && THIS_MACHINE.has(hostname));
  if (isSafe && hosts.includes(host) && username === "" && password === "") return;
  throw new Failure("configuration", `${host} is not a host that may be asked, or not by https.`, { where: host });
}

/** Reads no more than may come: a body without an end is cut off. */
async function readText(response: Response, host: string): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new Failure("incompatible", `${host} sent too long an answer.`, { where: host });
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function retryAfterOf(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
}
