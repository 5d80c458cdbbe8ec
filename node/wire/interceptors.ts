import http2 from "node:http2";

import { type Metadata, type ServerInterceptor, ServerInterceptingCall, status as Status } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer, PeerIdentity } from "../trust/peer-identity.ts";
import {
  ANSWER_TAKEN_WITHIN_MS,
  BATCH_BYTES_MAX,
  CRUMB_BYTES,
  CRUMB_COST_BYTES,
  CUT_SHORT_BYTES,
  CUT_SHORT_WITHIN_MS,
  HEADER_BYTES_MAX,
  REQUEST_BYTES_MAX,
  SWEEP_EVERY_MS,
} from "./bounds.ts";
import { encodingOf, streamOf } from "./grpc-inside.ts";
import { type MethodPolicy, policyOf } from "./method-policy.ts";
import { statusOf } from "./status.ts";
import type { Connection } from "./tls-server.ts";

/**
 * Small messages that unpack to large ones, hundreds on a stream, would be unpacked before anything here sees them. No
 * client of ours compresses, and questions are small.
 *
 * @throws {Failure} `not-served`: the call says that its messages are compressed.
 */
function refuseCompression(call: NextCall): void {
  if (encodingOf(call) === "identity") return;
  throw new Failure("not-served", "Compressed messages are not read: send them as they are.");
}

/** One call, from its first header on. Each step adds what it has found out. */
export interface IncomingCall {
  readonly method: string;
  /** `address:port` of the other end. */
  readonly connectionKey: string;
  connection?: Connection;
  /** The caller's own deadline, milliseconds since the epoch; Infinity where it gave none. */
  readonly wantedByMs: number;
  identity?: PeerIdentity;
  policy?: MethodPolicy;
  /** Set for every method that is not open to anyone. */
  peer?: AuthorisedPeer;
  /** When the caller stops waiting, or our own limit for this method. */
  deadline?: Deadline;
  startedMs: number;
  /** True where the log need not hear of its end: others of the kind are counted there. */
  isOneOfMany?: boolean;
  /** True once the call has ended, however: nobody waits for what is still to be done for it. */
  ended: boolean;
}

/** A step that every call takes before its request is read. */
export interface CallStep {
  readonly name: string;
  /** Throws a Failure to refuse the call. */
  readonly opened: (call: IncomingCall) => void;
  /** Looked at every second while the call is open. Throws a Failure to end it. */
  readonly again?: (call: IncomingCall) => void;
  /** @param failure what the call ended with; `undefined`: well. */
  readonly closed?: (call: IncomingCall, failure: string | undefined) => void;
}

/** Finds out whose connection the call came on. */
export function identifyPeer(connectionFrom: (key: string) => Connection | undefined): CallStep {
  return {
    name: "identify peer",
    opened(call) {
      const connection = connectionFrom(call.connectionKey);
      if (connection === undefined) throw new Failure("not-authenticated", "The connection has ended.");
      call.connection = connection;
      if (connection.peer instanceof Failure) throw connection.peer;
      call.identity = connection.peer;
    },
  };
}

/**
 * Holds the peer against the table of methods, and against the directory in force at this moment; while the call is open,
 * again and again. Whoever has a certificate may begin a method that is open to anyone, but only those whom the directory
 * admits may stay on it.
 */
export function checkMethodPolicy(authorise: (identity: PeerIdentity) => AuthorisedPeer): CallStep {
  const admit = (call: IncomingCall, policy: MethodPolicy): void => {
    if (call.identity === undefined) throw new Failure("not-authenticated", "The peer is not known.");
    const peer = authorise(call.identity);
    if (!admits(policy, peer)) throw new Failure("not-permitted", NOT_ADMITTED[policy.who]);
    call.peer = peer;
  };
  return {
    name: "method policy",
    opened(call) {
      const policy = policyOf(call.method);
      if (policy === undefined) throw new Failure("not-permitted", "Nobody may call this method.");
      call.policy = policy;
      if (policy.who !== "anyone") admit(call, policy);
    },
    again(call) {
      if (call.policy !== undefined) admit(call, call.policy);
    },
  };
}

const NOT_ADMITTED = {
  anyone: "Anyone may call this method.",
  peer: "Only member nodes may call this method.",
  caller: "Only callers of this node may call this method.",
  feeder: "Only callers whose certificate gives the right to feed may call this method.",
  operator: "Only callers whose certificate gives the right to operate may call this method.",
  reviewer: "Only callers whose certificate gives the right to review may call this method.",
  steward: "Only callers whose certificate gives the right to review or to operate may call this method.",
} as const;

function admits({ who }: MethodPolicy, peer: AuthorisedPeer): boolean {
  switch (who) {
    case "peer":
      return peer.kind === "node";
    case "caller":
      return peer.kind === "caller";
    case "feeder":
      return peer.kind === "caller" && peer.rights.feed;
    case "operator":
      return peer.kind === "caller" && peer.rights.operate;
    case "reviewer":
      return peer.kind === "caller" && peer.rights.review === true;
    case "steward":
      return peer.kind === "caller" && (peer.rights.review === true || peer.rights.operate);
    case "anyone":
      return true;
  }
}

/** Takes the caller's deadline, or our own where that is sooner. */
export function takeDeadline(clock: Clock): CallStep {
  return {
    name: "deadline",
    opened(call) {
      const leftMs = Math.min(call.wantedByMs - clock.wallMs(), call.policy?.times.lastsMsMax ?? 0);
      if (leftMs <= 0) throw new Failure("deadline-too-short", "No time was left when the call came in.");
      call.deadline = Deadline.in(clock, leftMs);
    },
  };
}

/** A call that took longer is logged even if it ended well. */
const SLOW_MS = 1_000;

/** One line for each call that failed or was slow: who, what, how long; never about whom. */
export function logAndMeasure(clock: Clock, log: Log): CallStep {
  return {
    name: "log and measure",
    opened() {},
    closed(call, failure) {
      const elapsedMs = Math.round(clock.monotonicMs() - call.startedMs);
      const lasting = call.policy?.times.lastsMsMax === Infinity;
      if ((failure === undefined && (elapsedMs < SLOW_MS || lasting)) || call.isOneOfMany === true) return;
      log.info("call", { method: call.method, peer: peerName(call), failure: failure ?? "none", elapsedMs });
    },
  };
}

function peerName({ identity }: IncomingCall): string {
  if (identity === undefined) return "unknown";
  return identity.kind === "node" ? identity.nodeId : identity.name;
}

/** What the steps found out about the call that a handler is given; the key is the call's metadata object. */
const callOf = new WeakMap<Metadata, IncomingCall>();

/** @throws {Failure} `not-authenticated`: the call has not passed the steps. */
export function incomingCall(metadata: Metadata): IncomingCall {
  const call = callOf.get(metadata);
  if (call === undefined) throw new Failure("not-authenticated", "The call has not been admitted.");
  return call;
}

/** The peer of a call to a method that is not open to anyone. */
export function peerOf(call: IncomingCall): AuthorisedPeer {
  if (call.peer === undefined) throw new Failure("not-authenticated", "The peer is not known.");
  return call.peer;
}

export interface CallGuard {
  readonly interceptor: ServerInterceptor;
  /** Ends the watch over open calls. */
  stop(): void;
}

/**
 * Takes every call through the steps, in their order; ends calls that stay open for too long, and those that a step does not
 * let go on.
 */
export function guardCalls(steps: readonly CallStep[], clock: Clock): CallGuard {
  const open = new Set<GuardedCall>();
  const sweep = clock.every(SWEEP_EVERY_MS, () => {
    const nowMs = clock.monotonicMs();
    for (const call of open) call.review(nowMs);
  });
  return {
    interceptor: (method, call) => new GuardedCall(call, method.path, steps, clock, open),
    stop: () => sweep.cancel(),
  };
}

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall["start"]>[0];
type Ending = Parameters<NextCall["sendStatus"]>[0];

/**
 * A call between gRPC and its handler: one object that is both the call and its listener, and hardly a closure, for it
 * stands in the way of every question.
 */
class GuardedCall extends ServerInterceptingCall {
  readonly #next: NextCall;
  readonly #steps: readonly CallStep[];
  readonly #clock: Clock;
  readonly #open: Set<GuardedCall>;
  readonly #call: IncomingCall;
  #listener: Listener | undefined;
  /** On the monotonic clock; the request, or the next message of a conversation, must be there by then. */
  #messageByMs = Infinity;
  #endByMs = Infinity;
  /** What the call was ended with, once it was; and until when that may be on its way. */
  #ending: Ending | undefined;
  #takenByMs = Infinity;
  /** Bytes that may still come once it has ended. */
  #stragglingMax = REQUEST_BYTES_MAX;

  constructor(next: NextCall, method: string, steps: readonly CallStep[], clock: Clock, open: Set<GuardedCall>) {
    super(next);
    this.#next = next;
    this.#steps = steps;
    this.#clock = clock;
    this.#open = open;
    this.#call = {
      method,
      connectionKey: next.getPeer(),
      wantedByMs: Number(next.getDeadline()),
      startedMs: clock.monotonicMs(),
      ended: false,
    };
  }

  override start(listener: Listener): void {
    streamOf(this.#next).on("data", ({ length }: Buffer) => this.#count(length));
    try {
      for (const step of this.#steps) step.opened(this.#call);
      refuseCompression(this.#next);
    } catch (thrown) {
      this.#refuse(asFailure(thrown));
      return;
    }
    const { times, who } = this.#call.policy!;
    if (who === "feeder") this.#stragglingMax = BATCH_BYTES_MAX;
    this.#messageByMs = this.#call.startedMs + times.requestWithinMs;
    this.#endByMs = this.#call.startedMs + times.lastsMsMax;
    this.#open.add(this);
    this.#listener = listener;
    this.#next.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    const bytes = headerBytes(metadata);
    if (bytes > HEADER_BYTES_MAX) {
      this.sendStatus(statusOf(new Failure("overloaded", `The headers are over ${HEADER_BYTES_MAX} bytes.`)));
      return;
    }
    this.#call.connection!.conduct.use(bytes);
    callOf.set(metadata, this.#call);
    this.#listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    const { silenceMsMax } = this.#call.policy!.times;
    this.#messageByMs = this.#clock.monotonicMs() + silenceMsMax;
    this.#call.connection!.conduct.hasAsked = true;
    this.#listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#messageByMs = Infinity;
    this.#listener?.onReceiveHalfClose();
  }

  /** gRPC calls this once at the end of every call, however it ended. */
  onCancel(): void {
    this.#call.ended = true;
    if (this.#ending === undefined) this.#cutShort();
    this.#close(this.#ending === undefined ? "cut-short" : failureIn(this.#ending));
    this.#leave();
    this.#listener?.onCancel();
  }

  override sendMetadata(metadata: Metadata): void {
    this.#next.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    this.#next.sendMessage(message, callback);
  }

  override sendStatus(status: Ending): void {
    this.#ending ??= status;
    this.#takenByMs = this.#clock.monotonicMs() + ANSWER_TAKEN_WITHIN_MS;
    this.#next.sendStatus(status);
  }

  /** Ends the call where its time is over, or where a step does not let it go on. */
  review(nowMs: number): void {
    if (this.#ending !== undefined) return this.#seeOff(nowMs);
    try {
      if (nowMs >= this.#messageByMs || nowMs >= this.#endByMs) {
        throw new Failure("timed-out", "The call was open for longer than this method may take.");
      }
      for (const step of this.#steps) step.again?.(this.#call);
    } catch (thrown) {
      this.sendStatus(statusOf(thrown));
    }
  }

  #refuse(failure: Failure): void {
    this.sendStatus(statusOf(failure));
    this.#close(failure.code);
    this.#leave();
  }

  /** A call that has ended is gone once nothing more comes for it: sooner or later it is seen to that nothing does. */
  #leave(): void {
    const { readableEnded, closed } = streamOf(this.#next);
    this.#takenByMs = this.#clock.monotonicMs() + SWEEP_EVERY_MS;
    if (readableEnded || closed) this.#open.delete(this);
    else this.#open.add(this);
  }

  #cutShort(): void {
    const lastedMs = this.#clock.monotonicMs() - this.#call.startedMs;
    if (lastedMs < CUT_SHORT_WITHIN_MS) this.#call.connection?.conduct.waste(CUT_SHORT_BYTES);
  }

  #seeOff(nowMs: number): void {
    if (nowMs < this.#takenByMs) return;
    this.#open.delete(this);
    const stream = streamOf(this.#next);
    const isTaken = stream.writableFinished;
    stream.close(isTaken ? http2.constants.NGHTTP2_NO_ERROR : http2.constants.NGHTTP2_CANCEL);
  }

  /** What comes for a call is of use, up to the end of a message that was on its way when the call ended. */
  #count(bytes: number): void {
    if (this.#ending !== undefined) {
      this.#stragglingMax -= bytes;
      if (this.#stragglingMax < 0) return;
    }
    this.#call.connection?.conduct.use(bytes < CRUMB_BYTES ? bytes - CRUMB_COST_BYTES : bytes);
  }

  #close(failure: string | undefined): void {
    for (const step of this.#steps) step.closed?.(this.#call, failure);
  }
}

function failureIn({ code, metadata }: Ending): string | undefined {
  if (code === Status.OK) return undefined;
  return String(metadata?.get("corridor-failure")[0] ?? `status-${code}`);
}

function headerBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata.toHttp2Headers())) {
    for (const each of [value ?? ""].flat()) bytes += name.length + String(each).length;
  }
  return bytes;
}
