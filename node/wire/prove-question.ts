import { type Clock, today } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { type NodeId, type ProtocolVersion, speaksWith } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import type { AuthorisedPeer } from "../trust/peer-identity.ts";
import { ANSWER_BY_MS_MAX, ASSERTION_BYTES_MAX, CLAIMS_MAX, LATE_UNTIL_MS_MAX } from "./bounds.ts";
import { checkHoldsNoNumber, invalid, required, requiredUuid, toClaim, toPatient } from "./convert.ts";
import type { AssertionPayload, QuestionClaim, SignedAssertion } from "./generated/corridor/v1/assertion.ts";
import type { AnswerLocateRequest, Question } from "./generated/corridor/v1/locator_service.ts";
import type { Wholeness } from "./handlers.ts";
import type { IncomingCall } from "./interceptors.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";
import type { SeenAssertion, SeenAssertions } from "./seen-assertions.ts";

export type AskingMember = Extract<AuthorisedPeer, { kind: "node" }>["member"];

const SIGNATURE_BYTES = 64;

/** Trust's judgement of an assertion. */
export interface ProofNeeds {
  /** True where that member signed exactly these bytes. */
  readonly verifyAssertion: (member: AskingMember, payload: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Throws a Failure where an assertion with these times, in milliseconds since the epoch, may not be relied on now. */
  readonly checkAssertionTimes: (issuedAtMs: number, expiresAtMs: number) => void;
}

/** Who answers. */
export interface Holder {
  readonly ownId: NodeId;
  readonly protocol: ProtocolVersion;
  readonly clock: Clock;
}

/** A question, and what covers it. */
export type CoveredQuestion = Pick<AnswerLocateRequest, "protocol" | "assertion" | "question">;

/**
 * One question of a peer, proven and parsed: the assertion is that peer's, made for this holder, in its time; its claim is bound
 * to this patient, and to the record that is wanted.
 *
 * @param askerNow who asks; throws a Failure where they may not ask at this moment.
 * @param pointerId of the record that is to be opened, or the word for being told a number; empty where the question is to locate.
 * @throws {Failure} what does not hold, by field.
 */
export async function proveQuestion(
  covered: CoveredQuestion,
  call: IncomingCall,
  { ownId, protocol, clock }: Holder,
  seen: SeenAssertions,
  needs: ProofNeeds,
  askerNow: () => AskingMember,
  pointerId = "",
): Promise<PeerQuestion> {
  checkProtocol(covered.protocol, protocol);
  const member = askerNow(); // the call's headers may have come long before the question
  const assertion = required(covered.assertion, "assertion");
  const { payload, everythingKnown, verified } = readAssertion(assertion, member, seen, needs);
  if (!everythingKnown && wholenessOf(covered.protocol, protocol) === "everything-known") {
    throw invalid("assertion.payload", "has fields that are not known here, or gives one twice");
  }
  checkParties(payload, member, ownId);
  needs.checkAssertionTimes(Number(payload.issuedAtMs), Number(payload.expiresAtMs));
  const message = required(covered.question, "question");
  const claim = claimOf(payload, message, pointerId);
  const question = toPeerQuestion(message, claim, assertion, member, call, clock);
  if (!(await verified())) {
    throw new Failure("not-authenticated", "The assertion's signature is not the asker's.", { where: "assertion" });
  }
  askerNow(); // nobody is answered whom the directory has let go meanwhile
  return question;
}

function checkProtocol(asked: ProtocolVersion | undefined, spoken: ProtocolVersion): void {
  const { major, minor } = asked ?? { major: 0, minor: 0 };
  if (speaksWith(spoken, { major, minor })) return;
  const own = `${spoken.major}.${spoken.minor}`;
  throw new Failure("incompatible", `This node speaks protocol ${own}, the asker ${major}.${minor}.`, {
    where: "protocol",
  });
}

/** An asker of a newer minor version may say more than is known here; of any other that speaks with us, nothing is ignored. */
export function wholenessOf(asked: ProtocolVersion | undefined, spoken: ProtocolVersion): Wholeness {
  const notNewer = asked !== undefined && speaksWith(spoken, asked) && asked.minor <= spoken.minor;
  return notNewer ? "everything-known" : "newer-fields-ignored";
}

export function readAssertion(
  assertion: SignedAssertion,
  member: AskingMember,
  seen: SeenAssertions,
  { verifyAssertion }: ProofNeeds,
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

function checkParties({ asker, holder }: AssertionPayload, member: AskingMember, ownId: NodeId): void {
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
function claimOf(
  { claims }: AssertionPayload,
  { claimIndex, patient, patientNonce }: Question,
  pointerId: string,
): QuestionClaim {
  if (claims.length === 0 || claims.length > CLAIMS_MAX)
    throw invalid("assertion.claims", `are not 1 to ${CLAIMS_MAX}`);
  const claim = claims[claimIndex];
  if (claim === undefined) throw invalid("question.claim_index", "names no claim of the assertion");
  requiredUuid(claim.attemptId, "claim.attempt_id");
  requiredUuid(claim.requestId, "claim.request_id");
  if (patientNonce.length !== PATIENT_NONCE_BYTES) {
    throw invalid("question.patient_nonce", `is not ${PATIENT_NONCE_BYTES} bytes`);
  }
  const bound = bindPatient(claim.attemptId, patientNonce, required(patient, "question.patient"), pointerId);
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
  member: AskingMember,
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
