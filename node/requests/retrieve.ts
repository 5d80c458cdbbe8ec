import { createHash } from "node:crypto";

import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import { PROTECTED_RECORD_TYPES } from "../base/record-types.ts";
import type { RecordEvent, RecordName } from "../base/record.ts";
import { PassingBytes } from "../base/spare-memory.ts";
import type { NodeId } from "../base/words.ts";
import type { Member } from "../../topology/manifest.ts";
import type { OwnKnowledge } from "./locate.ts";
import { mayOpen, type OpeningOutcome, type RecordQuestion } from "./open-record.ts";

/** One record, of the area that named it. */
export interface Retrieval extends RecordQuestion {
  readonly nodeId: NodeId;
}

/** The few things this story needs; the composition root hands it the real ones. */
export interface RetrieveNeeds {
  readonly clock: Clock;
  readonly ownId: NodeId;
  readonly decideAccess: (question: Retrieval) => Decision;
  /** Durable in the audit when it resolves. */
  readonly recordRetrieval: (question: Retrieval, decision: Decision) => Promise<void>;
  readonly knowPerson: (
    question: Retrieval,
    permit: Permit,
    deadline: Deadline,
  ) => OwnKnowledge | Promise<OwnKnowledge>;
  readonly memberOf: (nodeId: NodeId) => Member | undefined;
  /** From this node's own index. */
  readonly openOwn: (question: Retrieval, permit: Permit, gone: AbortSignal) => AsyncGenerator<RecordEvent, void>;
  /** From another member's. */
  readonly fetchFrom: (member: Member, question: Retrieval, gone: AbortSignal) => AsyncGenerator<RecordEvent, void>;
  /** What came of it. In the background; gates nothing. */
  readonly recordRetrieved: (question: Retrieval, outcome: OpeningOutcome) => void;
}

/**
 * Opens one record for the own user, wherever it is held: passed on as it comes, held against its hash, kept nowhere.
 *
 * The question is durable in the audit before anything leaves this node. As with a locate, nobody is asked about a person who
 * is restricted here or has objected to everything.
 *
 * @param gone aborts when nobody waits any more.
 * @throws {Failure} `purpose-refused`, `role-refused`, `not-permitted`, `restricted-record`: nobody was asked.
 * @throws {Failure} what the holder said, typed; `unreachable` or `timed-out` where it said nothing.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nobody was asked.
 */
export async function* retrieve(
  question: Retrieval,
  needs: RetrieveNeeds,
  gone: AbortSignal,
): AsyncGenerator<RecordEvent, void> {
  const decision = mayOpen(question, needs.decideAccess(question));
  await needs.recordRetrieval(question, decision);
  if (decision.kind === "refused") {
    const isOwn = decision.code === "purpose-refused" || decision.code === "role-refused";
    throw new Failure(isOwn ? decision.code : "not-permitted", decision.reason);
  }
  const { permit } = decision;
  const known = await needs.knowPerson(question, permit, question.answerBy);
  if (known.kind === "restricted") {
    throw new Failure("restricted-record", "Restricted record: location protected. Request by emergency access.");
  }
  const source = known.objected === true ? undefined : sourceOf(question, permit, needs, gone);
  if (source === undefined) {
    throw new Failure(
      "not-permitted",
      "This record cannot be opened: locate the patient again, and choose from what is shown.",
    );
  }
  yield* checked(source, question, permit, needs);
}

function sourceOf(
  question: Retrieval,
  permit: Permit,
  needs: RetrieveNeeds,
  gone: AbortSignal,
): AsyncGenerator<RecordEvent, void> | undefined {
  if (question.nodeId === needs.ownId) return needs.openOwn(question, permit, gone);
  const member = needs.memberOf(question.nodeId);
  return member?.status === "live" ? needs.fetchFrom(member, question, gone) : undefined;
}

/** What a holder sends, held against this node's own permit and the record's own hash: a holder is a stranger. */
async function* checked(
  parts: AsyncGenerator<RecordEvent, void>,
  question: Retrieval,
  permit: Permit,
  needs: RetrieveNeeds,
): AsyncGenerator<RecordEvent, void> {
  const { pointerId } = question;
  const sha256 = createHash("sha256");
  const passing = new PassingBytes();
  let name: RecordName | undefined;
  let [bytes, result, digest] = [0, "cut-short", ""];
  try {
    for await (const part of parts) {
      if (part.kind === "head") name = nameWithin(part.head, question, permit);
      if (part.kind === "unavailable") {
        nameWithin(part.unavailable, question, permit);
        result = part.unavailable.fault;
      }
      if (part.kind === "piece") {
        sha256.update(part.bytes);
        bytes += part.bytes.length;
        passing.pass(part.bytes.length);
      }
      if (part.kind === "end") {
        digest = sha256.digest("hex");
        const isWhole = part.bytes === bytes && Buffer.from(part.sha256).toString("hex") === digest;
        result = isWhole ? "delivered" : "damaged";
        yield isWhole ? part : damaged(name!, needs.clock);
        return;
      }
      yield part;
      if (part.kind === "unavailable") return;
    }
    throw new Failure("unreachable", "The record broke off: what has come is not whole. Try again.");
  } finally {
    const whole = result === "delivered" ? { sha256: digest } : {};
    needs.recordRetrieved(question, { pointerId, result, bytes, ...whole });
  }
}

/** The record, where it is the one asked for and of a type that this user may open. */
function nameWithin(name: RecordName, { pointerId }: Retrieval, permit: Permit): RecordName {
  const { recordType, custodian } = name;
  const mayOpenType = !PROTECTED_RECORD_TYPES.has(recordType) && permit.levelOf(recordType, custodian.code) === "full";
  if (name.pointerId === pointerId && mayOpenType) return name;
  throw new Failure(
    "not-permitted",
    "This record cannot be opened: your role does not see records of its type in full.",
  );
}

function damaged({ pointerId, recordType, custodian, recordedOn }: RecordName, clock: Clock): RecordEvent {
  const name = { pointerId, recordType, custodian, recordedOn };
  return {
    kind: "unavailable",
    unavailable: { ...name, fault: "damaged", triedAtMs: clock.wallMs(), lastWorkedAtMs: 0 },
  };
}
