import { type Metadata, type ServerInterceptor, ServerInterceptingCall } from "@grpc/grpc-js";

import type { Clock } from "../../../node/base/clock.ts";
import type { CallGuard, CallStep, IncomingCall } from "../../../node/wire/interceptors.ts";

/**
 * What stands in for `node/wire/interceptors.ts` in a holder whose calls are to go without limits: who asks is found out, and
 * held against the directory, once for each connection and method instead of for each question; nothing is counted, bounded
 * or looked at again. For measuring what those cost, and nothing else.
 */
export * from "../../../node/wire/interceptors.ts";

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall["start"]>[0];

const callOf = new WeakMap<Metadata, IncomingCall>();

export function incomingCall(metadata: Metadata): IncomingCall {
  return callOf.get(metadata)!;
}

export function guardCalls(steps: readonly CallStep[], clock: Clock): CallGuard {
  const admitted = new Map<string, IncomingCall>();
  const admit = (next: NextCall, method: string): IncomingCall => {
    const connectionKey = next.getPeer();
    const [wantedByMs, startedMs] = [Number(next.getDeadline()), clock.monotonicMs()];
    const call: IncomingCall = { method, connectionKey, wantedByMs, startedMs, ended: false };
    const name = `${connectionKey} ${method}`;
    const known = admitted.get(name);
    if (known !== undefined) {
      steps.find(({ name: step }) => step === "deadline")?.opened(Object.assign(call, { policy: known.policy }));
      return Object.assign(call, { identity: known.identity, peer: known.peer, connection: known.connection });
    }
    for (const step of steps) step.opened(call);
    // Nothing is said to be of use here: it would be taken for a flood.
    Object.assign(call.connection!.conduct, { hasAsked: true, moreIdleBytes: () => 0 });
    admitted.set(name, call);
    return call;
  };
  return { interceptor: ({ path }, next) => new BareCall(next, admit(next, path)), stop() {} };
}

class BareCall extends ServerInterceptingCall {
  readonly #next: NextCall;
  readonly #call: IncomingCall;
  #listener: Listener | undefined;

  constructor(next: NextCall, call: IncomingCall) {
    super(next);
    this.#next = next;
    this.#call = call;
  }

  override start(listener: Listener): void {
    this.#listener = listener;
    this.#next.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    callOf.set(metadata, this.#call);
    this.#listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.#listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#call.ended = true;
    this.#listener?.onCancel();
  }
}
