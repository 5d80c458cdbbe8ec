import { Failure } from "../base/failure.ts";
import type { RecordEvent } from "../base/record.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import type { RecordQuestion } from "../requests/open-record.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import { fromRecordEvent } from "./convert-record.ts";
import { serializerOf } from "./encode.ts";
import {
  type FetchRecordRequest,
  FetchRecordResponse,
  RecordServiceService,
} from "./generated/corridor/v1/record_service.ts";
import { boundRequest, serverStream } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import { type AskingMember, type Holder, type ProofNeeds, proveQuestion, wholenessOf } from "./prove-question.ts";
import { POINTER_ID } from "./retrieval-service.ts";
import { SeenAssertions } from "./seen-assertions.ts";
import type { Service } from "./service.ts";

/** A peer's wish to open one record, proven. */
export type PeerRecordQuestion = PeerQuestion & RecordQuestion;

/** What the door for peers who open records needs: trust's judgement of the assertion, and the story. */
export interface RecordNeeds extends ProofNeeds {
  readonly openRecord: (question: PeerRecordQuestion, gone: AbortSignal) => AsyncGenerator<RecordEvent, void>;
}

/**
 * The door for peers who open records: proves one wish, and passes the record on as fast as it is taken.
 *
 * @param checkAgain throws a Failure where the asker, however long ago its call began, may not ask now.
 */
export function recordService(
  holder: Holder,
  log: Log,
  needs: RecordNeeds,
  checkAgain: (call: IncomingCall) => void,
): Service {
  const seen = new SeenAssertions();
  const fetchRecord = { ...RecordServiceService.fetchRecord, responseSerialize: serializerOf(FetchRecordResponse) };
  const askerOf = (call: IncomingCall): AskingMember => {
    checkAgain(call);
    const peer = peerOf(call);
    if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes may ask.");
    return peer.member;
  };
  return {
    name: "corridor.v1.RecordService",
    definition: {
      fetchRecord: boundRequest(fetchRecord, REQUEST_BYTES_MAX, ({ protocol }) =>
        wholenessOf(protocol, holder.protocol),
      ),
    },
    implementation: {
      fetchRecord: serverStream(log, async function* (request: FetchRecordRequest, call, gone) {
        const { pointerId } = request;
        if (!POINTER_ID.test(pointerId)) throw invalid("pointer_id", "is not the id of a record's pointer");
        const question = await proveQuestion(request, call, holder, seen, needs, () => askerOf(call), pointerId);
        for await (const part of needs.openRecord({ ...question, pointerId }, gone))
          yield { part: fromRecordEvent(part) };
      }),
    },
  };
}
