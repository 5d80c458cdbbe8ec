import type { LocateEvent, Verdict } from "../base/answer.ts";
import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { checkHoldsNoNumber, invalid, requiredUuid, toClaim, toPatient } from "./convert.ts";
import { fromAreaAnswer, fromVerdict } from "./convert-answer.ts";
import {
  FederationServiceService,
  type LocateRequest,
  LocateResponse,
  type SignedVerdict,
  Verdict as WireVerdict,
} from "./generated/corridor/v1/federation_service.ts";
import { encode, serializerOf } from "./encode.ts";
import { boundRequest, serverStream } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

export type CallerRights = Extract<AuthorisedPeer, { kind: "caller" }>["rights"];

const ANSWER_BY_MS = { min: 100, usual: 2_000, max: 30_000 } as const;
const LATE_MS = { usual: 8_000, max: 60_000 } as const;

/** What the door for callers needs. */
export interface FederationNeeds {
  /**
   * The story. What the caller's certificate lets it claim goes with the question, so that a refusal is audited too.
   *
   * @param gone aborts when the caller has left: nobody need be asked any more.
   */
  readonly locate: (question: Question, rights: CallerRights, gone: AbortSignal) => AsyncGenerator<LocateEvent, void>;
  /** Signs a serialised verdict in this node's name. */
  readonly signVerdict: (payload: Uint8Array) => Promise<Uint8Array>;
}

/** The door for callers: one question in, events out as they come, the signed verdict last. */
export function federationService(clock: Clock, random: Random, log: Log, needs: FederationNeeds): Service {
  const locate = { ...FederationServiceService.locate, responseSerialize: serializerOf(LocateResponse) };
  return {
    name: "corridor.v1.FederationService",
    definition: { locate: boundRequest(locate, REQUEST_BYTES_MAX, "everything-known") },
    implementation: {
      locate: serverStream(log, (request: LocateRequest, call, gone) =>
        streamEvents(toQuestion(request, call, clock, random), callerOf(call).rights, gone, needs),
      ),
    },
  };
}

function toQuestion(request: LocateRequest, call: IncomingCall, clock: Clock, random: Random): Question {
  const patient = toPatient(request.patient, today(clock));
  const claim = toClaim(request.claim, "stated");
  checkHoldsNoNumber(claim, patient);
  const requestId = request.requestId === "" ? random.uuid() : requiredUuid(request.requestId, "request_id");
  const { answerByMs, lateUntilMs } = toTimes(request);
  return {
    requestId,
    patient,
    claim,
    answerBy: Deadline.in(clock, Math.min(answerByMs, call.deadline?.remainingMs() ?? 0)),
    lateUntil: Deadline.in(clock, lateUntilMs),
    ...(request.lateOf !== "" && { lateOf: requiredUuid(request.lateOf, "late_of") }),
  };
}

function callerOf(call: IncomingCall): Extract<AuthorisedPeer, { kind: "caller" }> {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may ask here.");
  return peer;
}

function toTimes(request: LocateRequest): { readonly answerByMs: number; readonly lateUntilMs: number } {
  const answerByMs = request.answerByMs === 0 ? ANSWER_BY_MS.usual : request.answerByMs;
  if (answerByMs < ANSWER_BY_MS.min || answerByMs > ANSWER_BY_MS.max) {
    throw invalid("answer_by_ms", `is not ${ANSWER_BY_MS.min} to ${ANSWER_BY_MS.max}, nor 0`);
  }
  const lateUntilMs = request.lateUntilMs === 0 ? answerByMs + LATE_MS.usual : request.lateUntilMs;
  if (lateUntilMs < answerByMs || lateUntilMs > LATE_MS.max) {
    throw invalid("late_until_ms", `is not answer_by_ms to ${LATE_MS.max}, nor 0`);
  }
  return { answerByMs, lateUntilMs };
}

async function* streamEvents(
  question: Question,
  rights: CallerRights,
  gone: AbortSignal,
  needs: FederationNeeds,
): AsyncGenerator<LocateResponse, void> {
  for await (const event of needs.locate(question, rights, gone)) {
    yield event.kind === "answer"
      ? { event: { $case: "answer", value: fromAreaAnswer(event.answer) } }
      : { event: { $case: "verdict", value: await sign(event.verdict, needs) } };
  }
}

async function sign(verdict: Verdict, { signVerdict }: FederationNeeds): Promise<SignedVerdict> {
  const message = fromVerdict(verdict);
  const payload = encode(WireVerdict, message);
  return { payload, signature: Buffer.from(await signVerdict(payload)), verdict: message };
}
