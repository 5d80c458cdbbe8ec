import type { EmergencyCase, EmergencyLetter } from "../audit/emergency-store.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";

/** How soon what could not be delivered is tried again: several times within the minute that an alert may take. */
const EVERY_MS = 10_000;
/** And how seldom in the end, for nothing is ever given up: twice as long after each try, up to this. */
const AGAIN_MS_MAX = 600_000;
/** How often the operator is told of what goes on failing. */
const TOLD_AGAIN_MS = 3_600_000;

export interface DeliveryNeeds {
  readonly clock: Clock;
  /** `audit`. */
  readonly store: StoreExecutor;
  /** Tells the privacy officer that there is a case. */
  readonly alert: (of: EmergencyCase) => Promise<void>;
  /** Gives a letter to the other node. */
  readonly send: (letter: EmergencyLetter) => Promise<void>;
  /** Told at the first try and then once an hour. */
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

  const failing = new Map<string, { readonly againMs: number; readonly waitMs: number; readonly toldMs: number }>();

  /** @param what the alert or the letter: each waits for itself. */
  async function attempt(what: string, caseId: string, deliver: () => Promise<void>): Promise<void> {
    const before = failing.get(what);
    if (before !== undefined && clock.monotonicMs() < before.againMs) return void (mayWait = true);
    try {
      await deliver();
      failing.delete(what);
    } catch (thrown) {
      mayWait = true;
      const nowMs = clock.monotonicMs();
      const waitMs = before === undefined ? EVERY_MS : Math.min(AGAIN_MS_MAX, 2 * before.waitMs);
      const isToldNow = before === undefined || nowMs - before.toldMs >= TOLD_AGAIN_MS;
      failing.set(what, { againMs: nowMs + waitMs, waitMs, toldMs: isToldNow ? nowMs : before.toldMs });
      if (isToldNow) failed(caseId, asFailure(thrown));
    }
  }

  async function round(): Promise<void> {
    mayWait = false;
    const { alerts, letters } = await store.run("emergency.waiting", null);
    await Promise.all([
      ...alerts.map((of) =>
        attempt(`alert ${of.caseId}`, of.caseId, async () => {
          await alert(of);
          await store.run("emergency.alerted", { caseId: of.caseId, atMs: clock.wallMs() });
        }),
      ),
      ...letters.map((letter) =>
        attempt(`letter ${letter.letterId}`, letter.caseId, async () => {
          await send(letter);
          await store.run("emergency.letter-sent", { letterId: letter.letterId, atMs: clock.wallMs() });
        }),
      ),
    ]);
  }

  function run(): void {
    if (stopped || running !== undefined || !mayWait) return;
    running = attempt("round", "", round).finally(() => {
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
