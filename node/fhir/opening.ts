import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { toPlainText } from "../base/plain-text.ts";
import type { Claim } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { type RecordEvent, type RecordHead, unavailableSentence } from "../base/record.ts";
import { isUuid, type NodeId } from "../base/words.ts";
import type { Retrieval } from "../requests/retrieve.ts";
import type { ShownRecord } from "./handles.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import type { Caller, RouteRequest } from "./routes.ts";

const RECORD_WITHIN_MS = 30_000;

export interface OpeningNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** The story. */
  readonly retrieve: (
    question: Retrieval,
    rights: Caller["rights"],
    gone: AbortSignal,
  ) => AsyncGenerator<RecordEvent, void>;
}

/**
 * One record, live from its custodian, as fast as it is taken; or what exists and cannot be shown now.
 *
 * @throws {Refusal} 503: it did not begin. @throws {Failure} as the story does.
 */
export async function passOn(
  call: RouteRequest,
  { patient, nodeId, pointerId }: Pick<ShownRecord, "patient" | "pointerId"> & { readonly nodeId: NodeId },
  claim: Claim,
  needs: OpeningNeeds,
): Promise<Answer> {
  const gone = new AbortController();
  const answerBy = Deadline.in(needs.clock, RECORD_WITHIN_MS);
  const requestId = isUuid(call.requestId) ? call.requestId : needs.random.uuid();
  const parts = needs.retrieve(
    { requestId, patient, claim, nodeId, pointerId, answerBy, lateUntil: answerBy },
    call.caller.rights,
    gone.signal,
  );
  const first = await parts.next();
  if (first.done === true) throw new Refusal(503, "transient", "The record broke off: try again.");
  const event = first.value;
  if (event.kind === "unavailable") {
    await parts.return();
    const diagnostics = unavailableSentence(event.unavailable);
    const isGone = event.unavailable.fault === "gone";
    return {
      status: isGone ? 404 : 503,
      body: outcome({ severity: "error", code: isGone ? "not-found" : "transient", diagnostics }),
    };
  }
  if (event.kind !== "head") throw new Refusal(503, "transient", "The record did not begin as one: try again.");
  return { status: 200, body: {}, headers: headersOf(event.head), stream: bytesOf(parts, gone) };
}

function headersOf({ contentType, custodian, updatedAtMs, obtainedAtMs, cleaned }: RecordHead): Record<string, string> {
  return {
    "content-type": contentType === "text/html" ? "text/html; charset=utf-8" : contentType,
    // Whoever shows it as a page runs and loads nothing.
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
    ...(updatedAtMs > 0 && { "last-modified": new Date(updatedAtMs).toUTCString() }),
    "corridor-custodian": `${custodian.code} ${encodeURIComponent(toPlainText(custodian.name))}`,
    "corridor-obtained": new Date(obtainedAtMs).toISOString(),
    "corridor-cleaned": String(cleaned),
  };
}

/** The bytes as they are taken; what is not whole breaks off, so that nobody takes it for the record. */
async function* bytesOf(
  parts: AsyncGenerator<RecordEvent, void>,
  gone: AbortController,
): AsyncGenerator<Uint8Array, void> {
  let isWhole = false;
  try {
    for await (const part of parts) {
      if (part.kind === "piece") yield part.bytes;
      if (part.kind === "end") isWhole = true;
      if (part.kind === "unavailable") break;
    }
    if (!isWhole) throw new Error("the record is not whole");
  } finally {
    gone.abort();
  }
}
