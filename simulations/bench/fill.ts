import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import Sqlite, { type Database } from "better-sqlite3";

import { rowChecksum } from "../../node/base/row-checksum.ts";
import { PLACES_PER_IDENTITY, POINTER_COLUMNS } from "../../node/locator/pointer-store.ts";
import { IDENTITY_COLUMNS, type IdentityRecord, toRow } from "../../node/mpi/identity-record.ts";
import { matchKeysOf } from "../../node/mpi/match-keys.ts";
import { RULE_VERSION } from "../../node/mpi/matching.ts";
import { openStore } from "../../node/storage/database.ts";
import { migrate } from "../../node/storage/migrations.ts";
import { type FilledPerson, PEOPLE_VERSION, personAt } from "./people.ts";

/** When all of it was loaded: 1 November 2026. */
const LOADED_AT_MS = 1_793_491_200_000;

/**
 * A node's data folder with so many people in its index, made once for each schema and count. The node that opens it
 * writes nothing to the index.
 *
 * Rows are written straight into the tables that the migrations make, with the stores' own columns and checksums; indexes
 * are built at the end, so they are more compact than those of a node that has grown.
 */
export function filledFolder(folder: string, people: number, say: (line: string) => void): string {
  const path = join(folder, `people-${people}-${schemaKey()}-${PEOPLE_VERSION}`);
  if (existsSync(path)) return path;
  const startedMs = performance.now();
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const db = openStore(join(unfinished, "index.db"), "index");
  try {
    fill(db, people);
  } finally {
    db.close();
  }
  renameSync(unfinished, path);
  say(`  filled an index with ${people} people in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  return path;
}

/** What the tables are, in few letters: a change of a migration is a new key. */
function schemaKey(): string {
  const db = new Sqlite(":memory:");
  migrate(db, "index");
  const tables = JSON.stringify(db.prepare("SELECT sql FROM sqlite_schema ORDER BY name").pluck().all());
  db.close();
  return createHash("sha256").update(tables).digest("hex").slice(0, 12);
}

interface Index {
  readonly name: string;
  readonly sql: string;
}

function fill(db: Database, people: number): void {
  // Nothing reads it before it is whole, and a fill that breaks off is done again.
  db.pragma("synchronous = OFF");
  db.pragma("journal_mode = MEMORY");
  const indexes = db
    .prepare<[], Index>("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .all();
  db.exec("CREATE TEMP TABLE unsorted_key (key INTEGER NOT NULL, identity_no INTEGER NOT NULL)");
  db.transaction(() => {
    for (const { name } of indexes) db.exec(`DROP INDEX "${name}"`);
    addPeople(db, people);
    for (const { sql } of indexes) db.exec(sql);
    // In their order: one after the other, a hundred times slower.
    db.exec("INSERT OR IGNORE INTO match_key SELECT key, identity_no FROM unsorted_key ORDER BY key, identity_no");
  }).immediate();
  db.exec("DROP TABLE unsorted_key");
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
}

function addPeople(db: Database, people: number): void {
  const addPerson = db.prepare<[number]>("INSERT INTO person (person_id) VALUES (?)");
  const addIdentity = db.prepare<(string | number | null)[]>(insertInto("identity_record", IDENTITY_COLUMNS));
  const addKey = db.prepare<[number, number]>("INSERT INTO unsorted_key VALUES (?, ?)");
  const addEvent = db.prepare<[number, number, number, string]>(
    `INSERT INTO link_event (at_ms, identity_no, from_person_id, to_person_id, reason, rule_version)
       VALUES (?, ?, NULL, ?, 'number-unknown', ?)`,
  );
  const addPointer = db.prepare<(string | number)[]>(insertInto("pointer", POINTER_COLUMNS));
  const setFeed = db.prepare<[string, number]>(
    "INSERT INTO feed_state (provider, as_of_ms) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );

  const personKeys = Float64Array.from({ length: people }, (_, at) => personKeyOf(at + 1));
  for (const key of personKeys.toSorted()) addPerson.run(key); // in their order, which is faster
  for (let place = 0, recordNo = 1; recordNo <= people; place++) {
    const person = personAt(place);
    if (person === undefined) continue;
    const personKey = personKeys[recordNo - 1]!;
    addIdentity.run(...identityRow(person, recordNo, personKey));
    for (const { key } of matchKeysOf(recordOf(person, recordNo))) addKey.run(key, recordNo);
    addEvent.run(LOADED_AT_MS, recordNo, personKey, RULE_VERSION);
    for (const row of pointerRows(person, recordNo)) addPointer.run(...row);
    setFeed.run(person.provider, LOADED_AT_MS);
    recordNo++;
  }
}

function insertInto(table: string, columns: string): string {
  return `INSERT INTO ${table} (${columns}) VALUES (${columns.replace(/\w+/g, "?")})`;
}

function recordOf(person: FilledPerson, recordNo: number): IdentityRecord {
  const { records: _, ...values } = person;
  return {
    ...values,
    localId: `P${recordNo}`,
    nhsNumberStatus: "01",
    middleName: "",
    addressLine2: "",
    restricted: false,
  };
}

function identityRow(person: FilledPerson, recordNo: number, personKey: number): (string | number | null)[] {
  return toRow({
    ...recordOf(person, recordNo),
    recordNo,
    identityNo: recordNo,
    version: 1,
    current: true,
    personKey,
    loadedAtMs: LOADED_AT_MS,
  });
}

function pointerRows({ provider, records }: FilledPerson, identityNo: number): (string | number)[][] {
  return records.map(({ recordType, recordedOn }, at) => {
    const pointerNo = identityNo * PLACES_PER_IDENTITY + at;
    const recordId = `D${identityNo}-${at}`;
    const fetch = `https://records.${provider.toLowerCase()}.example/d/${recordId.toLowerCase()}`;
    const row = [
      pointerNo,
      tokenOf(pointerNo),
      provider,
      recordId,
      recordType,
      recordedOn,
      "application/pdf",
      fetch,
      "N",
    ];
    const whole = [...row, LOADED_AT_MS];
    return [...whole, rowChecksum(whole)];
  });
}

/** As long as a pointer's random id, and as hard to compress. */
function tokenOf(pointerNo: number): string {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(personKeyOf(pointerNo), 0, 6);
  bytes.writeUIntBE(personKeyOf(pointerNo + 1), 6, 6);
  return bytes.toString("base64url");
}

/** Scatters numbers over 47 bits, as the ids of persons are; different numbers give different ids. */
function personKeyOf(at: number): number {
  return Number((BigInt(at) * 0x5deece66d9b1n) & 0x7fff_ffff_ffffn);
}
