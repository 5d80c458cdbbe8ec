import { BinaryWriter } from "@bufbuild/protobuf/wire";

import type { Area, AreaAnswer, Coverage, HolderAnswer, PointerView, ProviderFeed, Verdict } from "../base/answer.ts";
import type { EncounterView } from "../base/encounter.ts";
import { Failure } from "../base/failure.ts";
import { RECORD_TYPES, type RecordTypeKey, parseRecordType } from "../base/record-types.ts";
import { type NodeId, type OrganisationCode, parseNodeId, parseOrganisationCode } from "../base/words.ts";
import { encode } from "./encode.ts";
import { ACCESS, ENCOUNTER_CLASS, ENCOUNTER_STATE, FEED_STATE, OUTCOME, SCOPE, wordOf } from "./convert-words.ts";
import type {
  Coverage as WireCoverage,
  Encounter as WireEncounter,
  Pointer as WirePointer,
  ProviderFeed as WireProviderFeed,
  SealedNotice,
} from "./generated/corridor/v1/answer.ts";
import type {
  Area as WireArea,
  AreaAnswer as WireAreaAnswer,
  Verdict as WireVerdict,
} from "./generated/corridor/v1/federation_service.ts";
import { HolderAnswer as WireHolderAnswer } from "./generated/corridor/v1/locator_service.ts";

/** Answers, onto the wire and off it. An answer that is not understood whole is no answer: nothing of it is shown. */

/** An answer without records is brought to a multiple of this, so that its length tells nothing. */
const PADDED_TO_BYTES = 256;
/** Field 7, length-delimited; and the length itself, while it is below 128. */
const PADDING_HEAD_BYTES = 2;
/** From here on the padding's own length takes one byte more. */
const SHORT_PADDING_MAX = 127;

/** What a holder says, as the bytes of a `HolderAnswer`, with its padding. Equal answers to one attempt have equal bytes. */
export function encodeHolderAnswer(answer: HolderAnswer, attemptId: string): Buffer {
  const shared = sharedParts(answer);
  const bytes = encode(AnswerInParts, { answer, attemptId, shared, padding: NO_BYTES });
  if (answer.pointers.length > 0) return bytes;
  return encode(AnswerInParts, { answer, attemptId, shared, padding: Buffer.alloc(paddingFor(bytes.length)) });
}

interface PaddedAnswer {
  readonly answer: HolderAnswer;
  readonly attemptId: string;
  readonly shared: SharedParts;
  readonly padding: Buffer;
}

/**
 * A `HolderAnswer` in the order of its fields. Parts of a message written one after the other are one message, so what is
 * the same for every patient is serialised once.
 */
const AnswerInParts = {
  encode({ answer, attemptId, shared, padding }: PaddedAnswer, writer = new BinaryWriter()): BinaryWriter {
    const outcome = OUTCOME[answer.outcome];
    const pointers = answer.pointers.map(fromPointer);
    WireHolderAnswer.encode({ ...NOTHING, attemptId, outcome, pointers }, writer).raw(shared.sealedAndCoverage);
    WireHolderAnswer.encode({ ...NOTHING, reason: answer.reason, padding }, writer).raw(shared.notOfferedBytes);
    return WireHolderAnswer.encode({ ...NOTHING, morePointers: answer.morePointers }, writer);
  },
};

const NO_BYTES = Buffer.alloc(0);
const NOTHING = WireHolderAnswer.decode(NO_BYTES);

/** What does not depend on the patient, serialised. */
interface SharedParts extends Pick<HolderAnswer, "coverage" | "notOffered"> {
  readonly sealedAndCoverage: Buffer;
  readonly notOfferedBytes: Buffer;
}

/** Those last made, by the list of sealed types: every permit of one role, setting and agreement has the very same. */
const lastShared = new WeakMap<HolderAnswer["sealed"], SharedParts>();

function sharedParts({ sealed, coverage, notOffered }: HolderAnswer): SharedParts {
  const last = lastShared.get(sealed);
  if (last !== undefined && last.coverage === coverage && last.notOffered === notOffered) return last;
  const shared = {
    ...(coverage && { coverage }),
    notOffered,
    sealedAndCoverage: encode(WireHolderAnswer, {
      ...NOTHING,
      sealed: sealed.map(fromSealed),
      coverage: coverage && fromCoverage(coverage),
    }),
    notOfferedBytes: encode(WireHolderAnswer, { ...NOTHING, notOffered: [...notOffered] }),
  };
  lastShared.set(sealed, shared);
  return shared;
}

/** How many zero bytes bring a message of so many bytes to the multiple, their own head counted. */
export function paddingFor(bytes: number): number {
  const missing = (PADDED_TO_BYTES - (bytes % PADDED_TO_BYTES)) % PADDED_TO_BYTES;
  if (missing === 0) return 0;
  // One byte cannot hold a head with anything in it, nor can the length jump from 127 to 128 unnoticed: one block more.
  const room = missing < PADDING_HEAD_BYTES + 1 || missing === SHORT_PADDING_MAX + PADDING_HEAD_BYTES + 1;
  const whole = room ? missing + PADDED_TO_BYTES : missing;
  const short = whole - PADDING_HEAD_BYTES;
  return short <= SHORT_PADDING_MAX ? short : short - 1;
}

export function toHolderAnswer(message: WireHolderAnswer): HolderAnswer {
  const outcome = known(wordOf(OUTCOME, message.outcome), "answer.outcome");
  return {
    outcome: asHolderOutcome(outcome),
    pointers: message.pointers.map(toPointer),
    sealed: message.sealed.map(toSealed),
    ...(message.coverage && { coverage: toCoverage(message.coverage) }),
    reason: message.reason,
    notOffered: message.notOffered.map(toRecordType),
    morePointers: message.morePointers,
  };
}

function asHolderOutcome(outcome: AreaAnswer["outcome"]): HolderAnswer["outcome"] {
  switch (outcome) {
    case "records":
    case "nothing-to-show":
    case "identity-check":
    case "possible-match":
    case "no-agreement":
    case "refused":
    case "not-covered":
      return outcome;
    default:
      throw notUnderstood("answer.outcome");
  }
}

export function fromAreaAnswer(answer: AreaAnswer): WireAreaAnswer {
  return {
    area: fromArea(answer.area),
    outcome: OUTCOME[answer.outcome],
    reason: answer.reason,
    pointers: answer.pointers.map(fromPointer),
    sealed: answer.sealed.map(fromSealed),
    coverage: answer.coverage && fromCoverage(answer.coverage),
    elapsedMs: answer.elapsedMs,
    own: answer.own,
    notOffered: [...answer.notOffered],
    morePointers: answer.morePointers,
  };
}

export function toAreaAnswer(message: WireAreaAnswer): AreaAnswer {
  return {
    area: toArea(known(message.area, "answer.area")),
    outcome: known(wordOf(OUTCOME, message.outcome), "answer.outcome"),
    reason: message.reason,
    pointers: message.pointers.map(toPointer),
    sealed: message.sealed.map(toSealed),
    ...(message.coverage && { coverage: toCoverage(message.coverage) }),
    elapsedMs: message.elapsedMs,
    own: message.own,
    notOffered: message.notOffered.map(toRecordType),
    morePointers: message.morePointers,
  };
}

function fromArea(area: Area): WireArea {
  return {
    nodeId: area.nodeId ?? "",
    name: area.name,
    icsCodes: [...area.icsCodes],
    scopes: area.scopes.map((scope) => SCOPE[scope]),
    contact: area.contact,
  };
}

function toArea(message: WireArea): Area {
  return {
    ...toNodeId(message.nodeId, "area.node_id"),
    name: message.name,
    icsCodes: message.icsCodes.map((code) => toCode(code, "area.ics_codes")),
    scopes: message.scopes.map((scope) => known(wordOf(SCOPE, scope), "area.scopes")),
    contact: message.contact,
  };
}

export function fromPointer(pointer: PointerView): WirePointer {
  return {
    pointerId: pointer.pointerId,
    recordType: pointer.recordType,
    recordTypeDisplay: RECORD_TYPES[pointer.recordType].display,
    custodian: { ...pointer.custodian },
    recordedOn: pointer.recordedOn,
    updatedAtMs: BigInt(pointer.updatedAtMs),
    format: pointer.format,
    access: ACCESS[pointer.access],
    sources: [...pointer.sources],
    encounter: pointer.encounter && fromEncounter(pointer.encounter),
    source: pointer.source && { ...pointer.source, lastWorkedAtMs: BigInt(pointer.source.lastWorkedAtMs) },
    document: pointer.document ?? "",
  };
}

function fromEncounter({ state, endedOn, ...encounter }: EncounterView): WireEncounter {
  return { class: ENCOUNTER_CLASS[encounter.class], state: ENCOUNTER_STATE[state], endedOn };
}

function toEncounter({ state, endedOn, ...encounter }: WireEncounter): EncounterView {
  return {
    class: known(wordOf(ENCOUNTER_CLASS, encounter.class), "pointer.encounter.class"),
    state: known(wordOf(ENCOUNTER_STATE, state), "pointer.encounter.state"),
    endedOn,
  };
}

export function toPointer(message: WirePointer): PointerView {
  const custodian = known(message.custodian, "pointer.custodian");
  return {
    pointerId: message.pointerId,
    recordType: toRecordType(message.recordType),
    custodian: { ...custodian, code: toCode(custodian.code, "pointer.custodian.code") },
    recordedOn: message.recordedOn,
    updatedAtMs: toMs(message.updatedAtMs, "pointer.updated_at_ms"),
    format: message.format,
    access: known(wordOf(ACCESS, message.access), "pointer.access"),
    sources: message.sources.map((id) => known(parseNodeId(id), "pointer.sources")),
    ...(message.document !== "" && { document: message.document }),
    ...(message.encounter && { encounter: toEncounter(message.encounter) }),
    ...(message.source && {
      source: { ...message.source, lastWorkedAtMs: toMs(message.source.lastWorkedAtMs, "pointer.source") },
    }),
  };
}

function fromSealed(recordType: RecordTypeKey): SealedNotice {
  return { recordType, recordTypeDisplay: RECORD_TYPES[recordType].display };
}

function toSealed({ recordType }: SealedNotice): RecordTypeKey {
  return toRecordType(recordType);
}

/** A holder's coverage is one object until a feed moves, and the same in every answer until then. */
const coverageOnWire = new WeakMap<Coverage, WireCoverage>();

export function fromCoverage(coverage: Coverage): WireCoverage {
  const ready = coverageOnWire.get(coverage);
  if (ready !== undefined) return ready;
  const message = { providers: coverage.providers.map(fromProviderFeed) };
  coverageOnWire.set(coverage, message);
  return message;
}

export function toCoverage(message: WireCoverage): Coverage {
  return { providers: message.providers.map(toProviderFeed) };
}

function fromProviderFeed(feed: ProviderFeed): WireProviderFeed {
  return {
    code: feed.code,
    name: feed.name,
    state: FEED_STATE[feed.state],
    lastReceivedAtMs: BigInt(feed.lastReceivedAtMs),
  };
}

function toProviderFeed(message: WireProviderFeed): ProviderFeed {
  return {
    code: toCode(message.code, "coverage.code"),
    name: message.name,
    state: known(wordOf(FEED_STATE, message.state), "coverage.state"),
    lastReceivedAtMs: toMs(message.lastReceivedAtMs, "coverage.last_received_at_ms"),
  };
}

export function fromVerdict(verdict: Verdict): WireVerdict {
  return {
    requestId: verdict.requestId,
    asker: verdict.asker,
    givenAtMs: BigInt(verdict.givenAtMs),
    scopes: verdict.scopes.map((each) => ({ ...each, scope: SCOPE[each.scope] })),
    areas: verdict.areas.map(({ nodeId = "", outcome, scopes, ...each }) => ({
      ...{ ...each, nodeId, outcome: OUTCOME[outcome] },
      scopes: scopes.map((scope) => SCOPE[scope]),
    })),
    gaps: verdict.gaps.map(({ nodeId, provider }) => ({ nodeId, provider: fromProviderFeed(provider) })),
    sentence: verdict.sentence,
    fixedLine: verdict.fixedLine,
    directorySequence: BigInt(verdict.directory.sequence),
    directoryAgeSeconds: verdict.directory.ageSeconds,
    directoryAgeing: verdict.directory.ageing,
    unfedNodeIds: [...verdict.unfed],
  };
}

export function toVerdict(message: WireVerdict): Verdict {
  return {
    requestId: message.requestId,
    asker: known(parseNodeId(message.asker), "verdict.asker"),
    givenAtMs: toMs(message.givenAtMs, "verdict.given_at_ms"),
    scopes: message.scopes.map((each) => ({
      ...each,
      scope: known(wordOf(SCOPE, each.scope), "verdict.scopes"),
    })),
    areas: message.areas.map(({ nodeId, name, outcome, elapsedMs, reason, scopes }) => ({
      ...toNodeId(nodeId, "verdict.areas.node_id"),
      name,
      outcome: known(wordOf(OUTCOME, outcome), "verdict.areas.outcome"),
      elapsedMs,
      reason,
      scopes: scopes.map((scope) => known(wordOf(SCOPE, scope), "verdict.areas.scopes")),
    })),
    gaps: message.gaps.map(({ nodeId, provider }) => ({
      nodeId: known(parseNodeId(nodeId), "verdict.gaps.node_id"),
      provider: toProviderFeed(known(provider, "verdict.gaps.provider")),
    })),
    unfed: message.unfedNodeIds.map((id) => known(parseNodeId(id), "verdict.unfed_node_ids")),
    sentence: message.sentence,
    fixedLine: message.fixedLine,
    directory: {
      sequence: toMs(message.directorySequence, "verdict.directory_sequence"),
      ageSeconds: message.directoryAgeSeconds,
      ageing: message.directoryAgeing,
    },
  };
}

function toNodeId(text: string, where: string): { readonly nodeId?: NodeId } {
  return text === "" ? {} : { nodeId: known(parseNodeId(text), where) };
}

function toCode(text: string, where: string): OrganisationCode {
  return known(parseOrganisationCode(text), where);
}

/** A type that is not known here must not vanish in silence: the whole answer is not understood. */
function toRecordType(text: string): RecordTypeKey {
  return known(parseRecordType(text), "record_type");
}

export function toMs(value: bigint, where: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw notUnderstood(where);
  return number;
}

function known<T>(value: T | undefined, where: string): T {
  if (value === undefined) throw notUnderstood(where);
  return value;
}

function notUnderstood(where: string): Failure {
  return new Failure("incompatible", `The answer's ${where} is not understood here: do both sides run one version?`, {
    where,
  });
}
