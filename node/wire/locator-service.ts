import type { BinaryWriter } from "@bufbuild/protobuf/wire";

import type { HolderAnswer } from "../base/answer.ts";
import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { type NodeId, type ProtocolVersion, speaksWith } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import type { Log } from "../telemetry/log.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { ASSERTION_BYTES_MAX, CLAIMS_MAX, REQUEST_BYTES_MAX } from "./bounds.ts";
import { checkHoldsNoNumber, invalid, required, requiredUuid, toClaim, toPatient } from "./convert.ts";
import { encodeHolderAnswer } from "./convert-answer.ts";
import type { AssertionPayload, QuestionClaim, SignedAssertion } from "./generated/corridor/v1/assertion.ts";
import {
  AnswerLocateRequest,
  AnswerLocateResponse,
  LocatorServiceService,
  type Question,
} from "./generated/corridor/v1/locator_service.ts";
import { encode, serializerOf } from "./encode.ts";
import { type Wholeness, boundRequest, conversation, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";
import { type SeenAssertion, SeenAssertions } from "./seen-assertions.ts";
import type { Service } from "./service.ts";

type Member = Extract<AuthorisedPeer, { kind: "node" }>["member"];

const ANSWER_BY_MS_MAX = 60_000;
const LATE_UNTIL_MS_MAX = 120_000;
const SIGNATURE_BYTES = 64;

/** What the door for peers needs: trust's judgement of the assertion, and the story. */
export interface LocatorNeeds {
  /** True where that member signed exactly these bytes. */
  readonly verifyAssertion: (member: Member, payload: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Throws a Failure where an assertion with these times, in milliseconds since the epoch, may not be relied on now. */
  readonly checkAssertionTimes: (issuedAtMs: number, expiresAtMs: number) => void;
  readonly answerLocate: (question: PeerQuestion) => Promise<HolderAnswer>;
}

/** Who answers. */
export interface Holder {
  readonly ownId: NodeId;
  readonly protocol: ProtocolVersion;
  readonly clock: Clock;
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
  const askerOf = (call: IncomingCall): Member => {
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
      answerLocateStream: boundRequest(answerLocateStream, REQUEST_BYTES_MAX),
    },
    implementation: {
      answerLocate: unary(log, (request: AnswerLocateRequest, call) =>
        answer(request, call, holder, seen, needs, () => askerOf(call)),
      ),
      // oxlint-disable-next-line require-yield -- it only refuses
      answerLocateStream: conversation(log, async function* () {
        throw new Failure("not-served", "Questions on a stream are not served yet: use AnswerLocate.");
      }),
    },
  };
}

async function answer(
  request: AnswerLocateRequest,
  call: IncomingCall,
  { ownId, protocol, clock }: Holder,
  seen: SeenAssertions,
  needs: LocatorNeeds,
  askerNow: () => Member,
): Promise<Buffer> {
  checkProtocol(request.protocol, protocol);
  const member = askerNow(); // the call's headers may have come long before the question
  const assertion = required(request.assertion, "assertion");
  const { payload, everythingKnown, verified } = readAssertion(assertion, member, seen, needs);
  if (!everythingKnown && wholenessOf(request.protocol, protocol) === "everything-known") {
    throw invalid("assertion.payload", "has fields that are not known here, or gives one twice");
  }
  checkParties(payload, member, ownId);
  needs.checkAssertionTimes(Number(payload.issuedAtMs), Number(payload.expiresAtMs));
  const message = required(request.question, "question");
  const claim = claimOf(payload, message);
  const question = toPeerQuestion(message, claim, assertion, member, call, clock);
  if (!(await verified())) {
    throw new Failure("not-authenticated", "The assertion's signature is not the asker's.", { where: "assertion" });
  }
  askerNow(); // nobody is answered whom the directory has let go meanwhile
  const said = await needs.answerLocate(question);
  return encode(ResponseWithAnswer, { protocol, answer: encodeHolderAnswer(said, question.attemptId) });
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

function checkProtocol(asked: ProtocolVersion | undefined, spoken: ProtocolVersion): void {
  const { major, minor } = asked ?? { major: 0, minor: 0 };
  if (speaksWith(spoken, { major, minor })) return;
  const own = `${spoken.major}.${spoken.minor}`;
  throw new Failure("incompatible", `This node speaks protocol ${own}, the asker ${major}.${minor}.`, {
    where: "protocol",
  });
}

/** An asker of a newer minor version may say more than is known here; of any other that speaks with us, nothing is ignored. */
function wholenessOf(asked: ProtocolVersion | undefined, spoken: ProtocolVersion): Wholeness {
  const notNewer = asked !== undefined && speaksWith(spoken, asked) && asked.minor <= spoken.minor;
  return notNewer ? "everything-known" : "newer-fields-ignored";
}

function readAssertion(
  assertion: SignedAssertion,
  member: Member,
  seen: SeenAssertions,
  { verifyAssertion }: LocatorNeeds,
): SeenAssertion {
  const { payload, signature } = assertion;
  if (payload.length === 0) throw invalid("assertion.payload", "is missing");
  if (payload.length > ASSERTION_BYTES_MAX) throw invalid("assertion.payload", `is over ${ASSERTION_BYTES_MAX} bytes`);
  if (signature.length !== SIGNATURE_BYTES) throw invalid("assertion.signature", `is not ${SIGNATURE_BYTES} bytes`);
  try {
    return seen.read(assertion, member.assertionKey, () => verifyAssertion(member, payload, signature));
  } catch {
    throw invalid("assertion.payload", "is not a well-formed message");
  }
}

function checkParties({ asker, holder }: AssertionPayload, member: Member, ownId: NodeId): void {
  if (asker !== member.id) {
    throw new Failure("not-authenticated", "The assertion is not the connected node's own.", {
      where: "assertion.asker",
    });
  }
  if (holder !== ownId) {
    throw new Failure("not-authenticated", "The assertion is made for another holder.", { where: "assertion.holder" });
  }
}

/** The claim that covers the question, and is bound to its patient. */
function claimOf({ claims }: AssertionPayload, { claimIndex, patient, patientNonce }: Question): QuestionClaim {
  if (claims.length === 0 || claims.length > CLAIMS_MAX)
    throw invalid("assertion.claims", `are not 1 to ${CLAIMS_MAX}`);
  const claim = claims[claimIndex];
  if (claim === undefined) throw invalid("question.claim_index", "names no claim of the assertion");
  requiredUuid(claim.attemptId, "claim.attempt_id");
  requiredUuid(claim.requestId, "claim.request_id");
  if (patientNonce.length !== PATIENT_NONCE_BYTES) {
    throw invalid("question.patient_nonce", `is not ${PATIENT_NONCE_BYTES} bytes`);
  }
  const bound = bindPatient(claim.attemptId, patientNonce, required(patient, "question.patient"));
  if (!bound.equals(claim.patientBinding)) {
    throw new Failure("not-authenticated", "The claim is bound to another patient than the question's.", {
      where: "claim.patient_binding",
    });
  }
  return claim;
}

function toPeerQuestion(
  { patient: patientQuery, answerByMs, lateUntilMs, patientNonce }: Question,
  covering: QuestionClaim,
  { payload, signature }: SignedAssertion,
  member: Member,
  call: IncomingCall,
  clock: Clock,
): PeerQuestion {
  if (answerByMs < 1 || answerByMs > ANSWER_BY_MS_MAX) {
    throw invalid("question.answer_by_ms", `is not 1 to ${ANSWER_BY_MS_MAX}`);
  }
  if (lateUntilMs < answerByMs || lateUntilMs > LATE_UNTIL_MS_MAX) {
    throw invalid("question.late_until_ms", `is not answer_by_ms to ${LATE_UNTIL_MS_MAX}`);
  }
  const patient = toPatient(patientQuery, today(clock), "question.patient");
  const claim = toClaim(covering.claim, "kept-back");
  checkHoldsNoNumber(claim, patient);
  const leftMs = Math.min(answerByMs, call.deadline?.remainingMs() ?? 0);
  return {
    requestId: covering.requestId,
    attemptId: covering.attemptId,
    asker: member.id as NodeId,
    patient,
    claim,
    answerBy: Deadline.in(clock, leftMs),
    lateUntil: Deadline.in(clock, lateUntilMs),
    evidence: { payload, signature, patientNonce },
  };
}
