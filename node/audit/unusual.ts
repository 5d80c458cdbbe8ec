import type { Database } from "better-sqlite3";

/**
 * What is worth a privacy officer's question. None of it is proof of anything: staff are patients too, families share names,
 * and somebody has to have the busiest night of the year.
 */
export interface Unusual {
  readonly what:
    /** A user asked about themselves. */
    | "own-record"
    /** A user asked about somebody of their own family name. */
    | "same-surname"
    /** A user asked about many more patients in an hour than in their own usual one. */
    | "volume"
    /** Several of a user's claimed attendances are borne out by nobody. */
    | "unmatched-claims";
  readonly userId: string;
  /** When, or when the first. */
  readonly atMs: number;
  /** How often, or about how many patients. */
  readonly count: number;
  /** Of `volume`: patients in the user's usual hour. */
  readonly usual?: number;
}

export interface UnusualSought {
  readonly fromMs: number;
  readonly toMs: number;
  /** Who a user is to a patient, where it is known who the users are. */
  readonly kinship?: (userId: string, patient: string) => "self" | "same-surname" | undefined;
}

const HOUR_MS = 3_600_000;
/** A user's own hours are learnt over so long before the time that is looked at. */
const HABIT_MS = 28 * 24 * HOUR_MS;
/** Below so many patients an hour nobody is told of: a ward round is that. */
const PATIENTS_MIN = 20;
const TIMES_USUAL = 4;
/** For a user of whom no other hour is known. */
const USUAL_UNKNOWN = 5;
const UNMATCHED_MIN = 3;

/** What persons did, own users alone; what an application asked by itself is none of theirs. */
const BY_PERSONS = "kind IN ('question', 'search') AND user_id IS NOT NULL AND trigger_kind IS NOT 'automatic'";

/** Reads the whole log of the time, and of four weeks before. In the order: who, how many, unmatched. */
export function unusual(db: Database, { fromMs, toMs, kinship }: UnusualSought): readonly Unusual[] {
  return [
    ...(kinship === undefined ? [] : closeOnes(db, fromMs, toMs, kinship)),
    ...busyHours(db, fromMs, toMs),
    ...unmatched(db, fromMs, toMs),
  ];
}

function* closeOnes(
  db: Database,
  fromMs: number,
  toMs: number,
  kinship: NonNullable<UnusualSought["kinship"]>,
): Generator<Unusual> {
  const pairs = db.prepare<[number, number], { userId: string; patient: string; atMs: number; count: number }>(
    `SELECT user_id AS userId, patient, min(at_ms) AS atMs, count(*) AS count FROM audit_log
     WHERE ${BY_PERSONS} AND patient IS NOT NULL AND at_ms >= ? AND at_ms <= ? GROUP BY user_id, patient ORDER BY atMs`,
  );
  for (const { userId, patient, atMs, count } of pairs.iterate(fromMs, toMs)) {
    const is = kinship(userId, patient);
    if (is !== undefined) yield { what: is === "self" ? "own-record" : is, userId, atMs, count };
  }
}

function* busyHours(db: Database, fromMs: number, toMs: number): Generator<Unusual> {
  const hours = db.prepare<[number, number], { userId: string; hour: number; patients: number }>(
    `SELECT user_id AS userId, at_ms / ${HOUR_MS} AS hour, count(DISTINCT patient) AS patients FROM audit_log
     WHERE ${BY_PERSONS} AND at_ms >= ? AND at_ms <= ? GROUP BY 1, 2 ORDER BY 2`,
  );
  const before = new Map<string, number[]>();
  for (const { userId, hour, patients } of hours.iterate(fromMs - HABIT_MS, toMs)) {
    const known = before.get(userId) ?? [];
    const usual = median(known) ?? USUAL_UNKNOWN;
    const isBusy = patients >= PATIENTS_MIN && patients >= TIMES_USUAL * usual;
    if (isBusy && (hour + 1) * HOUR_MS > fromMs) {
      yield { what: "volume", userId, atMs: hour * HOUR_MS, count: patients, usual };
    }
    before.set(userId, [...known, patients]);
  }
}

function unmatched(db: Database, fromMs: number, toMs: number): readonly Unusual[] {
  return db
    .prepare<[number, number], Omit<Unusual, "what">>(
      `SELECT user_id AS userId, min(at_ms) AS atMs, count(*) AS count FROM claim_to_review r JOIN audit_log l USING (seq)
       WHERE r.why <> 'self-claimed' AND user_id IS NOT NULL AND at_ms >= ? AND at_ms <= ?
       GROUP BY user_id HAVING count >= ${UNMATCHED_MIN} ORDER BY count DESC`,
    )
    .all(fromMs, toMs)
    .map((each) => ({ what: "unmatched-claims", ...each }));
}

function median(some: readonly number[]): number | undefined {
  return some.toSorted((one, other) => one - other)[Math.floor(some.length / 2)];
}
