import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";

import Sqlite, { type Database } from "better-sqlite3";

import { asFailure, Failure } from "../base/failure.ts";
import type { StoreName } from "./executor.ts";
import { migrate } from "./migrations.ts";
import { breakSeal } from "./seal.ts";

/** Below this SQLite, a reset of the write-ahead log can corrupt the file. */
const SQLITE_FLOOR = [3, 51, 3] as const;

/** How long a connection waits for another one's lock: less than a locate may take. One writer a file, so it is rare. */
const BUSY_TIMEOUT_MS = 1_000;

/** Page cache of each connection. A node at rest has four of them and 150 MB in all. */
const CACHE_KIB = 16_384;

/**
 * Page cache of the index's writer: a load touches pages all over the indexes of numbers, names and persons. It fills with
 * what is written, so a node at rest does not have it.
 */
export const INDEX_WRITER_CACHE_KIB = 131_072;

/**
 * Page cache of those who ask the index: one question reads some fifteen pages all over the file. It fills with what is read, so a
 * node at rest does not have it; one of a million people has no more than this beyond its 150 MB.
 */
export const INDEX_READER_CACHE_KIB = 262_144;

/** What the write-ahead log is cut back to after a large load. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/** Files up to this size are checked whole at start (under half a second); of larger ones the edges of each table. */
export const SMALL_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Opens one SQLite file with the house's settings: write-ahead log, every commit fsynced, foreign keys, no trust in
 * functions that a schema names. A new file is made readable by its owner alone, in a folder of the same kind.
 *
 * @throws {Failure} `store-unavailable`: missing (when read only), damaged, or not a database; names the file and what to do.
 * @throws {Failure} `configuration`: others than the owner may read or write the file.
 */
export function openDatabase(path: string, options: { readonly readonly?: boolean } = {}): Database {
  const readonly = options.readonly === true;
  try {
    if (!readonly) makeFile(path);
    refuseSharedFile(path);
    const db = new Sqlite(path, { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    try {
      configure(db, readonly);
    } catch (thrown) {
      db.close();
      throw thrown;
    }
    return db;
  } catch (thrown) {
    throw asStoreFailure(thrown, path);
  }
}

/**
 * Opens a store for whoever writes it without a keeper (`store-keeper.ts`): tools and tests. Settings, the check at start,
 * then the migrations that it still lacks.
 *
 * @throws {Failure} as {@link openDatabase}; also where a newer Corridor has written the file, or it is another store's.
 */
export function openStore(path: string, store: StoreName): Database {
  breakSeal(path);
  const db = openDatabase(path);
  try {
    db.pragma("wal_autocheckpoint = 1000");
    checkAtStart(db, path);
    migrate(db, store, path);
    return db;
  } catch (thrown) {
    db.close();
    throw asStoreFailure(thrown, path);
  }
}

/** The file's own mode is what SQLite gives to the log and the shared memory beside it. */
function makeFile(path: string): void {
  // Not touched where it is there: closing a handle of a file drops every lock that this process holds on it.
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
}

function refuseSharedFile(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new Failure(
    "configuration",
    `${path} may be read or written by others than its owner (mode ${mode.toString(8)}): run chmod 600 ${path}`,
    { where: path },
  );
}

function configure(db: Database, readonly: boolean): void {
  refuseOldSqlite(String(db.prepare("SELECT sqlite_version()").pluck().get()));
  if (!readonly) {
    const mode = db.pragma("journal_mode = WAL", { simple: true });
    if (mode !== "wal") throw new Failure("store-unavailable", "the file system does not allow a write-ahead log");
    db.pragma("synchronous = FULL");
    db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    // The log is folded in by the file's keeper alone, which knows the checksum of each page before.
    db.pragma("wal_autocheckpoint = 0");
  }
  db.pragma("foreign_keys = ON");
  db.pragma("trusted_schema = OFF");
  // Without it INSERT OR REPLACE would remove rows past the triggers that forbid it.
  db.pragma("recursive_triggers = ON");
  db.pragma("cell_size_check = ON");
  // Mapped pages would count as memory of the node, and turn a read error of the disk into a crash.
  db.pragma("mmap_size = 0");
  db.pragma(`cache_size = -${CACHE_KIB}`);
  // A sort that spills would otherwise write patients into the machine's temporary folder.
  db.pragma("temp_store = MEMORY");
  db.pragma("schema_version"); // reads the header: a file that is no database fails here
}

/** @throws {Failure} `configuration`: a store is not safe with this version of SQLite. */
export function refuseOldSqlite(version: string): void {
  const parts = version.split(".").map(Number);
  for (const [at, floor] of SQLITE_FLOOR.entries()) {
    const part = parts[at] ?? 0;
    if (part > floor) return;
    if (part < floor) {
      throw new Failure("configuration", `SQLite ${version} is too old: ${SQLITE_FLOOR.join(".")} or newer is needed.`);
    }
  }
}

function checkAtStart(db: Database, path: string): void {
  db.pragma("wal_checkpoint(TRUNCATE)");
  const bytes = statSync(path).size;
  const bytesNamed =
    Number(db.pragma("page_count", { simple: true })) * Number(db.pragma("page_size", { simple: true }));
  if (bytes < bytesNamed) throw damaged(path, `${bytes} bytes long, its header says ${bytesNamed}`);
  checkSmallFile(db, path);
}

/**
 * Finds the common kinds of damage in a time that does not grow with the file: a small file is checked whole, its indexes
 * included; of a large one the first row of every table must be readable.
 */
export function checkSmallFile(db: Database, path: string): void {
  if (statSync(path).size <= SMALL_BYTES_MAX) {
    const finding = db.pragma("integrity_check(1)", { simple: true });
    if (finding !== "ok") throw damaged(path, "the check of its pages failed");
    return;
  }
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  for (const table of tables) db.prepare(`SELECT * FROM "${table.replaceAll('"', '""')}" LIMIT 1`).get();
}

/** What to say of a store file that is not what was written. */
export function damaged(path: string, how: string): Failure {
  return new Failure(
    "store-unavailable",
    `${path} is damaged (${how}): keep a copy of it and of the files beside it, then restore the last backup.`,
    { where: path },
  );
}

/** What SQLite or the file system says, as a failure that names the file and what to do. */
export function asStoreFailure(thrown: unknown, path: string): Failure {
  if (thrown instanceof Failure) {
    return thrown.where === undefined
      ? new Failure(thrown.code, `${path}: ${thrown.message}`, { where: path })
      : thrown;
  }
  const code = errorCode(thrown);
  if (code === undefined) return asFailure(thrown);
  if (code === "SQLITE_NOTADB") {
    return new Failure(
      "store-unavailable",
      `${path} is not a Corridor store, or its beginning is damaged: check the data folder in the node's settings, or restore the last backup.`,
      { where: path, cause: thrown },
    );
  }
  if (code.startsWith("SQLITE_CORRUPT")) return damaged(path, code);
  const advice =
    code === "ENOENT"
      ? "check that the folder is right and that the node has been started once"
      : `check that ${dirname(path)} is there, has space, and may be written by this user`;
  return new Failure("store-unavailable", `${basename(path)} cannot be opened (${code}) at ${path}: ${advice}.`, {
    where: path,
    cause: thrown,
  });
}

function errorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
