/** Time, handed in. Wall time judges validity and is shown to people; monotonic time measures deadlines. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. May jump. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, with fractions. Never goes back. */
  monotonicMs(): number;
  /** Calls back once after so many milliseconds; the timer does not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
  /** Calls back again and again; the timer does not keep the process alive. */
  every(ms: number, callback: () => void): Timer;
  /** Resolves after so many milliseconds, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves at a moment of the monotonic clock, to a few microseconds: timers count whole milliseconds, and one that was begun a
   * fraction later ends a fraction later. The last millisecond is waited out turn by turn, which keeps a processor busy, so
   * for a few at once only; beyond them, as exactly as timers are.
   */
  until(monotonicMs: number): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms, callback) {
    const timer = setInterval(callback, ms).unref();
    return { cancel: () => clearInterval(timer) };
  },
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    });
  },
  async until(atMs) {
    waiting++;
    try {
      const wholeMs = Math.floor(atMs - performance.now()) - 1; // a timer may come up to one late
      if (wholeMs > 0) await systemClock.sleep(wholeMs);
      for (let leftMs = atMs - performance.now(); leftMs > 0; leftMs = atMs - performance.now()) {
        if (waiting <= EXACT_MAX) await new Promise((resolve) => setImmediate(resolve));
        else await systemClock.sleep(Math.ceil(leftMs));
      }
    } finally {
      waiting--;
    }
  },
};

/** Where more than so many wait for their moments, so much is going on that nobody could tell a fraction. */
const EXACT_MAX = 4;
let waiting = 0;

/** Today at a clock, `YYYY-MM-DD` in the United Kingdom, where the patients and the clinicians are. */
export function today(clock: Clock): string {
  const quarter = Math.floor(clock.wallMs() / QUARTER_MS);
  if (lastDay.quarter !== quarter) lastDay = { quarter, day: dayOf(quarter * QUARTER_MS) };
  return lastDay.day;
}

/** The day of a moment (milliseconds since the epoch), `YYYY-MM-DD` in the United Kingdom. */
export function dayOf(ms: number): string {
  return UK_DAY.format(ms);
}

/** Formatting is dear and every question asks for the day; the day changes at a quarter of an hour, if at all. */
const QUARTER_MS = 15 * 60_000;
let lastDay = { quarter: Number.NaN, day: "" };

const UK_DAY = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/London" });
