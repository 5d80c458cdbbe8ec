import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, openSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";

import { type Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { type RawRow, verifyRow } from "../base/row-checksum.ts";
import { damaged, openDatabase } from "./database.ts";
import type { StoreName } from "./executor.ts";
import { refuseForeignFile } from "./migrations.ts";

/** Pages of one step: 4 MiB, a few milliseconds. */
const STEP_PAGES = 1_024;
/** Left free on the disk, so that no backup takes the room from the node that it copies. */
const ROOM_KEPT_BYTES = 64 * 2 ** 20;

/** The folder of the copies that a backup works on; the number is its process. */
const COPIES = /^backup-(\d+)\.partial$/;

/** Where this process copies stores to, for a backup: in the data folder, which is nobody else's to read. */
export function copiesFolder(dataDir: string): string {
  return join(dataDir, `backup-${process.pid}.partial`);
}

/** Removes the copies of backups that broke off. */
export function removeLeftCopies(dataDir: string): void {
  for (const name of existsSync(dataDir) ? readdirSync(dataDir) : []) {
    const pid = COPIES.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dataDir, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}

/** What a store file holds, found by reading all of it. */
export interface StoreFigures {
  readonly bytes: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** Groups of commands that it holds: each backup of a node has at least as many as the one before. */
  readonly groups: number;
  /** Rows of each table. */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Copies a store file as it is at one moment, beside the node that writes it: everything acknowledged before the call is
 * in the copy. The node is not kept waiting; its log cannot be folded in meanwhile.
 *
 * @throws {Failure} `store-unavailable`: the file cannot be read, or there is too little room for the copy.
 */
export async function copyStore(file: string, to: string, onPart: (part: number) => void): Promise<void> {
  refuseWithoutRoom(to, statSync(file).size + sizeOf(`${file}-wal`));
  closeSync(openSync(to, "wx", 0o600));
  const db = openDatabase(file, { readonly: true });
  try {
    // One snapshot for all steps. Without it SQLite would begin anew after each write of the node's, for ever.
    db.exec("BEGIN");
    db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get();
    await db.backup(to, {
      progress({ totalPages, remainingPages }) {
        refuseWithoutRoom(to, 0);
        onPart(1 - remainingPages / totalPages);
        return STEP_PAGES;
      },
    });
  } finally {
    db.close();
  }
}

/** The room that copies of these files need, and what must stay free. @throws {Failure} `store-unavailable`. */
export function refuseWithoutRoom(path: string, bytes: number): void {
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= bytes + ROOM_KEPT_BYTES) return;
  throw new Failure(
    "store-unavailable",
    `${folder} has ${mib(free)} MiB free; ${mib(bytes + ROOM_KEPT_BYTES)} are needed, so that the node beside is not starved: make room, or name another folder.`,
    { where: folder },
  );
}

/**
 * Reads a store file that nobody uses from end to end: SQLite's own check, every row that carries a checksum, the rows of
 * each table.
 *
 * @throws {Failure} `store-unavailable`: it is damaged, another store's, or a newer program's.
 */
export async function examineStore(file: string, store: StoreName): Promise<StoreFigures> {
  const db = openDatabase(file);
  try {
    refuseForeignFile(db, store, file);
    if (db.pragma("integrity_check(1)", { simple: true }) !== "ok") {
      throw damaged(file, "the check of its pages failed");
    }
    const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
    const rows = Object.fromEntries(tables.map((table) => [table, readTable(db, table)]));
    const groups = Number(db.prepare("SELECT count FROM group_count").pluck().get() ?? 0);
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    for (const beside of ["-wal", "-shm"]) rmSync(`${file}${beside}`, { force: true });
    return { bytes: statSync(file).size, sha256: await sha256Of(file), groups, rows };
  } finally {
    db.close();
  }
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Reads every row where a table's last column is a checksum; counts them where it has none. */
function readTable(db: Database, table: string): number {
  const name = `"${table.replaceAll('"', '""')}"`;
  const columns = db.prepare(`SELECT * FROM ${name}`).columns();
  if (columns.at(-1)?.name !== "checksum") return Number(db.prepare(`SELECT count(*) FROM ${name}`).pluck().get());
  let count = 0;
  for (const row of db.prepare<[], RawRow>(`SELECT * FROM ${name}`).raw().iterate()) {
    verifyRow(table, row);
    count++;
  }
  return count;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
