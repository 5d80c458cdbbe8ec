import type { PointerView } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import {
  type RecordEvent,
  type RecordHead,
  type RecordName,
  type RecordUnavailable,
  unavailableSentence,
} from "../base/record.ts";
import { fromPointer, toMs, toPointer } from "./convert-answer.ts";
import { RECORD_FAULT, RECORD_ORIGIN, wordOf } from "./convert-words.ts";
import type { Pointer } from "./generated/corridor/v1/answer.ts";
import type {
  RecordHead as WireRecordHead,
  RecordPart,
  RecordUnavailable as WireRecordUnavailable,
} from "./generated/corridor/v1/record_service.ts";

/** Records on their way, onto the wire and off it. */

export function fromRecordEvent(event: RecordEvent): RecordPart {
  switch (event.kind) {
    case "head":
      return { part: { $case: "head", value: fromHead(event.head) } };
    case "piece":
      return {
        part: { $case: "piece", value: Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.length) },
      };
    case "end":
      return { part: { $case: "end", value: { bytes: BigInt(event.bytes), sha256: Buffer.from(event.sha256) } } };
    case "unavailable":
      return { part: { $case: "unavailable", value: fromUnavailable(event.unavailable) } };
  }
}

/** @throws {Failure} `incompatible`: a part that is not understood; nothing of the record is to be shown. */
export function toRecordEvent(message: RecordPart | undefined): RecordEvent {
  const part = message?.part;
  switch (part?.$case) {
    case "head":
      return { kind: "head", head: toHead(part.value) };
    case "piece":
      return { kind: "piece", bytes: part.value };
    case "end":
      return { kind: "end", bytes: toMs(part.value.bytes, "record.bytes"), sha256: part.value.sha256 };
    case "unavailable":
      return { kind: "unavailable", unavailable: toUnavailable(part.value) };
    case undefined:
      throw new Failure("incompatible", "The node sent a part of a record that is not understood here.");
  }
}

function fromHead({ contentType, origin, obtainedAtMs, cleaned, updatedAtMs, ...name }: RecordHead): WireRecordHead {
  return {
    pointer: fromName(name, updatedAtMs, contentType),
    ...{ contentType, origin: RECORD_ORIGIN[origin], obtainedAtMs: BigInt(obtainedAtMs), cleaned },
  };
}

function toHead({ pointer, contentType, origin, obtainedAtMs, cleaned }: WireRecordHead): RecordHead {
  const { updatedAtMs, ...name } = toName(pointer);
  const known = wordOf(RECORD_ORIGIN, origin);
  if (known === undefined) throw notUnderstood("record.origin");
  return {
    ...name,
    updatedAtMs,
    contentType,
    origin: known,
    obtainedAtMs: toMs(obtainedAtMs, "record.obtained_at_ms"),
    cleaned,
  };
}

function fromUnavailable(unavailable: RecordUnavailable): WireRecordUnavailable {
  const { fault, triedAtMs, lastWorkedAtMs, ...name } = unavailable;
  return {
    pointer: fromName(name, 0, ""),
    fault: RECORD_FAULT[fault],
    triedAtMs: BigInt(triedAtMs),
    lastWorkedAtMs: BigInt(lastWorkedAtMs),
    sentence: unavailableSentence(unavailable),
  };
}

function toUnavailable({ pointer, fault, triedAtMs, lastWorkedAtMs }: WireRecordUnavailable): RecordUnavailable {
  const { updatedAtMs: _none, ...name } = toName(pointer);
  const known = wordOf(RECORD_FAULT, fault);
  if (known === undefined) throw notUnderstood("record.fault");
  return {
    ...name,
    fault: known,
    triedAtMs: toMs(triedAtMs, "record.tried_at_ms"),
    lastWorkedAtMs: toMs(lastWorkedAtMs, "record.last_worked_at_ms"),
  };
}

function fromName(name: RecordName, updatedAtMs: number, format: string): Pointer {
  return fromPointer({ ...name, updatedAtMs, format, access: "full", sources: [] } satisfies PointerView);
}

function toName(pointer: Pointer | undefined): RecordName & Pick<PointerView, "updatedAtMs"> {
  if (pointer === undefined) throw notUnderstood("record.pointer");
  const { pointerId, recordType, custodian, recordedOn, updatedAtMs } = toPointer(pointer);
  return { pointerId, recordType, custodian, recordedOn, updatedAtMs };
}

function notUnderstood(where: string): Failure {
  return new Failure("incompatible", `The node sent a record whose ${where} is not understood here.`, { where });
}
