import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { Candidate, PairScore } from "../mpi/decision.ts";
import type { StoredIdentity } from "../mpi/identity-record.ts";
import type { PersonEvent } from "../mpi/person-events.ts";
import { type ByHand, type HandChange, type HandOutcome, makeReviewDesk } from "../mpi/review-desk.ts";
import type { Hairball, QualityBand, ReviewReader } from "../mpi/review-reader.ts";
import type { CommandHandlers, StoreExecutor } from "../storage/executor.ts";

/** Who reviews, as what and why; the certificate has been held against it. */
export interface Reviewer {
  readonly requestId: string;
  /** The system that asks, by its certificate's name. */
  readonly caller: string;
  readonly userId: string;
  readonly role: string;
  /** In the user's words; holds no NHS number. */
  readonly reason: string;
  /** True where the certificate gives the right to review; without it nothing shows who anybody is. */
  readonly mayReview: boolean;
}

/** What is audited of a look, before it is shown. */
export interface Look extends Omit<Reviewer, "mayReview"> {
  readonly action: string;
  readonly values: boolean;
  readonly about: Readonly<Record<string, string | number>>;
  readonly personIds: readonly string[];
}

export interface ReviewNeeds {
  readonly clock: Clock;
  /** Of the index. */
  readonly store: StoreExecutor;
  readonly reader: ReviewReader;
  /** Durable in the audit when it resolves. */
  readonly recordReview: (look: Look) => Promise<void>;
}

/** A record in review, in figures alone. */
export interface WaitingRecord {
  readonly identityNo: number;
  readonly sinceMs: number;
  readonly reason: string;
  readonly candidates: readonly { readonly personId: string; readonly weight: number }[];
}

export interface ReviewList {
  readonly records: readonly WaitingRecord[];
  /** All that wait, those included that the list has no room for. */
  readonly waiting: number;
  /** Since when the first of them waits, milliseconds since the epoch; absent where none does. */
  readonly oldestMs: number | undefined;
}

/** One side of a comparison. */
export interface ShownRecord {
  readonly identityNo: number;
  /** Absent for whoever may not review. Beside somebody restricted: without addresses and telephones. */
  readonly values?: Concealed<ShownValues>;
}

export type ShownValues = Pick<
  StoredIdentity,
  | "provider"
  | "localId"
  | "nhsNumber"
  | "nhsNumberStatus"
  | "givenName"
  | "middleName"
  | "familyName"
  | "birthDate"
  | "gender"
  | "addressLine1"
  | "addressLine2"
  | "locality"
  | "postcode"
  | "phone"
  | "recordedOn"
>;

/** A record in review and whom it may be, field by field. */
export interface Comparison {
  readonly reason: string;
  readonly sinceMs: number;
  readonly record: ShownRecord;
  readonly candidates: readonly {
    readonly personId: string;
    readonly score: PairScore;
    readonly records: readonly ShownRecord[];
  }[];
}

/** Records in review that one answer lists. */
const LISTED_MAX = 200;

/** Lists the records in review, the longest waiting first: figures, and nobody's name. */
export async function listReview(by: Reviewer, { reader, recordReview }: ReviewNeeds): Promise<ReviewList> {
  const { items, waiting } = reader.inOneSnapshot(() => ({
    items: reader.list(LISTED_MAX),
    waiting: reader.waiting(),
  }));
  await recordReview(look(by, "review-list", {}));
  const records = items.map(({ identityNo, sinceMs, reason, candidates }): WaitingRecord => ({
    ...{ identityNo, sinceMs, reason },
    candidates: candidates.map(({ personKey, score }) => ({ personId: personIdOf(personKey), weight: score.weight })),
  }));
  return { records, waiting: waiting.records, oldestMs: waiting.oldestMs };
}

/**
 * Shows one record in review beside those whom it may be: how each field agrees, and to a reviewer the values.
 *
 * @throws {Failure} `invalid-input`: it is not in review.
 * @throws {Failure} `store-unavailable`: the audit could not be written; nothing was shown.
 */
export async function showReview(by: Reviewer, identityNo: number, needs: ReviewNeeds): Promise<Comparison> {
  const compared = needs.reader.inOneSnapshot(() => readCompared(identityNo, needs.reader));
  if (compared === undefined) throw unknown("identity_no", "is not in review");
  const { item, record, candidates, isRestricted } = compared;
  const personIds = [record.personKey, ...candidates.map(({ personKey }) => personKey)].map(personIdOf);
  await needs.recordReview(look(by, "review-show", { identityNo }, personIds));
  return {
    ...{ reason: item.reason, sinceMs: item.sinceMs },
    record: shown(record, isRestricted, by),
    candidates: candidates.map(({ personKey, score, records }) => ({
      ...{ personId: personIdOf(personKey), score },
      records: records.map((each) => shown(each, isRestricted, by)),
    })),
  };
}

/** All that a comparison shows, of one state of the index: also whether anybody in it is restricted. */
function readCompared(identityNo: number, reader: ReviewReader) {
  const [item, record] = [reader.item(identityNo), reader.identity(identityNo)];
  if (item === undefined || record === undefined) return undefined;
  const candidates = item.candidates.map((each) => ({ ...each, records: reader.ofPerson(each.personKey) }));
  const everybody = [...reader.ofPerson(record.personKey), ...candidates.flatMap(({ records }) => records)];
  return { item, record, candidates, isRestricted: everybody.some(({ restricted }) => restricted) };
}

/**
 * Decides by hand about identities: above every feed and the machine, audited, and to be undone.
 *
 * @throws {Failure} `store-unavailable`: the audit or the index could not be written; nothing has changed.
 */
export async function changePersons(by: Reviewer, change: HandChange, needs: ReviewNeeds): Promise<HandOutcome> {
  await needs.recordReview({ ...look(by, `person-${change.kind}`, aboutOf(change)), values: false });
  const { userId, role, reason } = by;
  const byHand: ByHand = { actor: { kind: "user", id: userId, role }, atMs: needs.clock.wallMs(), reason };
  return needs.store.run("change-persons", { change, by: byHand });
}

/**
 * Every decision that bears on an identity, oldest first.
 *
 * @throws {Failure} `invalid-input`: no such identity.
 */
export async function showHistory(
  by: Reviewer,
  identityNo: number,
  needs: ReviewNeeds,
): Promise<readonly PersonEvent[]> {
  const record = needs.reader.identity(identityNo);
  if (record === undefined) throw unknown("identity_no", "is no identity's");
  await needs.recordReview({
    ...look(by, "person-history", { identityNo }, [personIdOf(record.personKey)]),
    values: false,
  });
  return needs.reader.history(identityNo);
}

/** Persons of suspiciously many identities, in figures alone; the largest first. */
export async function listHairballs(by: Reviewer, from: number, needs: ReviewNeeds): Promise<readonly Hairball[]> {
  await needs.recordReview({ ...look(by, "person-hairballs", { from }), values: false });
  return (await needs.reader.survey(from)).hairballs;
}

/** How good the linking is, as reviewers judge it. */
export interface Quality {
  readonly identities: number;
  readonly inReview: number;
  /** Milliseconds since the epoch; absent where nothing waits. */
  readonly oldestMs?: number | undefined;
  readonly bands: readonly QualityBand[];
}

export async function showQuality(by: Reviewer, needs: ReviewNeeds): Promise<Quality> {
  await needs.recordReview({ ...look(by, "review-quality", {}), values: false });
  const { identities } = await needs.reader.survey(Infinity);
  const { records, oldestMs } = needs.reader.waiting();
  return { identities, inReview: records, oldestMs, bands: needs.reader.quality() };
}

/** What the audit keeps of a decision: no NHS number, and so nothing that could tie two together. */
function aboutOf(change: HandChange): Look["about"] {
  if (change.kind === "supersede" || change.kind === "confuse") return {};
  const { kind: _, ...about } = change;
  return about;
}

function look(
  { mayReview, ...by }: Reviewer,
  action: string,
  about: Look["about"],
  personIds: readonly string[] = [],
): Look {
  return { ...by, action, about, personIds, values: mayReview && action === "review-show" };
}

/** @param isRestricted true where anybody in the comparison is: where the others live may be where that one does. */
function shown(record: StoredIdentity, isRestricted: boolean, { mayReview }: Reviewer): ShownRecord {
  const { identityNo } = record;
  if (!mayReview) return { identityNo };
  const { provider, localId, nhsNumber, nhsNumberStatus, givenName, middleName, familyName } = record;
  const { birthDate, gender, recordedOn } = record;
  const whereabouts = isRestricted ? NOWHERE : record;
  const { addressLine1, addressLine2, locality, postcode, phone } = whereabouts;
  const values = {
    ...{ provider, localId, nhsNumber, nhsNumberStatus, givenName, middleName, familyName, birthDate, gender },
    ...{ addressLine1, addressLine2, locality, postcode, phone, recordedOn },
  };
  return { identityNo, values: new Concealed(values) };
}

const NOWHERE = { addressLine1: "", addressLine2: "", locality: "", postcode: "", phone: "" };

function personIdOf(personKey: Candidate["personKey"]): string {
  return personKey.toString(36);
}

function unknown(where: string, what: string): Failure {
  return new Failure("invalid-input", `The number ${what}: corridor mpi review list shows those that wait.`, { where });
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    "change-persons": { payload: { readonly change: HandChange; readonly by: ByHand }; result: HandOutcome };
  }
}

/** Handler of what reviewers decide. */
export function makeHandlers(db: Database, random: Random): CommandHandlers {
  const desk = makeReviewDesk(db, random);
  return { "change-persons": ({ change, by }) => desk.change(change, by) };
}
