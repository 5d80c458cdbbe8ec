import type {
  MethodDefinition,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from "@grpc/grpc-js";

import { Failure, type FailureCode } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { type IncomingCall, incomingCall } from "./interceptors.ts";
import { statusOf } from "./status.ts";

/** A request as it came off the wire, or why it could not be read. */
export type Received<Request> = Request | Failure;

/** What is done with what a request holds beyond what is known here. */
export type Wholeness = "everything-known" | "newer-fields-ignored";

/**
 * A method whose requests are bounded, and never throw where they cannot be read: gRPC would answer that with a status
 * that says nothing.
 *
 * @param whole `everything-known` encodes a request again: where that gives another length, the request held something that
 * is not known here, and is refused. A function decides by the request, whose version may be a newer one.
 */
export function boundRequest<Request, Response>(
  method: MethodDefinition<Request, Response>,
  bytesMax: number,
  whole: Wholeness | ((request: Request) => Wholeness) = "newer-fields-ignored",
): MethodDefinition<Received<Request>, Response> {
  const read = (bytes: Buffer): Received<Request> => {
    if (bytes.length > bytesMax) return new Failure("overloaded", `A request may hold ${bytesMax} bytes.`);
    try {
      const request = method.requestDeserialize(bytes);
      const rule = typeof whole === "function" ? whole(request) : whole;
      if (rule === "newer-fields-ignored" || method.requestSerialize(request).length === bytes.length) return request;
      return new Failure("invalid-input", "The request has fields that are not known here, or gives one twice.");
    } catch {
      return new Failure("invalid-input", "The request is not a well-formed message of this method.");
    }
  };
  return {
    ...method,
    requestDeserialize: read,
    requestSerialize: (request) => {
      if (request instanceof Failure) throw request;
      return method.requestSerialize(request);
    },
  };
}

/** Reports what only the node's own people should know of a failure. */
function noteMistake(log: Log, method: string, thrown: unknown): void {
  if (!(thrown instanceof Failure) || OURS.has(thrown.code)) log.error("call-failed", thrown, { method });
}

/** Failures of which the other side hears nothing but that there was one. */
const OURS: ReadonlySet<FailureCode> = new Set<FailureCode>(["internal", "configuration", "store-unavailable"]);

function taken<Request>(request: Received<Request>): Request {
  if (request instanceof Failure) throw request;
  return request;
}

/** Wraps the work of a unary method: whatever it throws, now or later, becomes the call's status. */
export function unary<Request, Response>(
  log: Log,
  work: (request: Request, call: IncomingCall) => Promise<Response>,
): handleUnaryCall<Received<Request>, Response> {
  const run = async (call: ServerUnaryCall<Received<Request>, Response>): Promise<Response> =>
    work(taken(call.request), incomingCall(call.metadata));
  return (call, callback) => {
    run(call).then(
      (response) => callback(null, response),
      (thrown: unknown) => {
        noteMistake(log, call.getPath(), thrown);
        callback(statusOf(thrown));
      },
    );
  };
}

/**
 * Wraps the work of a method that answers with a stream. Messages are taken from it only as fast as the other side reads
 * them. When the other side goes away, the signal aborts and the work is told by `return()`: a generator hears of that only
 * at its next yield, and one that waits for others must not wait until then.
 */
export function serverStream<Request, Response>(
  log: Log,
  work: (request: Request, call: IncomingCall, gone: AbortSignal) => AsyncGenerator<Response, void>,
): handleServerStreamingCall<Received<Request>, Response> {
  return (call) => {
    const gone = new AbortController();
    call.once("cancelled", () => gone.abort());
    const run = async (): Promise<void> => {
      await sendAll(call, work(taken(call.request), incomingCall(call.metadata), gone.signal));
      call.end();
    };
    endWithStatus(log, call, run());
  };
}

/** Wraps the work of a conversation: what comes in, as it is wanted; what goes out, as fast as it is read. */
export function conversation<Request, Response>(
  log: Log,
  work: (requests: AsyncIterable<Request>, call: IncomingCall) => AsyncGenerator<Response, void>,
): handleBidiStreamingCall<Received<Request>, Response> {
  return (call) => {
    const run = async (): Promise<void> => {
      await sendAll(call, work(requestsOf(call), incomingCall(call.metadata)));
      call.end();
    };
    endWithStatus(log, call, run());
  };
}

async function* requestsOf<Request, Response>(
  call: ServerDuplexStream<Received<Request>, Response>,
): AsyncGenerator<Request, void> {
  // The stream must outlive the loop: a status is still to be sent on it.
  const received = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Received<Request>>;
  for await (const request of received) yield taken(request);
}

interface OutgoingCall {
  cancelled: boolean;
  getPath(): string;
  emit(event: "error", error: object): boolean;
}

function endWithStatus(log: Log, call: OutgoingCall, run: Promise<void>): void {
  run.catch((thrown: unknown) => {
    if (call.cancelled) return;
    noteMistake(log, call.getPath(), thrown);
    call.emit("error", statusOf(thrown));
  });
}

async function sendAll<Request, Response>(
  call: ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>,
  messages: AsyncGenerator<Response, void>,
): Promise<void> {
  const orGone = untilGone(call);
  try {
    while (!call.cancelled) {
      const next = await orGone(messages.next());
      if (next === "gone" || next.done === true) return;
      if (!call.write(next.value)) await orGone(drained(call));
    }
  } finally {
    // A generator that is in the middle of something ends at its next yield; nobody waits for that.
    messages.return().catch(() => {});
  }
}

/**
 * Waits for something, or until the other side is gone. Not `Promise.race`: a promise that lasts as long as the call would keep
 * everything that it was ever raced against, each message among it.
 */
function untilGone(call: { cancelled: boolean; once(event: "cancelled", listener: () => void): unknown }) {
  let tell = (): void => {};
  call.once("cancelled", () => tell());
  return <Awaited>(awaited: Promise<Awaited>): Promise<Awaited | "gone"> =>
    new Promise((resolve, reject) => {
      tell = () => resolve("gone");
      if (call.cancelled) tell();
      awaited.then(resolve, reject);
    });
}

function drained(call: { once(event: "drain", listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    call.once("drain", resolve);
  });
}
