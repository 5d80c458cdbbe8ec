import type { Clock } from "../base/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { Jobs } from "./jobs.ts";

/** How soon a job is found that nobody told of. */
const POLL_MS = 1_000;

/**
 * Makes a round of the outbox now, when woken, and every second; one at a time. One that fails is made again at the next
 * second.
 *
 * @param round is to end soon after the signal aborts.
 */
export function startRounds(
  round: (stopping: AbortSignal) => Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Jobs {
  const stopping = new AbortController();
  let underWay: Promise<void> | undefined;
  let wakeAgain = false;

  const makeRound = async (): Promise<void> => {
    try {
      await round(stopping.signal);
    } catch (thrown) {
      log.error("outbox-unavailable", thrown);
    }
    underWay = undefined;
    if (wakeAgain) wake();
  };
  const wake = (): void => {
    wakeAgain = underWay !== undefined;
    if (!stopping.signal.aborted && underWay === undefined) underWay = Promise.resolve().then(makeRound);
  };

  const polling = clock.every(POLL_MS, wake);
  wake();
  return {
    wake,
    async stop() {
      stopping.abort();
      polling.cancel();
      await underWay;
    },
  };
}
