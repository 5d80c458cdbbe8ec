import type { Database } from "better-sqlite3";

import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { EncounterClass, EncounterState } from "../base/encounter.ts";
import type { Sensitivity } from "../base/words.ts";

/** The id of its pointer, among the records of its provider. */
export function encounterRecordId(visit: string): string {
  return `${RECORD_ID_HEAD}${visit}`;
}

/** The visit of such a pointer; `undefined` of every other. */
export function visitOf(recordId: string): string | undefined {
  return recordId.startsWith(RECORD_ID_HEAD) ? recordId.slice(RECORD_ID_HEAD.length) : undefined;
}

/** No id that a feed gives begins with a space. */
const RECORD_ID_HEAD = " visit ";

/** What a provider says of one attendance or stay. */
export interface EncounterWord {
  readonly provider: string;
  /** The provider's own number of the visit. */
  readonly visit: string;
  /** The provider's id of the patient. */
  readonly localId: string;
  readonly state: EncounterState | "cancelled";
  readonly class: EncounterClass;
  readonly sensitivity: Sensitivity;
  /** Milliseconds since the epoch; absent where the provider does not say. */
  readonly startedAtMs?: number | undefined;
  /** Likewise; only looked at where it is closed. */
  readonly endedAtMs?: number | undefined;
  /** When the provider says that it was so, milliseconds since the epoch. */
  readonly atMs: number;
}

/** An encounter as it is known now. */
export interface Encounter {
  readonly localId: string;
  readonly state: EncounterState | "cancelled";
  readonly class: EncounterClass;
  readonly sensitivity: Sensitivity;
  readonly saidMs: number;
  readonly startedMs: number;
  /** 0 unless it is closed. */
  readonly endedMs: number;
}

/** Writes encounters. Only inside a transaction of the store's writer. */
export interface EncounterStore {
  /** The encounter of this number, or `undefined`: nothing was ever said of it. */
  held(provider: string, visit: string): Encounter | undefined;
  /**
   * Keeps the word, and makes of all that was said of this encounter, in whatever order it came, how it is now: as it was
   * said last. Of two words of one moment the one that comes later counts.
   */
  take(word: EncounterWord, from: { readonly feed: string; readonly nowMs: number }): Encounter;
}

interface StoredEncounter extends Encounter {
  readonly encounterNo: number;
  /** When its start was said; 0 = never. */
  readonly startedSaidMs: number;
}

const COLUMNS = `encounter_no, provider, visit, local_id, state, class, sensitivity, said_ms, started_ms, started_said_ms,
  ended_ms, checksum`;

export function makeEncounterStore(db: Database): EncounterStore {
  const find = makeFind(db);
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(encounter_no), 0) + 1 FROM encounter").pluck();
  const put = db.prepare<(string | number)[]>(
    `INSERT OR REPLACE INTO encounter (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, "?")})`,
  );
  const remember = db.prepare<(string | number)[]>(
    "INSERT INTO encounter_event (encounter_no, said_ms, state, feed, taken_ms) VALUES (?, ?, ?, ?, ?)",
  );

  function take(word: EncounterWord, { feed, nowMs }: { readonly feed: string; readonly nowMs: number }): Encounter {
    const { provider, visit } = word;
    const held = find(provider, visit);
    const encounterNo = held?.encounterNo ?? nextNo.get() ?? 1;
    const now = { ...stateAfter(held, word), ...startAfter(held, word) };
    const values = [encounterNo, provider, visit, now.localId, now.state, now.class, now.sensitivity, now.saidMs];
    const row = [...values, now.startedMs, now.startedSaidMs, now.endedMs];
    put.run(...row, rowChecksum(row));
    remember.run(encounterNo, word.atMs, word.state, feed, nowMs);
    return now;
  }

  return { held: find, take };
}

/** Reads encounters, for what is shown of their pointers. */
export function makeEncounterReader(db: Database): EncounterStore["held"] {
  return makeFind(db);
}

function makeFind(db: Database): (provider: string, visit: string) => StoredEncounter | undefined {
  const find = db
    .prepare<[string, string], RawRow>(`SELECT ${COLUMNS} FROM encounter WHERE provider = ? AND visit = ?`)
    .raw();
  return (provider, visit) => {
    const row = find.get(provider, visit);
    return row && fromRow(row);
  };
}

/** All but when it started, which an earlier word may have said. */
function stateAfter(held: StoredEncounter | undefined, word: EncounterWord) {
  if (held !== undefined && held.saidMs > word.atMs) return held;
  const { localId, state, sensitivity, atMs, endedAtMs = atMs } = word;
  const endedMs = state === "closed" ? endedAtMs : 0;
  return { localId, state, class: word.class, sensitivity, saidMs: atMs, endedMs };
}

/** As was said last; or, as long as nobody has said it, the earliest moment of which there is any word. */
function startAfter(held: StoredEncounter | undefined, { atMs, startedAtMs }: EncounterWord) {
  const { startedMs = Infinity, startedSaidMs = 0 } = held ?? {};
  if (startedAtMs !== undefined && atMs >= startedSaidMs) return { startedMs: startedAtMs, startedSaidMs: atMs };
  return { startedMs: startedSaidMs === 0 ? Math.min(startedMs, atMs) : startedMs, startedSaidMs };
}

/** @throws {Failure} `store-unavailable`: the row is damaged. */
function fromRow(row: RawRow): StoredEncounter {
  verifyRow("encounter", row);
  return {
    encounterNo: Number(row[0]),
    localId: String(row[3]),
    // As this store wrote them, under the table's own check and a checksum.
    state: String(row[4]) as StoredEncounter["state"],
    class: String(row[5]) as EncounterClass,
    sensitivity: String(row[6]) as Sensitivity,
    saidMs: Number(row[7]),
    startedMs: Number(row[8]),
    startedSaidMs: Number(row[9]),
    endedMs: Number(row[10]),
  };
}
