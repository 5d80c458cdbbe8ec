import type { Member } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import type { Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId, ProtocolVersion } from "../base/words.ts";
import { ASSERTION_LIFETIME_MS } from "./assertion-desk.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { encode } from "./encode.ts";
import { AssertionPayload } from "./generated/corridor/v1/assertion.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";
import type { CoveredQuestion } from "./prove-question.ts";

export interface LoneQuestionOrder {
  readonly ownId: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly protocol: ProtocolVersion;
  /** Signs an assertion's payload in this node's name. */
  readonly sign: (payload: Uint8Array) => Promise<Uint8Array>;
}

/**
 * One question to one member under an assertion of its own, as a new attempt.
 *
 * @param boundTo what else the claim is good for, and for nothing besides: see {@link bindPatient}.
 */
export async function makeLoneQuestion(
  { ownId, random, protocol, clock, sign }: LoneQuestionOrder,
  member: Member,
  { patient: asked, claim, requestId, answerBy, lateUntil }: Question,
  boundTo: string,
): Promise<CoveredQuestion> {
  const [attemptId, patient] = [random.uuid(), fromPatient(asked)];
  const patientNonce = Buffer.from(random.bytes(PATIENT_NONCE_BYTES));
  const patientBinding = bindPatient(attemptId, patientNonce, patient, boundTo);
  const issuedAtMs = Math.floor(clock.wallMs());
  const payload = encode(AssertionPayload, {
    ...{ asker: ownId, holder: member.id },
    ...{ issuedAtMs: BigInt(issuedAtMs), expiresAtMs: BigInt(issuedAtMs + ASSERTION_LIFETIME_MS) },
    claims: [{ attemptId, requestId, claim: fromClaim(claim, "kept-back"), patientBinding }],
  });
  const answerByMs = Math.max(1, Math.floor(answerBy.remainingMs()));
  const lateUntilMs = Math.max(answerByMs, Math.floor(lateUntil.remainingMs()));
  return {
    protocol: { ...protocol },
    assertion: { payload, signature: Buffer.from(await sign(payload)) },
    question: { claimIndex: 0, patient, patientNonce, answerByMs, lateUntilMs },
  };
}
