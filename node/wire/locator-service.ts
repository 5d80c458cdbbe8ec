import type { BinaryWriter } from "@bufbuild/protobuf/wire";

import { makeBulkRefusals } from "../access/bulk-refusals.ts";
import type { HolderAnswer } from "../base/answer.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { ProtocolVersion } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import type { Log } from "../telemetry/log.ts";
import { ANSWER_BY_MS_MAX, REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid, required, requiredUuid } from "./convert.ts";
import { encodeHolderAnswer } from "./convert-answer.ts";
import {
  AnswerLocateRequest,
  AnswerLocateResponse,
  AnswerLocateStreamRequest,
  LocatorServiceService,
} from "./generated/corridor/v1/locator_service.ts";
import { AssertionPayload } from "./generated/corridor/v1/assertion.ts";
import { Purpose } from "./generated/corridor/v1/identity.ts";
import { encode, serializerOf } from "./encode.ts";
import { FairQueue } from "./fair-queue.ts";
import { answerStream } from "./answer-stream.ts";
import { boundRequest, conversation, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import {
  type AskingMember,
  type CoveredQuestion,
  type Holder,
  type ProofNeeds,
  proveQuestion,
  readAssertion,
  wholenessOf,
} from "./prove-question.ts";
import { SeenAssertions } from "./seen-assertions.ts";
import type { Service } from "./service.ts";

/** What the door for peers needs: trust's judgement of the assertion, and the story. */
export interface LocatorNeeds extends ProofNeeds {
  readonly answerLocate: (question: PeerQuestion) => Promise<HolderAnswer>;
}

/**
 * The door for peers: reads and proves one question, hands it to the story, pads the answer.
 *
 * @param checkAgain throws a Failure where the asker, however long ago its call began, may not ask now.
 */
export function locatorService(
  holder: Holder,
  log: Log,
  needs: LocatorNeeds,
  checkAgain: (call: IncomingCall) => void,
): Service {
  const { answerLocate, answerLocateStream } = LocatorServiceService;
  const seen = new SeenAssertions();
  const queue = new FairQueue(holder.clock);
  const shed = makeBulkRefusals(holder.clock, (peer, count) => log.warn("peer-shed", { peer, count }));
  /** In its asker's turn: the bytes of a `HolderAnswer`. */
  const inTurn = (
    request: CoveredQuestion,
    call: IncomingCall,
    left: Deadline,
    isWanted: () => boolean = () => true,
  ): Promise<Buffer> => {
    const { id } = askerOf(call);
    const askerNow = (): AskingMember => {
      if (!isWanted()) throw new Failure("timed-out", "The asker waits no longer.");
      return askerOf(call);
    };
    const work = (): Promise<Buffer> => answer(request, call, holder, seen, needs, askerNow);
    return queue
      .run(id, left, () => isEmergencyAccess(request), work)
      .catch((thrown: unknown) => {
        if (asFailure(thrown).code === "overloaded") call.isOneOfMany = !shed.isFirst(id);
        throw thrown;
      });
  };
  const askerOf = (call: IncomingCall): AskingMember => {
    if (call.ended) throw new Failure("timed-out", "The asker waits no longer.");
    checkAgain(call);
    const peer = peerOf(call);
    if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes may ask.");
    return peer.member;
  };
  return {
    name: "corridor.v1.LocatorService",
    definition: {
      answerLocate: boundRequest(
        {
          ...answerLocate,
          requestSerialize: serializerOf(AnswerLocateRequest),
          responseSerialize: (response: Buffer) => response,
          responseDeserialize: (response) => response,
        },
        REQUEST_BYTES_MAX,
        ({ protocol }) => wholenessOf(protocol, holder.protocol),
      ),
      answerLocateStream: boundRequest(
        {
          ...answerLocateStream,
          requestSerialize: serializerOf(AnswerLocateStreamRequest),
          responseSerialize: (response: Buffer) => response,
          responseDeserialize: (response) => response,
        },
        REQUEST_BYTES_MAX,
        ({ message }) =>
          message?.$case === "frame" ? wholenessOf(message.value.protocol, holder.protocol) : "everything-known",
      ),
    },
    implementation: {
      answerLocate: unary(log, async (request: AnswerLocateRequest, call) => {
        const bytes = await inTurn(request, call, call.deadline ?? Deadline.in(holder.clock, 0));
        return encode(ResponseWithAnswer, { protocol: holder.protocol, answer: bytes });
      }),
      answerLocateStream: conversation(log, (requests: AsyncIterable<AnswerLocateStreamRequest>, call) =>
        answerStream(requests, {
          attemptOf: (question) => attemptOf(question, askerOf(call), seen, needs),
          answer: (question, isWanted) =>
            inTurn(question, call, Deadline.in(holder.clock, answerByMsOf(question)), isWanted),
        }),
      ),
    },
  };
}

/** As the asker says: nothing is verified yet, and it goes before its own questions alone. */
function isEmergencyAccess({ assertion, question }: CoveredQuestion): boolean {
  try {
    const { claims } = AssertionPayload.decode(assertion?.payload ?? Buffer.alloc(0));
    return claims[question?.claimIndex ?? 0]?.claim?.purpose === Purpose.PURPOSE_BTG;
  } catch {
    return false;
  }
}

/** The attempt of a question on a stream. @throws where its assertion is none: then nobody can be told of one question alone. */
function attemptOf(
  { assertion, question }: CoveredQuestion,
  member: AskingMember,
  seen: SeenAssertions,
  needs: LocatorNeeds,
): string {
  const { payload } = readAssertion(required(assertion, "assertion"), member, seen, needs);
  const claim = payload.claims[required(question, "question").claimIndex];
  if (claim === undefined) throw invalid("question.claim_index", "names no claim of the assertion");
  return requiredUuid(claim.attemptId, "claim.attempt_id");
}

function answerByMsOf({ question }: CoveredQuestion): number {
  return Math.min(question?.answerByMs ?? 0, ANSWER_BY_MS_MAX);
}

async function answer(
  request: CoveredQuestion,
  call: IncomingCall,
  holder: Holder,
  seen: SeenAssertions,
  needs: LocatorNeeds,
  askerNow: () => AskingMember,
): Promise<Buffer> {
  const question = await proveQuestion(request, call, holder, seen, needs, askerNow);
  const said = await needs.answerLocate(question);
  return encodeHolderAnswer(said, question.attemptId);
}

/** An `AnswerLocateResponse` whose answer is serialised already. */
const ResponseWithAnswer = {
  encode({ protocol, answer: bytes }: { protocol: ProtocolVersion; answer: Buffer }, writer?: BinaryWriter) {
    const head = AnswerLocateResponse.encode({ protocol: { ...protocol }, answer: undefined }, writer);
    return head.uint32(ANSWER_TAG).bytes(bytes);
  },
};

/** Field 2, length-delimited. */
const ANSWER_TAG = (2 << 3) | 2;
