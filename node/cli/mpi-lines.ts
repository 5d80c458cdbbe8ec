import { toPlainText } from "../base/plain-text.ts";
import type { Comparison, ReviewList, ShownRecord } from "../requests/review.ts";

/** One decision about who is whom, as the node tells it: 0 and empty text stand for what it does not have. */
export interface TimedEvent {
  readonly eventNo: number;
  readonly atMs: bigint;
  readonly kind: string;
  readonly actor: string;
  readonly otherIdentityNo: number;
  readonly fromPersonId: string;
  readonly toPersonId: string;
  readonly reason: string;
  readonly ruleVersion: string;
  readonly weight: number;
  readonly fields: readonly FieldLine[];
  readonly undoes: number;
  readonly undoneBy: number;
}

export interface Hairball {
  readonly personId: string;
  readonly identities: number;
  readonly verifiedNumbers: number;
  readonly birthDates: number;
  readonly givenNames: number;
  readonly full: boolean;
}

export interface Quality {
  readonly identities: number;
  readonly inReview: number;
  readonly oldestMs: bigint;
  readonly bands: readonly {
    readonly fromBits: number;
    readonly same: number;
    readonly different: number;
    readonly unsure: number;
  }[];
}

interface FieldLine {
  readonly field: string;
  readonly level: string;
  readonly weight: number;
}

/** Who is whom, in lines for a terminal. */

export function reviewLines({ records, waiting, oldestMs }: ReviewList): string[] {
  if (oldestMs === undefined) return ["Nothing waits."];
  const lines = records.map(({ identityNo, sinceMs, reason, candidates }) =>
    [
      `identity ${identityNo}`.padEnd(20),
      day(sinceMs),
      reason.padEnd(24),
      candidates.map(({ personId, weight }) => `${personId} (${bits(weight)})`).join(", "),
    ].join("  "),
  );
  return [`${waiting} records wait, the first since ${day(oldestMs)}.`, ...lines];
}

export function comparisonLines({ reason, sinceMs, record, candidates }: Comparison): string[] {
  return [
    `identity ${record.identityNo}: in review since ${day(sinceMs)}, ${reason}`,
    ...valueLines(record),
    ...candidates.flatMap(({ personId, score, records }) => [
      "",
      `person ${personId}: ${bits(score.weight)} bits`,
      ...fieldLines(score.fields),
      ...records.flatMap((each) => [`  identity ${each.identityNo}`, ...valueLines(each)]),
    ]),
  ];
}

export function historyLines(events: readonly TimedEvent[]): string[] {
  return events.flatMap((event) => {
    const { eventNo, atMs, kind, actor, otherIdentityNo, fromPersonId, toPersonId, reason, ruleVersion } = event;
    const notes = [
      otherIdentityNo === 0 ? "" : `with identity ${otherIdentityNo}`,
      toPersonId === "" ? "" : `${fromPersonId === "" ? "" : `from person ${fromPersonId} `}to person ${toPersonId}`,
      event.undoes === 0 ? "" : `undoes event ${event.undoes}`,
      event.undoneBy === 0 ? "" : `undone by event ${event.undoneBy}`,
    ].filter((note) => note !== "");
    const by = ruleVersion === "" ? actor : `${actor} ${ruleVersion}`;
    const head = `event ${eventNo}  ${new Date(Number(atMs)).toISOString()}  ${kind}  by ${by}: ${reason}`;
    return [head, ...(notes.length === 0 ? [] : [`  ${notes.join(", ")}`]), ...fieldLines(event.fields)];
  });
}

export function hairballLines(hairballs: readonly Hairball[]): string[] {
  if (hairballs.length === 0) return ["No person has so many identities."];
  return hairballs.map(({ personId, identities, verifiedNumbers, birthDates, givenNames, full }) =>
    [
      `person ${personId}: ${identities} identities, ${verifiedNumbers} verified numbers, ${birthDates} birth dates, `,
      `${givenNames} given names${full ? "; the machine adds nobody any more" : ""}`,
    ].join(""),
  );
}

export function qualityLines({ identities, inReview, oldestMs, bands }: Quality): string[] {
  const share = identities === 0 ? 0 : (100 * inReview) / identities;
  const oldest = oldestMs === 0n ? "" : `, the first since ${day(Number(oldestMs))}`;
  return [
    `${inReview} of ${identities} identities in review (${share.toFixed(2)} %)${oldest}`,
    ...bands.map(
      ({ fromBits, same, different, unsure }) =>
        `${bits(fromBits).padStart(6)} bits and more: ${same} same, ${different} different, ${unsure} unsure`,
    ),
  ];
}

function fieldLines(fields: readonly FieldLine[]): string[] {
  return fields.map(({ field, level, weight }) => `  ${field.padEnd(12)} ${level.padEnd(32)} ${bits(weight)}`);
}

function valueLines({ values }: ShownRecord): string[] {
  if (values === undefined) return [];
  return Object.entries(values.expose())
    .filter(([, value]) => value !== "")
    .map(([field, value]) => toPlainText(`    ${field.padEnd(16)} ${value}`));
}

function bits(weight: number): string {
  return `${weight < 0 ? "" : "+"}${weight.toFixed(1)}`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
