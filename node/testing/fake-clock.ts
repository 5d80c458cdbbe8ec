import type { Clock, Timer } from "../base/clock.ts";

/** Promise jobs that run between two timers: enough for the longest chain of awaits that a test sets going. */
const JOBS_BETWEEN_TIMERS = 50;

export interface FakeClock extends Clock {
  /** Moves both clocks on, firing each timer at its own moment, with the promise jobs that it sets going. */
  advance(ms: number): Promise<void>;
  /** Timers set and neither fired nor cancelled. */
  pending(): number;
}

interface Alarm {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly callback: () => void;
}

/** A clock that stands still until it is advanced. Starts at a given wall time, in milliseconds since the epoch. */
export function makeFakeClock(wallStartMs: number = Date.UTC(2026, 10, 20, 3, 0)): FakeClock {
  let nowMs = 0;
  /** In the order in which they were set; of two for one moment the earlier set fires first. */
  const alarms = new Set<Alarm>();

  function set(ms: number, callback: () => void, everyMs?: number): Timer {
    const alarm: Alarm = { atMs: nowMs + Math.max(0, ms), everyMs, callback };
    alarms.add(alarm);
    return { cancel: () => void alarms.delete(alarm) };
  }

  function nextUntil(untilMs: number): Alarm | undefined {
    const due = [...alarms].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((one, other) => one.atMs - other.atMs)[0];
  }

  function fire(alarm: Alarm): void {
    nowMs = alarm.atMs;
    if (alarm.everyMs === undefined) alarms.delete(alarm);
    else alarm.atMs += alarm.everyMs;
    alarm.callback();
  }

  return {
    wallMs: () => wallStartMs + nowMs,
    monotonicMs: () => nowMs,
    after: (ms, callback) => set(ms, callback),
    every: (ms, callback) => set(ms, callback, ms),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const timer = set(ms, resolve);
        signal?.addEventListener("abort", () => (timer.cancel(), resolve()), { once: true });
      }),
    until: (monotonicMs) => new Promise((resolve) => void set(monotonicMs - nowMs, resolve)),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await runPromiseJobs();
      for (let alarm = nextUntil(untilMs); alarm !== undefined; alarm = nextUntil(untilMs)) {
        fire(alarm);
        await runPromiseJobs();
      }
      nowMs = untilMs;
    },
    pending: () => alarms.size,
  };
}

async function runPromiseJobs(): Promise<void> {
  for (let job = 0; job < JOBS_BETWEEN_TIMERS; job++) await Promise.resolve();
}
