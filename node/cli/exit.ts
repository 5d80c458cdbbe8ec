import { type Failure, type FailureCode, asFailure } from "../base/failure.ts";

/** Exit codes, stable: scripts rely on them. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, partial: 4 } as const;

const EXIT_OF = {
  "invalid-input": EXIT.usage,
  configuration: EXIT.usage,
  "not-authenticated": EXIT.refused,
  "not-permitted": EXIT.refused,
  "purpose-refused": EXIT.refused,
  "role-refused": EXIT.refused,
  "restricted-record": EXIT.refused,
  "identity-not-known": EXIT.refused,
  "no-agreement": EXIT.refused,
  "not-covered": EXIT.refused,
  replayed: EXIT.refused,
  "clocks-differ": EXIT.refused,
  "over-quota": EXIT.refused,
  "deadline-too-short": EXIT.failed,
  "timed-out": EXIT.failed,
  unreachable: EXIT.failed,
  incompatible: EXIT.failed,
  "directory-stale": EXIT.failed,
  overloaded: EXIT.failed,
  "not-served": EXIT.failed,
  "store-unavailable": EXIT.failed,
  internal: EXIT.failed,
} as const satisfies Record<FailureCode, number>;

export function exitCodeOf(failure: Failure): number {
  return EXIT_OF[failure.code];
}

/** Says on stderr what went wrong, and sets the exit code. */
export function reportFailure(thrown: unknown): void {
  const failure = asFailure(thrown);
  const where = failure.where === undefined ? "" : ` (${failure.where})`;
  console.error(`corridor: ${failure.message}${where}`);
  if (failure.code === "internal" && process.env["CORRIDOR_DEBUG"] !== undefined) console.error(failure.cause);
  process.exitCode = exitCodeOf(failure);
}

/** Runs a command's work; what it throws is said on stderr and becomes the exit code. */
export async function reporting(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    reportFailure(thrown);
  }
}
