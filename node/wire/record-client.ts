import { type Client, connectivityState } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import type { RecordEvent } from "../base/record.ts";
import { Failure } from "../base/failure.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import { RECORD_MS_MAX, RECORD_PART_BYTES_MAX } from "./bounds.ts";
import { toRecordEvent } from "./convert-record.ts";
import {
  type FetchRecordRequest,
  type FetchRecordResponse,
  RecordServiceService,
} from "./generated/corridor/v1/record_service.ts";
import { type LoneQuestionOrder, makeLoneQuestion } from "./lone-question.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import { failureOf, isCallError } from "./status.ts";

export type RecordClientOrder = MemberChannelOrder & LoneQuestionOrder;

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
      const { pointerId } = question;
      const request = { ...(await makeLoneQuestion(order, member, question, pointerId)), pointerId };
      yield* parts(client, request, order, gone);
    } finally {
      client.close();
    }
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
