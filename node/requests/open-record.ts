import { createHash } from "node:crypto";

import type { PointerView } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, type FailureCode } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { SharedFields } from "../base/datasets.ts";
import { PassingBytes } from "../base/spare-memory.ts";
import type { RecordEvent, RecordHead, RecordName } from "../base/record.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { PermittedPointers } from "../locator/locator.ts";
import type { Records } from "../records/records.ts";
import { PIECE_BYTES_MAX, SourceFault } from "../records/source.ts";
import type { Withheld } from "../base/withheld.ts";
import { waitForEmptyAnswer } from "./answer-locate.ts";
import type { Found } from "./answer-locate.ts";

/** Which record is wanted of the person whom the question names. */
export interface RecordQuestion extends Question {
  readonly pointerId: string;
}

/** Where a record is fetched. The address came with the data. */
export interface RecordAddress {
  readonly custodian: OrganisationCode;
  readonly address: string;
  readonly format: string;
}

type PointersOf = (identities: readonly number[], permit: Permit, withheld: Withheld) => PermittedPointers;

/** What came of an opening, for the audit. */
export interface OpeningOutcome {
  readonly pointerId: string;
  /** `delivered`: every byte was taken. `cut-short`: nobody waited any more. Otherwise why it was unavailable. */
  readonly result: string;
  readonly bytes: number;
  /** Hexadecimal; absent unless delivered. */
  readonly sha256?: string;
}

/** The few things this story needs; the composition root hands it the real ones. */
export interface OpenRecordNeeds<Asked extends RecordQuestion> {
  readonly clock: Clock;
  /** As for a locate: agreement, coverage, purpose and role. */
  readonly decide: (question: Asked) => Decision;
  /** Throws `over-quota` where the asker may ask about no more patients for now. */
  readonly admit: (question: Asked) => void;
  /** What a locate would show of this person, reading pointers by the function handed over. */
  readonly find: (question: Question, permit: Permit, pointersOf: PointersOf) => Found;
  readonly pointersOf: PointersOf;
  readonly addressOf: (identities: readonly number[], pointerId: string) => RecordAddress | undefined;
  readonly records: Records;
  /** Durable in the audit when it resolves: which record is about to leave, or that none is. */
  readonly recordOpening: (
    question: Asked,
    decision: Decision,
    found: Found | undefined,
    isOpened: boolean,
  ) => Promise<void>;
  /** What came of it. In the background; gates nothing. */
  readonly recordOpened: (question: Asked, outcome: OpeningOutcome) => void;
  /** For the operator: a source failed, and how. */
  readonly sourceFailed: (custodian: OrganisationCode, fault: SourceFault) => void;
}

/**
 * Opens one record of this node's own index, for a peer or for the own user, and passes it on as it comes from its custodian.
 * Only a record that a locate would show this permit in full is opened; everything else, held or not, is one refusal.
 *
 * The opening is durable in the audit before its source is asked. Nothing of the record is kept here: a piece is read when the
 * one before it was taken.
 *
 * @param gone aborts when nobody waits any more: the source is let go there and then.
 * @throws {Failure} `not-permitted`: no such record for this role, or not to be opened automatically.
 * @throws {Failure} `no-agreement`, `not-covered`, `purpose-refused`, `role-refused`, `over-quota`: refused before any look-up.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing has left.
 */
export async function* openRecord<Asked extends RecordQuestion>(
  question: Asked,
  needs: OpenRecordNeeds<Asked>,
  gone: AbortSignal,
): AsyncGenerator<RecordEvent, void> {
  const arrivedMs = needs.clock.monotonicMs();
  const decision = mayOpen(question, needs.decide(question));
  if (decision.kind === "refused") {
    await needs.recordOpening(question, decision, undefined, false);
    throw new Failure(CODES[decision.code], decision.reason);
  }
  needs.admit(question);
  const { found, pointer, address } = lookUp(question, decision.permit, needs);
  if (pointer === undefined || address === undefined) {
    await needs.recordOpening(question, decision, found, false);
    await waitForEmptyAnswer(needs.clock, arrivedMs);
    throw new Failure(
      "not-permitted",
      "This record cannot be opened: locate the patient again, and choose from what is shown.",
    );
  }
  await needs.recordOpening(question, decision, found, true);
  const fields = decision.permit.fieldsOf(pointer.recordType);
  yield* passOn(question, pointer, address, fields, needs, gone);
}

const CODES = {
  "purpose-refused": "purpose-refused",
  "role-refused": "role-refused",
  "not-permitted": "not-permitted",
  "no-agreement": "no-agreement",
  "not-covered": "not-covered",
} as const satisfies Record<Extract<Decision, { kind: "refused" }>["code"], FailureCode>;

/** What runs by itself may find records, and opens none. */
export function mayOpen({ claim }: Question, decision: Decision): Decision {
  if (decision.kind === "refused" || claim.trigger === "person") return decision;
  return {
    kind: "refused",
    code: "not-permitted",
    reason: "A record is opened by a person: nothing opens one by itself.",
  };
}

interface LookedUp {
  readonly found: Found;
  readonly pointer: PointerView | undefined;
  readonly address: RecordAddress | undefined;
}

/** The record's pointer, where a locate with this permit would show it in full, and its address; read in one snapshot. */
function lookUp<Asked extends RecordQuestion>(
  question: Asked,
  permit: Permit,
  needs: OpenRecordNeeds<Asked>,
): LookedUp {
  const { pointerId } = question;
  let address: RecordAddress | undefined;
  const found = needs.find(question, permit, (identities, of, withheld) => {
    const pointers = needs.pointersOf(identities, of, withheld);
    if (pointers.shown.some((shown) => shown.pointerId === pointerId)) address = needs.addressOf(identities, pointerId);
    return pointers;
  });
  const pointer = found.pointers.find((shown) => shown.pointerId === pointerId && shown.access === "full");
  return { found, pointer, address };
}

async function* passOn<Asked extends RecordQuestion>(
  question: Asked,
  pointer: PointerView,
  { custodian, address, format }: RecordAddress,
  fields: SharedFields,
  needs: OpenRecordNeeds<Asked>,
  gone: AbortSignal,
): AsyncGenerator<RecordEvent, void> {
  const letGo = new AbortController();
  const signal = AbortSignal.any([gone, letGo.signal]);
  const triedAtMs = needs.clock.wallMs();
  const sha256 = createHash("sha256");
  const passing = new PassingBytes();
  let [bytes, result] = [0, "cut-short"];
  try {
    const opened = await needs.records.open(custodian, {
      address,
      format,
      recordType: pointer.recordType,
      fields,
      signal,
    });
    yield { kind: "head", head: headOf(pointer, opened, triedAtMs) };
    for await (const chunk of opened.pieces) {
      for (let from = 0; from < chunk.length; from += PIECE_BYTES_MAX) {
        const piece = chunk.subarray(from, from + PIECE_BYTES_MAX);
        sha256.update(piece);
        bytes += piece.length;
        passing.pass(piece.length);
        yield { kind: "piece", bytes: piece };
      }
    }
    const digest = sha256.digest();
    yield { kind: "end", bytes, sha256: digest };
    result = "delivered";
    needs.recordOpened(question, { pointerId: pointer.pointerId, result, bytes, sha256: digest.toString("hex") });
  } catch (thrown) {
    if (gone.aborted) return;
    const fault = thrown instanceof SourceFault ? thrown : new SourceFault("source-error", "something unforeseen");
    result = fault.fault;
    needs.sourceFailed(custodian, fault);
    const lastWorkedAtMs = needs.records.healthOf(custodian)?.lastWorkedAtMs ?? 0;
    yield {
      kind: "unavailable",
      unavailable: { ...nameOf(pointer), fault: fault.fault, triedAtMs, lastWorkedAtMs },
    };
  } finally {
    letGo.abort();
    if (result !== "delivered") needs.recordOpened(question, { pointerId: pointer.pointerId, result, bytes });
  }
}

function nameOf({ pointerId, recordType, custodian, recordedOn }: PointerView): RecordName {
  return { pointerId, recordType, custodian, recordedOn };
}

function headOf(
  pointer: PointerView,
  { contentType, updatedAtMs, cleaned, origin }: Awaited<ReturnType<Records["open"]>>,
  obtainedAtMs: number,
): RecordHead {
  const updated = { updatedAtMs: updatedAtMs === 0 ? pointer.updatedAtMs : updatedAtMs };
  return { ...nameOf(pointer), ...updated, contentType, origin, obtainedAtMs, cleaned };
}
