import { closeSync, constants, existsSync, fdatasyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

import { syncFolder } from "./sync-folder.ts";

/** What a seal says of its store besides the checksums of its pages. */
export interface SealMark {
  /** So many groups of commands were acknowledged. A store that holds fewer has lost some. */
  readonly acknowledged: number;
  /** False where the file was written past its keeper: then no checksum says anything. */
  readonly pagesKept: boolean;
  /** True from a close in order until the next opening. */
  readonly closed: boolean;
  /** The first page that was found changed; 0 where none was. It stays until the file is replaced. */
  readonly damagedPage: number;
}

/**
 * What a store's writer remembers of its file, in a small file beside it: how much it acknowledged, and a CRC-32 of each
 * page as it was last written. SQLite notices neither a log that was cut short nor most flipped bytes.
 */
export interface Seal {
  /** What was found at opening; `undefined` where there was no seal, or none that can be read. */
  readonly found: SealMark | undefined;
  /** Durable when it returns. @throws what the file system says. */
  mark(change: Partial<SealMark>): void;
  /** Of a page, from 1; 0 = not known. */
  sumOf(page: number): number;
  setSum(page: number, sum: number): void;
  /** Makes the checksums durable that were set. @throws what the file system says. */
  flushSums(): void;
  close(): void;
}

/** Where the seal of a store file is. */
export function sealPathOf(file: string): string {
  return `${file}-seal`;
}

const MAGIC = 0x43_53_65_31; // "CSe1"
/** The marks stand in the first block: two places, written in turn, so that one of them is always whole. */
const BLOCK_BYTES = 4_096;
const PLACE_BYTES = 512;
const SUM_BYTES = 4;
const SUMS_IN_A_BLOCK = BLOCK_BYTES / SUM_BYTES;
const NEW: SealMark = { acknowledged: 0, pagesKept: false, closed: false, damagedPage: 0 };

/** Opens the seal of a store file, or makes one. @throws what the file system says. */
export function openSeal(file: string): Seal {
  const path = sealPathOf(file);
  const isNew = !existsSync(path);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (isNew) syncFolder(dirname(path));
  const newest = [readPlace(fd, 0), readPlace(fd, 1)]
    .filter((place) => place !== undefined)
    .toSorted((one, other) => other.turn - one.turn)[0];
  let turn = newest?.turn ?? 0;
  let mark = newest?.mark ?? NEW;
  let sums = mark.pagesKept ? readSums(fd) : new Uint32Array(0);
  if (!mark.pagesKept) ftruncateSync(fd, BLOCK_BYTES);
  const changed = new Set<number>();

  return {
    found: newest?.mark,
    mark(change) {
      mark = { ...mark, ...change };
      turn++;
      const place = encodePlace(turn, mark);
      writeWhole(fd, place, (turn % 2) * PLACE_BYTES);
      fdatasyncSync(fd);
    },
    sumOf: (page) => sums[page - 1] ?? 0,
    setSum(page, sum) {
      if (page > sums.length) sums = grown(sums, page);
      sums[page - 1] = sum;
      changed.add(Math.floor((page - 1) / SUMS_IN_A_BLOCK));
    },
    flushSums() {
      if (changed.size === 0) return;
      for (const block of changed) {
        const from = block * SUMS_IN_A_BLOCK;
        const bytes = Buffer.alloc(BLOCK_BYTES);
        sums.subarray(from, from + SUMS_IN_A_BLOCK).forEach((sum, at) => bytes.writeUInt32LE(sum, at * SUM_BYTES));
        writeWhole(fd, bytes, BLOCK_BYTES * (1 + block));
      }
      fdatasyncSync(fd);
      changed.clear();
    },
    close: () => closeSync(fd),
  };
}

/** The system may write less than it is given. */
function writeWhole(fd: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/**
 * Says that the file is written past its keeper from now on: its checksums count no longer. Nothing is done where it has
 * no seal.
 */
export function breakSeal(file: string): void {
  if (!existsSync(sealPathOf(file))) return;
  const seal = openSeal(file);
  try {
    if (seal.found?.pagesKept !== false) seal.mark({ pagesKept: false });
  } finally {
    seal.close();
  }
}

/** The checksum of a page; never 0, which stands for a page whose checksum is not known. */
export function pageSum(page: Uint8Array): number {
  return crc32(page) || 1;
}

function encodePlace(turn: number, { acknowledged, pagesKept, closed, damagedPage }: SealMark): Buffer {
  const place = Buffer.alloc(PLACE_BYTES);
  place.writeUInt32LE(MAGIC, 0);
  place.writeDoubleLE(turn, 8);
  place.writeDoubleLE(acknowledged, 16);
  place.writeUInt32LE(damagedPage, 24);
  place.writeUInt8(pagesKept ? 1 : 0, 28);
  place.writeUInt8(closed ? 1 : 0, 29);
  place.writeUInt32LE(crc32(place.subarray(0, PLACE_BYTES - 4)), PLACE_BYTES - 4);
  return place;
}

function readPlace(fd: number, at: 0 | 1): { readonly turn: number; readonly mark: SealMark } | undefined {
  const place = Buffer.alloc(PLACE_BYTES);
  readSync(fd, place, 0, PLACE_BYTES, at * PLACE_BYTES);
  const isWhole = place.readUInt32LE(PLACE_BYTES - 4) === crc32(place.subarray(0, PLACE_BYTES - 4));
  if (!isWhole || place.readUInt32LE(0) !== MAGIC) return undefined;
  return {
    turn: place.readDoubleLE(8),
    mark: {
      acknowledged: place.readDoubleLE(16),
      damagedPage: place.readUInt32LE(24),
      pagesKept: place.readUInt8(28) === 1,
      closed: place.readUInt8(29) === 1,
    },
  };
}

function readSums(fd: number): Uint32Array {
  const parts: Buffer[] = [];
  for (let position = BLOCK_BYTES; ;) {
    const part = Buffer.alloc(256 * BLOCK_BYTES);
    const bytes = readSync(fd, part, 0, part.length, position);
    if (bytes === 0) break;
    parts.push(part.subarray(0, bytes));
    position += bytes;
  }
  const all = Buffer.concat(parts);
  return Uint32Array.from({ length: Math.floor(all.length / SUM_BYTES) }, (_, at) => all.readUInt32LE(at * SUM_BYTES));
}

function grown(sums: Uint32Array, pages: number): Uint32Array {
  const larger = new Uint32Array(Math.max(pages, Math.ceil(sums.length * 1.5), SUMS_IN_A_BLOCK));
  larger.set(sums);
  return larger;
}
