import { Concealed } from "../base/concealed.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { PairScore } from "../mpi/decision.ts";
import type { PersonEvent } from "../mpi/person-events.ts";
import type { HandChange, HandOutcome, Verdict } from "../mpi/review-desk.ts";
import type { Hairball } from "../mpi/review-reader.ts";
import type { Comparison, Quality, ReviewList, ShownRecord } from "../requests/review.ts";
import { invalid, required, word } from "./convert.ts";
import {
  type ChangePersonsRequest,
  type ChangePersonsResponse,
  type IdentityPair,
  type ListHairballsResponse,
  type ListReviewResponse,
  ReviewVerdict,
  type ShowHistoryResponse,
  type ShownRecord as WireRecord,
  type ShowQualityResponse,
  type ShowReviewResponse,
} from "./generated/corridor/v1/mpi_service.ts";

/** Who is whom, onto the wire and off it. */

const VERDICT = {
  same: ReviewVerdict.REVIEW_VERDICT_SAME,
  different: ReviewVerdict.REVIEW_VERDICT_DIFFERENT,
  unsure: ReviewVerdict.REVIEW_VERDICT_UNSURE,
} as const satisfies Record<Verdict, ReviewVerdict>;

type WireChange = ChangePersonsRequest["change"];

export function toChange(change: WireChange): HandChange {
  switch (change?.$case) {
    case "decide": {
      const { identityNo, personId, verdict } = change.value;
      if (!/^[0-9a-z]{1,10}$/.test(personId)) throw invalid("decide.person_id", "is no person's id");
      const personKey = Number.parseInt(personId, 36);
      return { kind: "decide", identityNo, personKey, verdict: word(VERDICT, verdict, "decide.verdict") };
    }
    case "undecideVerdictNo":
      return { kind: "undecide", verdictNo: change.value };
    case "link":
    case "merge":
    case "unmerge":
      return { kind: change.$case, ...toPair(change.value) };
    case "breakIdentityNo":
      return { kind: "break", identityNo: change.value };
    case "revertEventNo":
      return { kind: "revert", eventNo: change.value };
    case "supersede": {
      const { oldNhsNumber, newNhsNumber, protected: isProtected } = change.value;
      const [old, now] = [toDigits(oldNhsNumber, "supersede.old"), toDigits(newNhsNumber, "supersede.new")];
      return { kind: "supersede", old, new: now, protected: isProtected };
    }
    case "confusedNhsNumber":
      return { kind: "confuse", nhsNumber: toDigits(change.value, "confused") };
    default:
      throw invalid("change", "is missing");
  }
}

export function fromChange(change: HandChange): NonNullable<WireChange> {
  switch (change.kind) {
    case "decide": {
      const { identityNo, personKey, verdict } = change;
      const value = { identityNo, personId: personKey.toString(36), verdict: VERDICT[verdict] };
      return { $case: "decide", value };
    }
    case "undecide":
      return { $case: "undecideVerdictNo", value: change.verdictNo };
    case "link":
    case "merge":
    case "unmerge":
      return { $case: change.kind, value: toPair(change) };
    case "break":
      return { $case: "breakIdentityNo", value: change.identityNo };
    case "revert":
      return { $case: "revertEventNo", value: change.eventNo };
    case "supersede": {
      const { old: oldNhsNumber, new: newNhsNumber, protected: isProtected } = change;
      return { $case: "supersede", value: { oldNhsNumber, newNhsNumber, protected: isProtected } };
    }
    case "confuse":
      return { $case: "confusedNhsNumber", value: change.nhsNumber };
  }
}

function toDigits(text: string, where: string): string {
  const number = NhsNumber.parse(text);
  if (number === undefined) throw invalid(`${where}_nhs_number`, "is no NHS number");
  return number.expose();
}

function toPair({ identityNo, otherIdentityNo }: IdentityPair): IdentityPair {
  return { identityNo, otherIdentityNo };
}

export function fromOutcome(outcome: HandOutcome): ChangePersonsResponse {
  const { eventNo = 0, verdictNo = 0 } = outcome.kind === "done" ? outcome : {};
  return { outcome: outcome.kind, eventNo, verdictNo };
}

export function fromReviewList({ records, waiting, oldestMs = 0 }: ReviewList): ListReviewResponse {
  return {
    records: records.map(({ candidates, sinceMs, ...record }) => ({
      ...record,
      sinceMs: BigInt(sinceMs),
      candidates: [...candidates],
    })),
    waiting,
    oldestMs: BigInt(oldestMs),
  };
}

export function toReviewList({ records, waiting, oldestMs }: ListReviewResponse): ReviewList {
  return {
    records: records.map(({ sinceMs, ...record }) => ({ ...record, sinceMs: Number(sinceMs) })),
    waiting,
    oldestMs: oldestMs === 0n ? undefined : Number(oldestMs),
  };
}

export function fromComparison({ reason, sinceMs, record, candidates }: Comparison): ShowReviewResponse {
  return {
    ...{ reason, sinceMs: BigInt(sinceMs), record: fromShown(record) },
    candidates: candidates.map(({ personId, score, records }) => ({
      ...{ personId, weight: score.weight, fields: score.fields.map((field) => ({ ...field })) },
      records: records.map(fromShown),
    })),
  };
}

export function toComparison({ reason, sinceMs, record, candidates }: ShowReviewResponse): Comparison {
  return {
    ...{ reason, sinceMs: Number(sinceMs), record: toShown(required(record, "record")) },
    candidates: candidates.map(({ personId, weight, fields, records }) => ({
      ...{ personId, score: { weight, fields } },
      records: records.map(toShown),
    })),
  };
}

/** To a reviewer: the one place where the values of a record in review are taken out. */
function fromShown({ identityNo, values }: ShownRecord): WireRecord {
  return { identityNo, values: values === undefined ? undefined : { ...values.expose() } };
}

function toShown({ identityNo, values }: WireRecord): ShownRecord {
  return values === undefined ? { identityNo } : { identityNo, values: new Concealed(values) };
}

export function fromHistory(events: readonly PersonEvent[]): ShowHistoryResponse {
  return {
    events: events.map(({ eventNo, atMs, kind, actor, reason, ruleVersion, ...event }) => {
      const score = event.score === null ? undefined : (JSON.parse(event.score) as PairScore);
      return {
        ...{ eventNo, atMs: BigInt(atMs), kind, actor, reason, ruleVersion },
        ...{ identityNo: event.identityNo ?? 0, otherIdentityNo: event.otherIdentityNo ?? 0 },
        ...{ fromPersonId: event.from?.toString(36) ?? "", toPersonId: event.to?.toString(36) ?? "" },
        ...{
          fields: score === undefined ? [] : score.fields.map((field) => ({ ...field })),
          weight: score?.weight ?? 0,
        },
        ...{ undoes: event.undoes ?? 0, undoneBy: event.undoneBy ?? 0 },
      };
    }),
  };
}

export function fromHairballs(hairballs: readonly Hairball[]): ListHairballsResponse {
  return {
    hairballs: hairballs.map(({ personKey, ...figures }) => ({ personId: personKey.toString(36), ...figures })),
  };
}

export function fromQuality({ identities, inReview, oldestMs = 0, bands }: Quality): ShowQualityResponse {
  return { identities, inReview, oldestMs: BigInt(oldestMs), bands: bands.map((band) => ({ ...band })) };
}
