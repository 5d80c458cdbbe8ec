import type { EmergencyCase, EmergencyLetter } from "../audit/emergency-store.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";

/** How often what could not be delivered is tried again: several times within the minute that an alert may take. */
const EVERY_MS = 10_000;

export interface DeliveryNeeds {
  readonly clock: Clock;
  /** `audit`. */
  readonly store: StoreExecutor;
  /** Tells the privacy officer that there is a case. */
  readonly alert: (of: EmergencyCase) => Promise<void>;
  /** Gives a letter to the other node. */
  readonly send: (letter: EmergencyLetter) => Promise<void>;
  readonly failed: (caseId: string, failure: Failure) => void;
}

export interface Deliveries {
  /** Something new waits. */
  readonly wake: () => void;
  /** What is under way ends first. */
  readonly stop: () => Promise<void>;
}

/**
 * Delivers alerts and letters until each has been taken, what a stop left over included: the cases and the letters are the
 * queue. Where nothing waits, nothing is read.
 */
export function startDeliveries({ clock, store, alert, send, failed }: DeliveryNeeds): Deliveries {
  let mayWait = true;
  let stopped = false;
  let running: Promise<void> | undefined;

  async function attempt(caseId: string, deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver();
    } catch (thrown) {
      mayWait = true;
      failed(caseId, asFailure(thrown));
    }
  }

  async function round(): Promise<void> {
    mayWait = false;
    const { alerts, letters } = await store.run("emergency.waiting", null);
    await Promise.all([
      ...alerts.map((of) =>
        attempt(of.caseId, async () => {
          await alert(of);
          await store.run("emergency.alerted", { caseId: of.caseId, atMs: clock.wallMs() });
        }),
      ),
      ...letters.map((letter) =>
        attempt(letter.caseId, async () => {
          await send(letter);
          await store.run("emergency.letter-sent", { letterId: letter.letterId, atMs: clock.wallMs() });
        }),
      ),
    ]);
  }

  function run(): void {
    if (stopped || running !== undefined || !mayWait) return;
    running = attempt("", round).finally(() => {
      running = undefined;
    });
  }

  const timer = clock.every(EVERY_MS, run);
  run();
  return {
    wake() {
      mayWait = true;
      run();
    },
    async stop() {
      stopped = true;
      timer.cancel();
      await running;
    },
  };
}
