import type { Clock } from "../base/clock.ts";
import { type FailureCode, Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";

/** Tries in a row without a step forward, before a load gives up: with the pauses between them about a minute and a half. */
const TRIES_MAX = 8;
const PAUSE_FIRST_MS = 500;
const PAUSE_LONGEST_MS = 30_000;

/** The node is busy, away or starting again: the same batches may well be taken later. */
const PASSING: ReadonlySet<FailureCode> = new Set<FailureCode>([
  "overloaded",
  "unreachable",
  "timed-out",
  "store-unavailable",
]);

export interface TriesOrder<Result> {
  /** Goes on where the last try ended. */
  readonly attempt: () => Promise<Result>;
  /** Rises with every step forward. */
  readonly stepsSoFar: () => number;
  readonly onPause: (failure: Failure, pauseMs: number) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Pick<Random, "fraction">;
}

/**
 * Tries again what may be tried again, after growing pauses with chance in them, so that many feeders do not come back at
 * one moment. A step forward begins the count anew.
 *
 * @throws what the attempt threw last.
 */
export async function tryAgain<Result>(order: TriesOrder<Result>): Promise<Result> {
  const { attempt, stepsSoFar, onPause, signal, clock, random } = order;
  let failures = 0;
  for (let steps = stepsSoFar(); ; steps = stepsSoFar()) {
    try {
      return await attempt();
    } catch (thrown) {
      failures = stepsSoFar() > steps ? 1 : failures + 1;
      // One that never got anywhere is told at once: it is the address, or the node is not up.
      const neverBegan = stepsSoFar() === 0 && thrown instanceof Failure && thrown.code === "unreachable";
      if (!isPassing(thrown) || neverBegan || failures >= TRIES_MAX || signal.aborted) throw thrown;
      const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (failures - 1), PAUSE_LONGEST_MS) * (0.5 + random.fraction());
      onPause(thrown, pauseMs);
      await clock.sleep(pauseMs, signal);
    }
  }
}

function isPassing(thrown: unknown): thrown is Failure {
  return thrown instanceof Failure && PASSING.has(thrown.code);
}
