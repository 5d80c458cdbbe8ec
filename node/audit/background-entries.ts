import type { Clock, Timer } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { NewEntry } from "./audit-store.ts";

/** Entries are written at least this often, well within the second that is promised. */
const FLUSH_AFTER_MS = 500;

/** Entries that may wait while the disk is slow: at a thousand locates a second, some ten seconds' worth. */
const WAITING_MAX = 10_000;

/** Entries that gate nothing, on their way to the log. */
export interface BackgroundEntries {
  add(entry: NewEntry): void;
  /** Writes what waits. */
  close(): Promise<void>;
}

/**
 * Writes entries in the background, many to a commit. None is lost without `onLost` being called.
 *
 * @param onLost an entry could not be written, or the queue was full.
 */
export function makeBackgroundEntries(
  clock: Clock,
  executor: StoreExecutor,
  onLost: (failure: Failure) => void,
): BackgroundEntries {
  let waiting: NewEntry[] = [];
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;

  const write = async (entry: NewEntry): Promise<void> => {
    try {
      await executor.run("audit.append", entry);
    } catch (thrown) {
      onLost(asFailure(thrown));
    }
  };

  /** One flush at a time, so that what waits on a slow disk waits here, where it is counted. */
  const flush = async (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    const entries = waiting;
    waiting = [];
    writing = Promise.all(entries.map(write)).then(() => undefined);
    await writing;
    writing = undefined;
    if (waiting.length > 0) timer ??= clock.after(FLUSH_AFTER_MS, () => void flush());
  };

  return {
    add(entry) {
      if (waiting.length >= WAITING_MAX) {
        return onLost(new Failure("overloaded", `More than ${WAITING_MAX} audit entries wait to be written.`));
      }
      waiting.push(entry);
      if (writing === undefined) timer ??= clock.after(FLUSH_AFTER_MS, () => void flush());
    },
    async close() {
      await writing;
      await flush();
    },
  };
}
