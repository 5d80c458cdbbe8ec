import type { ClientDuplexStream } from "@grpc/grpc-js";

import type { Clock, Timer } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { atEndOfTurn } from "../base/end-of-turn.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId, ProtocolVersion } from "../base/words.ts";
import { ASSERTION_LIFETIME_MS } from "./assertion-desk.ts";
import {
  ANSWER_BY_MS_MAX,
  ASSERTION_BYTES_MAX,
  CLAIMS_MAX,
  LATE_UNTIL_MS_MAX,
  STREAM_AGE_MS,
  STREAM_IDLE_MS,
} from "./bounds.ts";
import { encode } from "./encode.ts";
import { AssertionPayload, type QuestionClaim } from "./generated/corridor/v1/assertion.ts";
import type { PatientQuery } from "./generated/corridor/v1/identity.ts";
import type {
  AnswerLocateStreamRequest,
  AnswerLocateStreamResponse,
  HolderAnswer,
} from "./generated/corridor/v1/locator_service.ts";
import { type CallError, isCallError, refusalOf } from "./status.ts";

export type QuestionCall = ClientDuplexStream<AnswerLocateStreamRequest, AnswerLocateStreamResponse>;

export interface QuestionStreamOrder {
  readonly ownId: NodeId;
  readonly holder: string;
  readonly protocol: ProtocolVersion;
  readonly clock: Clock;
  readonly sign: (payload: Uint8Array) => Promise<Uint8Array>;
  /** Begins a call of `AnswerLocateStream`. */
  readonly open: () => QuestionCall;
  /** What a question is told whose stream ended under it. */
  readonly failureOf: (error: CallError) => Failure;
}

/** One attempt at a question, before it has a place in a frame. */
export interface StreamedQuestion {
  readonly claim: QuestionClaim;
  readonly patient: PatientQuery;
  readonly patientNonce: Buffer;
  readonly deadline: Deadline;
  readonly lateUntil: Deadline;
}

interface Waiting {
  readonly asked: StreamedQuestion;
  readonly resolve: (answer: HolderAnswer) => void;
  readonly reject: (thrown: unknown) => void;
  /** The call that it went by; absent until then. */
  call?: QuestionCall;
}

/**
 * Asks one member's questions on a long-lived stream: those of one turn of the event loop go in one frame, under one signature;
 * their answers come in any order. A stream ends after a while, with its last answer, and the next is begun with the next
 * question, so that connections come to their age without a question on them.
 */
export class QuestionStream {
  readonly #order: QuestionStreamOrder;
  /** By attempt: everything that has no answer. */
  readonly #open = new Map<string, Waiting>();
  #unsent: Waiting[] = [];
  #isSending = false;
  #call: QuestionCall | undefined;
  #endCallAtMs = 0;
  #idle: Timer | undefined;

  constructor(order: QuestionStreamOrder) {
    this.#order = order;
  }

  /**
   * Asks once.
   *
   * @param signal aborts when nobody waits any more: the question is withdrawn.
   * @throws {Failure} as the member said; `timed-out`; what became of the stream.
   */
  async ask(asked: StreamedQuestion, signal: AbortSignal): Promise<HolderAnswer> {
    const { attemptId } = asked.claim;
    const { clock } = this.#order;
    const answered = new Promise<HolderAnswer>((resolve, reject) => {
      const waiting: Waiting = { asked, resolve, reject };
      this.#open.set(attemptId, waiting);
      this.#unsent.push(waiting);
      if (!this.#isSending) this.#sendAtEndOfTurn();
    });
    const withdraw = (why: string): void => this.#withdraw(attemptId, new Failure("timed-out", why));
    const timer = clock.after(asked.deadline.remainingMs(), () => withdraw("The node did not answer in time."));
    const left = (): void => withdraw("Nobody waits for the answer any more.");
    signal.addEventListener("abort", left, { once: true });
    try {
      return await answered;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", left);
      this.#open.delete(attemptId);
      if (this.#open.size === 0) this.#endWhenIdle();
    }
  }

  /** Takes no more; ends with its last answer. */
  finish(): void {
    this.#idle?.cancel();
    this.#call?.end();
    this.#call = undefined;
  }

  #sendAtEndOfTurn(): void {
    this.#isSending = true;
    atEndOfTurn(() => void this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#unsent.length > 0) {
      const together = this.#unsent.splice(0, CLAIMS_MAX).filter(({ asked }) => this.#open.has(asked.claim.attemptId));
      if (together.length === 0) continue;
      try {
        await this.#sendFrame(together);
      } catch (thrown) {
        for (const { reject } of together) reject(thrown);
      }
    }
    this.#isSending = false;
  }

  async #sendFrame(together: readonly Waiting[]): Promise<void> {
    const { ownId, holder, protocol, clock, sign } = this.#order;
    const issuedAtMs = Math.floor(clock.wallMs());
    const payload = encode(AssertionPayload, {
      ...{
        asker: ownId,
        holder,
        issuedAtMs: BigInt(issuedAtMs),
        expiresAtMs: BigInt(issuedAtMs + ASSERTION_LIFETIME_MS),
      },
      claims: together.map(({ asked }) => asked.claim),
    });
    if (payload.length > ASSERTION_BYTES_MAX && together.length > 1) {
      const half = Math.ceil(together.length / 2);
      await this.#sendFrame(together.slice(0, half));
      return this.#sendFrame(together.slice(half));
    }
    const signature = Buffer.from(await sign(payload));
    const call = this.#current();
    for (const waiting of together) waiting.call = call;
    const questions = together.map(({ asked }, claimIndex) => questionOf(asked, claimIndex));
    const frame = { protocol: { ...protocol }, assertion: { payload, signature }, questions };
    if (!call.write({ message: { $case: "frame", value: frame } })) await drained(call);
  }

  #current(): QuestionCall {
    this.#idle?.cancel();
    const nowMs = this.#order.clock.monotonicMs();
    if (this.#call !== undefined && nowMs < this.#endCallAtMs) return this.#call;
    this.#call?.end();
    const call = this.#order.open();
    this.#call = call;
    this.#endCallAtMs = nowMs + STREAM_AGE_MS;
    call.on("data", (response: AnswerLocateStreamResponse) => this.#take(response));
    call.on("error", (error) => this.#over(call, error));
    call.on("end", () => this.#over(call, undefined));
    return call;
  }

  #take({ message }: AnswerLocateStreamResponse): void {
    if (message?.$case === "frame") {
      for (const answer of message.value.answers) this.#open.get(answer.attemptId)?.resolve(answer);
    } else if (message?.$case === "refusal") {
      this.#open.get(message.value.attemptId)?.reject(refusalOf(message.value));
    }
  }

  /** A stream has ended: whatever went by it and has no answer will get none. */
  #over(call: QuestionCall, error: unknown): void {
    if (this.#call === call) this.#call = undefined;
    const lost = [...this.#open.values()].filter((waiting) => waiting.call === call);
    if (lost.length === 0) return;
    const thrown = isCallError(error)
      ? this.#order.failureOf(error)
      : new Failure("unreachable", "The node ended the stream under the question.");
    for (const { reject } of lost) reject(thrown);
  }

  #withdraw(attemptId: string, failure: Failure): void {
    const waiting = this.#open.get(attemptId);
    if (waiting === undefined) return;
    if (waiting.call !== undefined && waiting.call === this.#call) {
      waiting.call.write({ message: { $case: "cancel", value: { attemptId } } });
    }
    waiting.reject(failure);
  }

  #endWhenIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.#order.clock.after(STREAM_IDLE_MS, () => {
      if (this.#open.size === 0) this.finish();
    });
  }
}

function questionOf({ patient, patientNonce, deadline, lateUntil }: StreamedQuestion, claimIndex: number) {
  const answerByMs = Math.max(1, Math.min(Math.floor(deadline.remainingMs()), ANSWER_BY_MS_MAX));
  const lateUntilMs = Math.max(answerByMs, Math.min(Math.floor(lateUntil.remainingMs()), LATE_UNTIL_MS_MAX));
  return { claimIndex, patient, patientNonce, answerByMs, lateUntilMs };
}

/** Until what was written has gone on its way, or the call is over. */
function drained(call: QuestionCall): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    for (const event of ["drain", "error", "end"]) call.once(event, done);
  });
}
