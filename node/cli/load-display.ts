import type { Clock } from "../base/clock.ts";
import type { Position } from "./load-position.ts";

const SECOND_MS = 1_000;
/** On a terminal one line is written over; elsewhere a line each time would drown what else is in a log. */
const EVERY_MS = { terminal: SECOND_MS, log: 15 * SECOND_MS } as const;

export interface DisplayOrder {
  readonly clock: Clock;
  /** Of each file. */
  readonly bytes: readonly number[];
  readonly from: Position;
  readonly isTerminal: boolean;
  /** Writes to the standard error, so that the standard output stays the result's own. */
  readonly write: (text: string) => void;
}

/** Shows how far a load is, how fast, and how long it will take. */
export interface LoadDisplay {
  reached(position: Position): void;
  /** The files are read from this one on, from its beginning: what is read of which is to be told. */
  newReading(fromFile: number): (count: number) => void;
  /** A line of its own, between the others. */
  say(line: string): void;
  /** Leaves the last line standing. */
  end(): void;
}

export function makeDisplay({ clock, bytes, from, isTerminal, write }: DisplayOrder): LoadDisplay {
  const everyMs = isTerminal ? EVERY_MS.terminal : EVERY_MS.log;
  let shownMs = clock.monotonicMs();
  let first: { readonly atMs: number; readonly read: number; readonly bytes: number } | undefined;
  const bytesInAll = bytes.reduce((sum, each) => sum + each, 0);
  let bytesRead = 0;
  let isOpen = false;

  const clear = (): void => {
    if (isOpen) write("\r\u001b[K");
    isOpen = false;
  };
  const show = (line: string): void => {
    clear();
    write(isTerminal ? line : `${line}\n`);
    isOpen = isTerminal;
  };
  return {
    reached(position) {
      const nowMs = clock.monotonicMs();
      first ??= { atMs: nowMs, read: from.read, bytes: bytesRead };
      if (nowMs - shownMs < everyMs) return;
      shownMs = nowMs;
      const seconds = Math.max((nowMs - first.atMs) / SECOND_MS, 0.001);
      const rate = (position.read - first.read) / seconds;
      const bytesPerSecond = (bytesRead - first.bytes) / seconds;
      const leftSeconds = bytesPerSecond > 0 ? (bytesInAll - bytesRead) / bytesPerSecond : undefined;
      show(progressLine(position, bytesInAll === 0 ? 1 : bytesRead / bytesInAll, rate, leftSeconds));
    },
    newReading(fromFile) {
      bytesRead = bytes.slice(0, fromFile).reduce((sum, each) => sum + each, 0);
      return (count) => void (bytesRead += count);
    },
    say(line) {
      clear();
      write(`${line}\n`);
    },
    end() {
      if (isOpen) write("\n");
      isOpen = false;
    },
  };
}

function progressLine(
  { accepted, rejected }: Position,
  done: number,
  rate: number,
  leftSeconds: number | undefined,
): string {
  const percent = Math.floor(Math.min(done, 1) * 100);
  const left = leftSeconds === undefined ? "" : `, about ${inWords(leftSeconds)} left`;
  return `${percent} %: ${accepted} durable, ${rejected} rejected, ${Math.round(rate)} a second${left}`;
}

function inWords(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
