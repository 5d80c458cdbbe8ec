import { closeSync, openSync, readSync } from "node:fs";

import { pageSum } from "./seal.ts";

/** The write-ahead log's own form: https://www.sqlite.org/fileformat2.html#walformat */
const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const SALT_AT = 16;
const FRAMES_AT_A_TIME = 256;

/** What the log of a store file holds of a page. */
export interface LoggedPage {
  readonly page: number;
  readonly sum: number;
}

/** Names the log's present run: it changes where the log begins anew. Empty where there is no log. */
export function runOfLog(file: string): string {
  return withLog(file, (fd) => {
    const header = Buffer.alloc(LOG_HEADER_BYTES);
    const bytes = readSync(fd, header, 0, header.length, 0);
    return bytes < header.length ? "" : header.toString("hex", SALT_AT, SALT_AT + 8);
  });
}

/**
 * Pages in the frames of the log, in order, from a frame (from 0) up to another (not included). Which frames count is
 * for SQLite to say: the file is longer than what is in use.
 */
export function pagesInLog(file: string, pageBytes: number, from: number, to: number): LoggedPage[] {
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const pages: LoggedPage[] = [];
  withLog(file, (fd) => {
    const stretch = Buffer.alloc(Math.min(FRAMES_AT_A_TIME, Math.max(to - from, 0)) * frameBytes);
    for (let first = from; first < to; first += FRAMES_AT_A_TIME) {
      const frames = Math.min(FRAMES_AT_A_TIME, to - first);
      readSync(fd, stretch, 0, frames * frameBytes, LOG_HEADER_BYTES + first * frameBytes);
      for (let at = 0; at < frames; at++) {
        const frame = stretch.subarray(at * frameBytes, (at + 1) * frameBytes);
        pages.push({ page: frame.readUInt32BE(0), sum: pageSum(frame.subarray(FRAME_HEADER_BYTES)) });
      }
    }
    return "";
  });
  return pages;
}

function withLog(file: string, read: (fd: number) => string): string {
  let fd: number;
  try {
    fd = openSync(`${file}-wal`, "r");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return "";
    throw thrown;
  }
  try {
    return read(fd);
  } finally {
    closeSync(fd);
  }
}
