import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { asFailure } from "../../node/base/failure.ts";
import type { CallerClient } from "../../node/wire/caller-client.ts";
import { DOCTOR, claimOf, patientOf } from "../testing/asking.ts";
import type { TrialPerson } from "../testing/people.ts";

/** Beside other work a node may be slower than it is asked: questions beyond these wait. */
const UNDER_WAY_MAX = 50;
const ANSWER_BY_MS = 10_000;
const ANSWERED: ReadonlySet<string> = new Set(["records", "nothing-to-show"]);

export interface Load {
  readonly failures: string[];
  done(): number;
  /** Calls a second. */
  rate(): number;
  stop(): Promise<void>;
}

/**
 * Asks so many questions a second, each of which the other areas must answer.
 *
 * @param absent areas of which no answer is expected.
 */
export function startLoad(
  client: CallerClient,
  person: TrialPerson,
  callsASecond: number,
  absent: readonly string[] = [],
): Load {
  const [patient, claim] = [patientOf(person), claimOf(DOCTOR)];
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  const beganMs = performance.now();
  let done = 0;
  let stopped = false;
  const askOne = async (): Promise<void> => {
    try {
      for await (const event of client.locate({ patient, claim, requestId: randomUUID(), answerByMs: ANSWER_BY_MS })) {
        if (event.kind !== "verdict") continue;
        const expected = event.verdict.areas.filter(({ nodeId }) => nodeId === undefined || !absent.includes(nodeId));
        if (expected.every(({ outcome }) => ANSWERED.has(outcome))) continue;
        failures.push(expected.map(({ nodeId, outcome, reason }) => `${nodeId} ${outcome} ${reason}`).join());
      }
    } catch (thrown) {
      failures.push(asFailure(thrown).message);
    }
    done++;
  };
  const loop = (async () => {
    for (let sent = 0; !stopped; sent++) {
      while (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
      const call = askOne().finally(() => underWay.delete(call));
      underWay.add(call);
      await sleep(Math.max(0, beganMs + ((sent + 1) * 1_000) / callsASecond - performance.now()));
    }
  })();
  return {
    failures,
    done: () => done,
    rate: () => (done * 1_000) / (performance.now() - beganMs),
    async stop() {
      stopped = true;
      await loop;
      await Promise.all(underWay);
    },
  };
}
