import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { NewEntry } from "./audit-store.ts";
import { EVIDENCE_REACH_MS } from "./evidence.ts";

const EVERY_MS = 24 * 3_600_000;
const FIRST_AFTER_MS = 3_600_000;

export interface RetentionNeeds {
  /** Of the store `audit`. */
  readonly executor: StoreExecutor;
  readonly clock: Clock;
  /** How long entries are kept. */
  readonly keepMs: number;
  /** True where others' clocks agree with this node's: a clock that is years ahead must not erase the audit. */
  readonly isClockTrusted: () => boolean;
  /** An entry of kind `retention`, to be filled in. */
  readonly makeEntry: () => NewEntry;
  readonly alarm: (event: "audit-retention-failed", failure: Failure) => void;
}

/**
 * Erases what is older than is to be kept, once a day. What goes is always the beginning of the log, an entry says up to
 * where before any of it goes, and every leaf stays, so the tree still stands.
 */
export function startRetention(needs: RetentionNeeds): { stop(): Promise<void> } {
  let running: Promise<void> | undefined;
  const round = (): void => {
    running ??= erase(needs)
      .catch((thrown: unknown) => needs.alarm("audit-retention-failed", asFailure(thrown)))
      .finally(() => (running = undefined));
  };
  let timer = needs.clock.after(FIRST_AFTER_MS, function again() {
    round();
    timer = needs.clock.after(EVERY_MS, again);
  });
  return {
    async stop() {
      timer.cancel();
      await running;
    },
  };
}

/** One round of {@link startRetention}. Ten minutes late: an entry's evidence may lie with another one as much older. */
export async function erase({ executor, clock, keepMs, isClockTrusted, makeEntry }: RetentionNeeds): Promise<void> {
  if (!isClockTrusted()) return;
  const beforeMs = clock.wallMs() - keepMs - EVIDENCE_REACH_MS;
  await executor.run("audit.decide-retention", { entry: makeEntry(), beforeMs });
  while (await executor.run("audit.erase-some", undefined));
}
