import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import { makeCurrentIdentities } from "./current-identities.ts";
import type { Candidate, PairScore } from "./decision.ts";
import type { IdentityRecord, StoredIdentity } from "./identity-record.ts";
import { makeNumbers } from "./numbers.ts";
import { EVENT_COLUMNS, type PersonEvent } from "./person-events.ts";
import { makePersonNow } from "./person-redirects.ts";
import { isProtectedPair, PERSON_IDENTITIES_MAX } from "./placing.ts";
import { makeStatements } from "./statements.ts";
import { REVIEW_COLUMNS, type ReviewItem, type ReviewRow, toReviewItem } from "./review-queue.ts";
import { type InOneSnapshot, makeInOneSnapshot } from "./snapshot.ts";

/** A person of suspiciously many identities, in figures alone. */
export interface Hairball {
  readonly personKey: number;
  readonly identities: number;
  /** Distinct ones, of each. */
  readonly verifiedNumbers: number;
  readonly birthDates: number;
  readonly givenNames: number;
  /** True where the machine adds nobody any more. */
  readonly full: boolean;
}

export interface Survey {
  readonly persons: number;
  readonly identities: number;
  /** The largest first. */
  readonly hairballs: readonly Hairball[];
}

/** Reviewers' verdicts on pairs of about one weight. */
export interface QualityBand {
  /** Bits, from this on; bands are {@link BAND_BITS} wide. */
  readonly fromBits: number;
  readonly same: number;
  readonly different: number;
  readonly unsure: number;
}

/** Who is whom, read for those who review and operate. */
export interface ReviewReader {
  /** Reads that must agree with one another. Synchronous work only. */
  readonly inOneSnapshot: InOneSnapshot;
  /**
   * Records in review, the longest waiting first; the candidates as the persons who they are now, and without what their
   * scores say of places where anybody is restricted.
   */
  list(limit: number): readonly ReviewItem[];
  item(identityNo: number): ReviewItem | undefined;
  waiting(): { readonly records: number; readonly oldestMs: number | undefined };
  identity(identityNo: number): StoredIdentity | undefined;
  ofPerson(personKey: number): readonly StoredIdentity[];
  /**
   * All events that bear on an identity or on its number as it is now, oldest first; without what they say of places where
   * anybody whom they brought together or parted is restricted.
   */
  history(identityNo: number): readonly PersonEvent[];
  /** Walks all persons, in short steps. @param from identities of a person that is reported. */
  survey(from: number): Promise<Survey>;
  quality(): readonly QualityBand[];
}

/** Width of a band of weights. */
export const BAND_BITS = 4;

/** Persons in one step of a survey. */
const STEP_PERSONS = 5_000;
const HAIRBALLS_MAX = 200;

/** @param db a read-only connection to the index. */
export function makeReviewReader(db: Database, clock: Clock): ReviewReader {
  const numbers = makeNumbers(db);
  const personNow = makePersonNow(db);
  const list = db.prepare<[number], ReviewRow>(
    `SELECT ${REVIEW_COLUMNS} FROM review_item ORDER BY since_ms, identity_no LIMIT ?`,
  );
  const item = db.prepare<[number], ReviewRow>(`SELECT ${REVIEW_COLUMNS} FROM review_item WHERE identity_no = ?`);
  const waiting = db.prepare<[], { records: number; oldestMs: number | null }>(
    "SELECT count(*) AS records, min(since_ms) AS oldestMs FROM review_item",
  );
  const { byNo: identity, ofPerson } = makeCurrentIdentities(db);
  const history = db.prepare<[number, number, number], PersonEvent>(
    `SELECT ${EVENT_COLUMNS} FROM link_event WHERE event_no IN (
       SELECT event_no FROM link_event WHERE identity_no = ?
       UNION SELECT event_no FROM link_event WHERE other_identity_no = ?
       UNION SELECT event_no FROM event_move WHERE identity_no = ?) ORDER BY event_no`,
  );
  const event = db.prepare<[number], PersonEvent>(`SELECT ${EVENT_COLUMNS} FROM link_event WHERE event_no = ?`);
  const statements = makeStatements(db);
  const sizes = db.prepare<[number, number], { personKey: number; identities: number }>(
    `SELECT person_id AS personKey, count(*) AS identities FROM identity_record
       WHERE current = 1 AND person_id > ? GROUP BY person_id ORDER BY person_id LIMIT ?`,
  );
  const verdicts = db.prepare<[number], { band: number; verdict: "same" | "different" | "unsure"; count: number }>(
    `SELECT CAST(floor(weight / ?) AS INTEGER) AS band, verdict, count(*) AS count FROM review_verdict
       WHERE undone = 0 GROUP BY 1, 2 ORDER BY 1`,
  );

  const isRestricted = (personKey: number): boolean => ofPerson(personKey).some(({ restricted }) => restricted);

  /** Everybody whom an event brought together or parted, as the persons who they are now. */
  function personsIn({ from, to, identityNo, otherIdentityNo }: PersonEvent): number[] {
    const known = (each: number | null): each is number => each !== null;
    const named = [identityNo, otherIdentityNo].filter(known).flatMap((each) => identity(each)?.personKey ?? []);
    return [...[from, to].filter(known).map(personNow), ...named];
  }

  /** As it may be shown: a candidate may have been merged since, a number may have come under protection, or anybody restricted. */
  function asItIsNow(row: ReviewRow): ReviewItem | undefined {
    const [record, stored] = [identity(row.identityNo), toReviewItem(row)];
    if (record === undefined) return undefined;
    const candidates = new Map<number, Candidate>();
    for (const { personKey, score } of stored.candidates) {
      const now = personNow(personKey);
      const isShown = !candidates.has(now) && !isProtectedPair([record], ofPerson(now), numbers);
      if (isShown) candidates.set(now, { personKey: now, score });
    }
    if (candidates.size === 0) return undefined;
    const shown = [...candidates.values()];
    if (![record.personKey, ...candidates.keys()].some(isRestricted)) return { ...stored, candidates: shown };
    const withoutPlaces = shown.map(({ personKey, score }) => ({ personKey, score: withoutPlace(score) }));
    return { ...stored, candidates: withoutPlaces.toSorted((a, b) => b.score.weight - a.score.weight) };
  }

  async function survey(from: number): Promise<Survey> {
    const found: { personKey: number; identities: number }[] = [];
    let [persons, identities, after] = [0, 0, 0];
    for (;;) {
      const step = sizes.all(after, STEP_PERSONS);
      for (const each of step) {
        persons++;
        identities += each.identities;
        if (each.identities >= from) found.push(each);
      }
      const last = step.at(-1);
      if (last === undefined || step.length < STEP_PERSONS) break;
      after = last.personKey;
      await clock.sleep(0); // questions go first
    }
    const largest = found.sort((a, b) => b.identities - a.identities).slice(0, HAIRBALLS_MAX);
    return {
      persons,
      identities,
      hairballs: largest.map(({ personKey }) => hairballOf(personKey, ofPerson(personKey))),
    };
  }

  return {
    inOneSnapshot: makeInOneSnapshot(db),
    list: (limit) => list.all(limit).flatMap((row) => asItIsNow(row) ?? []),
    item(identityNo) {
      const row = item.get(identityNo);
      return row === undefined ? undefined : asItIsNow(row);
    },
    waiting() {
      const { records = 0, oldestMs = null } = waiting.get() ?? {};
      return { records, oldestMs: oldestMs ?? undefined };
    },
    identity,
    ofPerson,
    history(identityNo) {
      const own = history.all(identityNo, identityNo, identityNo);
      const number = Number(identity(identityNo)?.nhsNumber ?? "");
      const ofNumber = statements.about(number, "superseded", "confused").map(({ madeBy }) => madeBy);
      const known = new Set(own.map(({ eventNo }) => eventNo));
      const more = [...new Set(ofNumber)].filter((eventNo) => !known.has(eventNo));
      const all = [...own, ...more.flatMap((eventNo) => event.all(eventNo))].sort((a, b) => a.eventNo - b.eventNo);
      return all.flatMap(personsIn).some(isRestricted) ? all.map(eventWithoutPlace) : all;
    },
    survey,
    quality() {
      const bands = new Map<number, QualityBand>();
      for (const { band, verdict, count } of verdicts.all(BAND_BITS)) {
        const known = bands.get(band) ?? { fromBits: band * BAND_BITS, same: 0, different: 0, unsure: 0 };
        bands.set(band, { ...known, [verdict]: count });
      }
      return [...bands.values()];
    },
  };
}

/** That two live in one place tells where somebody restricted lives, to whoever can look up the other one. */
const FIELDS_OF_PLACE = new Set(["place", "phone", "email"]);

function withoutPlace({ fields }: PairScore): PairScore {
  const left = fields.filter(({ field }) => !FIELDS_OF_PLACE.has(field));
  return { fields: left, weight: left.reduce((sum, { weight }) => sum + weight, 0) };
}

function eventWithoutPlace(event: PersonEvent): PersonEvent {
  if (event.score === null) return event;
  return { ...event, score: JSON.stringify(withoutPlace(JSON.parse(event.score) as PairScore)) };
}

function hairballOf(personKey: number, records: readonly IdentityRecord[]): Hairball {
  const distinct = (values: readonly string[]): number => new Set(values.filter((value) => value !== "")).size;
  const verified = records.filter(({ nhsNumberStatus }) => nhsNumberStatus === "01");
  return {
    personKey,
    identities: records.length,
    verifiedNumbers: distinct(verified.map(({ nhsNumber }) => nhsNumber)),
    birthDates: distinct(records.map(({ birthDate }) => birthDate)),
    givenNames: distinct(records.map(({ givenName }) => givenName.toLowerCase())),
    full: records.length >= PERSON_IDENTITIES_MAX,
  };
}
