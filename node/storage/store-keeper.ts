import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";

import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { noteBehind } from "./behind.ts";
import {
  asStoreFailure,
  checkSmallFile,
  damaged,
  INDEX_WRITER_CACHE_KIB,
  openDatabase,
  SMALL_BYTES_MAX,
} from "./database.ts";
import type { StoreName } from "./executor.ts";
import type { GroupKeeper } from "./group-runner.ts";
import { processesReading } from "./log-readers.ts";
import { pagesInLog, runOfLog } from "./log-frames.ts";
import { migrate, refuseForeignFile } from "./migrations.ts";
import { openSeal, type Seal, pageSum } from "./seal.ts";
import { renewStoreId } from "./store-id.ts";

/** What an operator must hear of, though nothing has failed. */
export interface StoreAlarm {
  readonly event: "acknowledged-writes-lost" | "log-held-by-reader" | "store-folded-by-another";
  readonly failure: Failure;
}

/** A store file in the hands of its one writer. */
export interface KeptStore extends GroupKeeper {
  readonly db: Database;
  /** Folds the log in where it has grown long enough. Between groups, when their commands have their replies. */
  foldIfDue(): void;
  /**
   * Verifies the next stretch of pages: a few milliseconds' work.
   *
   * @returns how long the next stretch may wait, in milliseconds.
   * @throws {Failure} `store-unavailable`: a page is not what was written there; the store must be given up.
   */
  verifyStretch(): number;
  close(): void;
  /** Closes everything as it is, where the file is past help. */
  letGo(): void;
}

/**
 * The log is folded in after so many bytes. A load writes many of the index's pages again and again before that. The
 * writer stands still for it, about a tenth of a second; nobody who asks does.
 */
const FOLD_BYTES: Readonly<Record<StoreName, number>> = { index: 32 * 2 ** 20, audit: 4 * 2 ** 20 };
/** A log that cannot be folded in, because somebody keeps reading an older state, is tried again after so much more. */
const FOLD_AGAIN_BYTES = 2 ** 20;
/** So long is waited for readers to end, where the log has grown beyond what one fold-in takes. */
const READERS_WAITED_FOR_MS = 50;
/** From here on somebody is told, and the index takes no more: with the largest group it stays below 64 MiB. */
const LOG_BYTES_MAX = 44 * 2 ** 20;
const ALARM_AGAIN_MS = 60_000;

/** Pages verified before the store is handed over take no longer than this; the rest follows in the background. */
const VERIFY_AT_START_MS = 300;
const STRETCH_PAGES = 256;
/** While a file has not been verified once since it was opened. */
const FIRST_ROUND_EVERY_MS = 25;
const LATER_ROUNDS_EVERY_MS = 250;
/** The page at this place holds SQLite's locks and is never written. */
const LOCK_BYTE_AT = 2 ** 30;

/**
 * Opens a store for its writer, and keeps watch over it: the file must be what was written, it must hold everything that
 * was acknowledged, and its log must not grow without end. See DESIGN.md.
 *
 * @throws {Failure} as `openStore`.
 */
export function keepStore(path: string, store: StoreName, clock: Clock, alarm: (alarm: StoreAlarm) => void): KeptStore {
  const hadLog = existsSync(`${path}-wal`);
  const db = openDatabase(path);
  let keeper: StoreKeeper | undefined;
  try {
    refuseForeignFile(db, store, path);
    if (store === "index") db.pragma(`cache_size = -${INDEX_WRITER_CACHE_KIB}`);
    keeper = new StoreKeeper(path, store, db, clock, alarm);
    keeper.proveFile(hadLog);
    migrate(db, store, path);
    keeper.proveCount();
    return keeper;
  } catch (thrown) {
    if (keeper === undefined) db.close();
    else keeper.letGo();
    throw asStoreFailure(thrown, path);
  }
}

class StoreKeeper implements KeptStore {
  readonly db: Database;
  readonly #path: string;
  readonly #store: StoreName;
  readonly #seal: Seal;
  readonly #clock: Clock;
  readonly #alarm: (alarm: StoreAlarm) => void;
  readonly #pageBytes: number;
  /** Open as long as the database is: closing any handle of the file would drop the process's locks on it. */
  readonly #fd: number;
  readonly #stretch: Buffer;
  #countGroup: { get(nowMs: number): unknown } | undefined;
  #counted = 0;
  /** Frames of this run of the log whose pages have their checksums. */
  #run = "";
  #framesSummed = 0;
  /** Pages that a fold-in may have left half way between the file and the log. */
  readonly #unsettled = new Set<number>();
  #foldAtBytes: number;
  #logBytes = 0;
  #alarmedAtMs = -Infinity;
  #nextPage = 1;
  #isFirstRound = true;

  constructor(path: string, store: StoreName, db: Database, clock: Clock, alarm: (alarm: StoreAlarm) => void) {
    this.db = db;
    this.#path = path;
    this.#store = store;
    this.#seal = openSeal(path);
    this.#clock = clock;
    this.#alarm = alarm;
    this.#pageBytes = Number(db.pragma("page_size", { simple: true }));
    this.#stretch = Buffer.alloc(STRETCH_PAGES * this.#pageBytes);
    this.#fd = openSync(path, "r");
    this.#foldAtBytes = FOLD_BYTES[store];
  }

  /** The file is as long as it says, and each page is what was written there, as far as that is known. */
  proveFile(hadLog: boolean): void {
    const { found } = this.#seal;
    if (found !== undefined && found.damagedPage > 0) throw this.#damagedPage(found.damagedPage);
    this.#fold("TRUNCATE");
    const { size } = statSync(this.#path);
    const named = Number(this.db.pragma("page_count", { simple: true })) * this.#pageBytes;
    if (size < named) throw damaged(this.#path, `${size} bytes long, its header says ${named}`);

    const wasKept = found?.pagesKept === true;
    if (!wasKept) checkSmallFile(this.db, this.#path);
    this.#seal.mark({ pagesKept: true, closed: false });
    try {
      this.#verifyFor(size <= SMALL_BYTES_MAX ? Infinity : VERIFY_AT_START_MS);
    } catch (thrown) {
      // Somebody who is no node may have folded the log in, pages that were never summed among it.
      if (!wasKept || found.closed || hadLog) throw thrown;
      this.#learnAnew();
    }
  }

  /** The file holds every group that was acknowledged; where it does not, that is noted for as long as people need. */
  proveCount(): void {
    const read = this.db.prepare<[], [number, number]>("SELECT count, at_ms FROM group_count").raw().get() ?? [0, 0];
    const [count, atMs] = read;
    this.#countGroup = this.db
      .prepare<[number], number>("UPDATE group_count SET count = count + 1, at_ms = ? RETURNING count")
      .pluck();
    const acknowledged = this.#seal.found?.acknowledged;
    if (acknowledged === undefined ? count > 0 : count < acknowledged) {
      if (this.#store === "index") renewStoreId(this.db);
      noteBehind(this.#path, { why: "lost", heldToMs: atMs, notedMs: this.#clock.wallMs() });
      const how = acknowledged === undefined ? "its seal is gone" : `${acknowledged - count} groups are missing`;
      this.#alarm({ event: "acknowledged-writes-lost", failure: lostWrites(this.#path, how) });
    }
    this.#seal.mark({ acknowledged: count });
  }

  refusal(): Failure | undefined {
    if (this.#store !== "index" || this.#logBytes < LOG_BYTES_MAX) return undefined;
    if (this.#fold("PASSIVE") === "folded") return undefined;
    this.#alarmIfHeld();
    return this.#heldByReader("it takes no more until then");
  }

  begun(): void {
    this.#counted = Number(this.#countGroup?.get(this.#clock.wallMs()));
  }

  committed(): void {
    this.#seal.mark({ acknowledged: this.#counted });
  }

  foldIfDue(): void {
    this.#logBytes = this.#framesInLog() * this.#pageBytes;
    if (this.#logBytes < this.#foldAtBytes) return;
    // Where readers of an older state kept the log from beginning anew, it is worth a moment's wait.
    if (this.#fold(this.#logBytes > 1.25 * FOLD_BYTES[this.#store] ? "RESTART" : "PASSIVE") === "folded") return;
    this.#foldAtBytes = this.#logBytes + FOLD_AGAIN_BYTES;
    this.#alarmIfHeld();
  }

  #alarmIfHeld(): void {
    if (this.#logBytes < LOG_BYTES_MAX || this.#clock.monotonicMs() - this.#alarmedAtMs < ALARM_AGAIN_MS) return;
    this.#alarmedAtMs = this.#clock.monotonicMs();
    this.#alarm({ event: "log-held-by-reader", failure: this.#heldByReader("it grows meanwhile") });
  }

  verifyStretch(): number {
    const pages = this.#verifyPages(this.#nextPage);
    this.#nextPage += STRETCH_PAGES;
    if (this.#nextPage > pages) {
      this.#nextPage = 1;
      this.#isFirstRound = false;
      this.#seal.flushSums();
    }
    return this.#isFirstRound ? FIRST_ROUND_EVERY_MS : LATER_ROUNDS_EVERY_MS;
  }

  close(): void {
    try {
      this.#fold("TRUNCATE");
      this.db.close();
      this.#seal.mark({ closed: true });
    } finally {
      this.letGo();
    }
  }

  letGo(): void {
    try {
      this.#sumLog(this.#framesInLog()); // closing folds in where nobody else has the file open
    } catch {
      // Closed already, or past help: the next start looks closely.
    }
    this.db.close();
    closeSync(this.#fd);
    this.#seal.close();
  }

  /**
   * Moves the log into the file, the checksums of its pages first: they are durable before a page of the file changes, and
   * as long as the fold-in is not whole, the log still has every page.
   */
  #fold(how: "PASSIVE" | "RESTART" | "TRUNCATE"): "folded" | "held" {
    const frames = this.#framesInLog();
    this.#sumLog(frames);
    if (how === "RESTART") this.db.pragma(`busy_timeout = ${READERS_WAITED_FOR_MS}`);
    try {
      const [state] = this.db.pragma(`wal_checkpoint(${how})`) as { busy: number; log: number; checkpointed: number }[];
      if (state === undefined || state.busy !== 0 || state.checkpointed < state.log) return "held";
    } finally {
      if (how === "RESTART") this.db.pragma("busy_timeout = 1000");
    }
    this.#unsettled.clear();
    this.#logBytes = 0;
    this.#foldAtBytes = FOLD_BYTES[this.#store];
    return "folded";
  }

  #framesInLog(): number {
    const [state] = this.db.pragma("wal_checkpoint(NOOP)") as { log: number }[];
    return Math.max(0, state?.log ?? 0);
  }

  #sumLog(frames: number): void {
    const run = runOfLog(this.#path);
    if (run !== this.#run) this.#framesSummed = 0;
    this.#run = run;
    for (const { page, sum } of pagesInLog(this.#path, this.#pageBytes, this.#framesSummed, frames)) {
      this.#seal.setSum(page, sum);
      this.#unsettled.add(page);
    }
    this.#framesSummed = frames;
    this.#seal.flushSums();
  }

  #verifyFor(ms: number): void {
    const untilMs = this.#clock.monotonicMs() + ms;
    do this.verifyStretch();
    while (this.#nextPage > 1 && this.#clock.monotonicMs() < untilMs);
  }

  /** @returns how many pages the file has. */
  #verifyPages(first: number): number {
    const pages = Math.floor(fstatSync(this.#fd).size / this.#pageBytes);
    const bytes = readSync(this.#fd, this.#stretch, 0, this.#stretch.length, (first - 1) * this.#pageBytes);
    for (let at = 0; (at + 1) * this.#pageBytes <= bytes; at++) {
      const page = first + at;
      if (this.#unsettled.has(page) || (page - 1) * this.#pageBytes === LOCK_BYTE_AT) continue;
      const sum = pageSum(this.#stretch.subarray(at * this.#pageBytes, (at + 1) * this.#pageBytes));
      const known = this.#seal.sumOf(page);
      if (known === 0) this.#seal.setSum(page, sum);
      else if (known !== sum) {
        this.#seal.mark({ damagedPage: page });
        throw this.#damagedPage(page);
      }
    }
    return pages;
  }

  /** Accepts the file as it is, if SQLite finds nothing wrong with it. */
  #learnAnew(): void {
    const finding = this.db.pragma("integrity_check(1)", { simple: true });
    if (finding !== "ok") throw damaged(this.#path, "the check of its pages failed");
    const pages = Math.floor(fstatSync(this.#fd).size / this.#pageBytes);
    for (let page = 1; page <= pages; page++) this.#seal.setSum(page, 0);
    this.#seal.flushSums();
    this.#seal.mark({ damagedPage: 0 });
    this.#nextPage = 1;
    this.#isFirstRound = true;
    const message = `The log of ${this.#path} was folded in by something else than its node: the pages cannot be held against what was written. SQLite's own check found nothing wrong. Do not open a node's files with other programs.`;
    const failure = new Failure("store-unavailable", message, { where: this.#path });
    this.#alarm({ event: "store-folded-by-another", failure });
  }

  #damagedPage(page: number): Failure {
    return damaged(this.#path, `page ${page} is not what was written there`);
  }

  #heldByReader(so: string): Failure {
    const readers = processesReading(this.#path);
    const who = readers.length === 0 ? "a process" : `process ${readers.join(", ")}`;
    return new Failure(
      "overloaded",
      `The log of ${this.#path} cannot be folded in, because ${who} keeps reading an older state of it; ${so}: end that process.`,
      { where: this.#path },
    );
  }
}

function lostWrites(path: string, how: string): Failure {
  return new Failure(
    "store-unavailable",
    `${path} does not hold everything that was acknowledged (${how}): it counts as behind. Load its sources again from before the loss, then run 'corridor restore --caught-up'; 'corridor doctor' says since when.`,
    { where: path },
  );
}
