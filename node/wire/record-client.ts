import { type Client, connectivityState } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import type { RecordEvent } from "../base/record.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import { type NodeId, type ProtocolVersion } from "../base/words.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import { ASSERTION_LIFETIME_MS } from "./assertion-desk.ts";
import { RECORD_MS_MAX, RECORD_PART_BYTES_MAX } from "./bounds.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { toRecordEvent } from "./convert-record.ts";
import { encode } from "./encode.ts";
import { AssertionPayload } from "./generated/corridor/v1/assertion.ts";
import {
  type FetchRecordRequest,
  type FetchRecordResponse,
  RecordServiceService,
} from "./generated/corridor/v1/record_service.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";
import { failureOf, isCallError } from "./status.ts";

export interface RecordClientOrder extends MemberChannelOrder {
  readonly ownId: NodeId;
  readonly random: Random;
  readonly protocol: ProtocolVersion;
  /** Signs an assertion's payload in this node's name. */
  readonly sign: (payload: Uint8Array) => Promise<Uint8Array>;
}

/** Fetches a record from the member that named it. Leaving the iteration, or the signal, lets go of the holder at once. */
export type FetchRecord = (member: Member, question: Retrieval, gone: AbortSignal) => AsyncGenerator<RecordEvent, void>;

/**
 * Carries wishes to open a record to the members that hold them: each over a connection of its own, so that a large record
 * stands in nobody's way.
 */
export function makeRecordClient(order: RecordClientOrder): FetchRecord {
  return async function* fetchRecord(member, question, gone) {
    const client = openMemberChannel(member, RECORD_PART_BYTES_MAX, order);
    try {
      const request = await makeRequest(order, member, question);
      yield* parts(client, request, order, gone);
    } finally {
      client.close();
    }
  };
}

async function makeRequest(
  { ownId, random, protocol, clock, sign }: RecordClientOrder,
  member: Member,
  { patient: asked, claim, requestId, pointerId, answerBy, lateUntil }: Retrieval,
): Promise<FetchRecordRequest> {
  const [attemptId, patient] = [random.uuid(), fromPatient(asked)];
  const patientNonce = Buffer.from(random.bytes(PATIENT_NONCE_BYTES));
  const patientBinding = bindPatient(attemptId, patientNonce, patient, pointerId);
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
    pointerId,
  };
}

async function* parts(
  client: Client,
  request: FetchRecordRequest,
  { clock }: RecordClientOrder,
  gone: AbortSignal,
): AsyncGenerator<RecordEvent, void> {
  const { path, requestSerialize, responseDeserialize } = RecordServiceService.fetchRecord;
  const deadline = clock.wallMs() + RECORD_MS_MAX;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, { deadline });
  const cancel = (): void => call.cancel();
  gone.addEventListener("abort", cancel, { once: true });
  if (gone.aborted) cancel();
  try {
    for await (const { part } of call as AsyncIterable<FetchRecordResponse>) yield toRecordEvent(part);
  } catch (thrown) {
    if (gone.aborted) throw new Failure("timed-out", "Nobody waits for the record any more.");
    if (!isCallError(thrown)) throw thrown;
    const wasNoConnection = client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
    throw wasNoConnection
      ? new Failure("unreachable", "The node that holds the record could not be reached.")
      : failureOf(thrown);
  } finally {
    gone.removeEventListener("abort", cancel);
    call.cancel();
  }
}
