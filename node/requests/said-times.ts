import type { Database } from "better-sqlite3";

import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";

/** What a message says of a patient; what it does not name is as it was. */
export type SaidFields = Partial<Omit<IdentityRecord, "provider" | "localId">>;

/**
 * When what was said, so that messages which overtake one another leave the same behind as in their order: of each field
 * what was said last of it counts. Only inside a transaction of the store's writer.
 */
export interface SaidTimes {
  /**
   * Of what is said of a patient now, the part that nothing later was said of; remembered as said. Of two of one moment the
   * one that comes later counts.
   */
  takeNews(said: SaidFields, atMs: number, of: Patient): SaidFields;
  /** True where nothing later was said of these two; remembered as said. */
  takeWord(provider: string, ids: readonly [string, string], atMs: number): boolean;
}

export interface Patient {
  readonly provider: string;
  readonly localId: string;
  /** The record that is held; `undefined` where there is none. */
  readonly held: IdentityRecord | undefined;
}

interface Times {
  readonly saidNo: number | undefined;
  readonly fields: Readonly<Record<string, number>>;
  readonly beforeMs: number;
  readonly recordedOn: string;
}

const COLUMNS = "said_no, provider, local_id, times, before_ms, recorded_on, checksum";

export function makeSaidTimes(db: Database): SaidTimes {
  const find = db
    .prepare<[string, string], RawRow>(`SELECT ${COLUMNS} FROM said_of_patient WHERE provider = ? AND local_id = ?`)
    .raw();
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(said_no), 0) + 1 FROM said_of_patient").pluck();
  const put = db.prepare<(string | number)[]>(
    `INSERT OR REPLACE INTO said_of_patient (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, "?")})`,
  );
  const say = db.prepare<(string | number)[]>(
    `INSERT INTO said_of_two VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET said_ms = excluded.said_ms WHERE excluded.said_ms >= said_ms`,
  );

  function timesOf({ provider, localId, held }: Patient): Times {
    const row = find.get(provider, localId);
    if (row !== undefined) verifyRow("said_of_patient", row);
    const times = row === undefined ? NOTHING_SAID : fromRow(row);
    // Whole records come without a moment, by other feeds, but with a day: all of a later one counts as said on that day.
    if (held === undefined || held.recordedOn <= times.recordedOn) return times;
    return { ...times, beforeMs: Date.parse(held.recordedOn), recordedOn: held.recordedOn };
  }

  function takeNews(said: SaidFields, atMs: number, of: Patient): SaidFields {
    const times = timesOf(of);
    const news = Object.entries(said).filter(([field]) => atMs >= Math.max(times.fields[field] ?? 0, times.beforeMs));
    if (news.length === 0) return {};
    const fields = { ...times.fields, ...Object.fromEntries(news.map(([field]) => [field, atMs])) };
    const recordedOn = laterOf(times.recordedOn, said.recordedOn ?? "");
    const row = [times.saidNo ?? nextNo.get() ?? 1, of.provider, of.localId, JSON.stringify(fields)];
    const values = [...row, times.beforeMs, recordedOn];
    put.run(...values, rowChecksum(values));
    return { ...Object.fromEntries(news), recordedOn };
  }

  function takeWord(provider: string, ids: readonly [string, string], atMs: number): boolean {
    return say.run(provider, ...ids.toSorted(), atMs).changes === 1;
  }

  return { takeNews, takeWord };
}

const NOTHING_SAID: Times = { saidNo: undefined, fields: {}, beforeMs: 0, recordedOn: "" };

function fromRow(row: RawRow): Times {
  return {
    saidNo: Number(row[0]),
    fields: JSON.parse(String(row[3])) as Record<string, number>, // as this store wrote it, under a checksum
    beforeMs: Number(row[4]),
    recordedOn: String(row[5]),
  };
}

/** Days are written so that the later one is the greater text. */
function laterOf(one: string, other: string): string {
  return one > other ? one : other;
}
