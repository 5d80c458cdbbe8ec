import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { RecordEvent } from "../base/record.ts";
import { parseNodeId } from "../base/words.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { RECORD_ANSWER_BY_MS, REQUEST_BYTES_MAX } from "./bounds.ts";
import { checkHoldsNoNumber, invalid, requiredUuid, toClaim, toPatient } from "./convert.ts";
import { fromRecordEvent } from "./convert-record.ts";
import { serializerOf } from "./encode.ts";
import {
  RetrievalServiceService,
  type RetrieveRequest,
  RetrieveResponse,
} from "./generated/corridor/v1/record_service.ts";
import { boundRequest, serverStream } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

type Caller = Extract<AuthorisedPeer, { kind: "caller" }>;

/** What the door for callers who open records needs. */
export interface RetrievalNeeds {
  /** The story. What the caller's certificate lets it claim goes with the question, so that a refusal is audited too. */
  readonly retrieve: (
    question: Retrieval,
    rights: Caller["rights"],
    gone: AbortSignal,
  ) => AsyncGenerator<RecordEvent, void>;
}

/** The door for callers who open records: one wish in, the record out as it comes. */
export function retrievalService(clock: Clock, random: Random, log: Log, needs: RetrievalNeeds): Service {
  const retrieve = { ...RetrievalServiceService.retrieve, responseSerialize: serializerOf(RetrieveResponse) };
  return {
    name: "corridor.v1.RetrievalService",
    definition: { retrieve: boundRequest(retrieve, REQUEST_BYTES_MAX, "everything-known") },
    implementation: {
      retrieve: serverStream(log, async function* (request: RetrieveRequest, call, gone) {
        const question = toRetrieval(request, clock, random);
        const parts = needs.retrieve(question, callerOf(call).rights, gone);
        for await (const part of parts) yield { part: fromRecordEvent(part) };
      }),
    },
  };
}

function callerOf(call: IncomingCall): Caller {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may open records here.");
  return peer;
}

/** Ids of pointers are opaque and short. */
export const POINTER_ID = /^[A-Za-z0-9_-]{1,64}$/;

function toRetrieval(request: RetrieveRequest, clock: Clock, random: Random): Retrieval {
  const patient = toPatient(request.patient, today(clock));
  const claim = toClaim(request.claim, "stated");
  checkHoldsNoNumber(claim, patient);
  const nodeId = parseNodeId(request.nodeId);
  if (nodeId === undefined) throw invalid("node_id", "is not the id of an area's node");
  if (!POINTER_ID.test(request.pointerId)) throw invalid("pointer_id", "is not the id of a record's pointer");
  const requestId = request.requestId === "" ? random.uuid() : requiredUuid(request.requestId, "request_id");
  const answerBy = Deadline.in(clock, RECORD_ANSWER_BY_MS);
  return { requestId, patient, claim, nodeId, pointerId: request.pointerId, answerBy, lateUntil: answerBy };
}
