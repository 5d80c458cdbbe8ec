import type { Clock } from "../base/clock.ts";
import type { PatientQuery } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";

/** A record that was shown to one user, and how to come back to it. */
export interface ShownRecord {
  readonly patient: PatientQuery;
  /** Absent where no node holds it: then it cannot be opened from here. */
  readonly nodeId: NodeId | undefined;
  readonly pointerId: string;
  /** As it was shown; made when it is asked for, since thousands are kept and few are read. */
  readonly resource: () => object;
}

/** A record shown longer ago is to be searched for again. */
const KEPT_MS = 15 * 60_000;
const HANDLES_MAX = 20_000;

/**
 * Opaque ids of records that were shown: what stands in addresses in the place of patient and record. Each is good for the
 * user to whom it was given, for a quarter of an hour, in this process; it is a name, not a right: whoever comes with it is
 * judged anew.
 */
export class Handles {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #held = new Map<string, { readonly owner: string; readonly shown: ShownRecord; readonly untilMs: number }>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Keeps a record under a fresh id.
   *
   * @param make gives the record as it is shown under the id.
   */
  give(owner: string, make: (id: string) => ShownRecord): { readonly id: string; readonly shown: ShownRecord } {
    const id = this.#random.uuid();
    const shown = make(id);
    this.#held.set(id, { owner, shown, untilMs: this.#clock.monotonicMs() + KEPT_MS });
    this.#forgetOld();
    return { id, shown };
  }

  /** `undefined` where it was never given, not to this owner, or too long ago: nobody can tell which. */
  find(owner: string, id: string): ShownRecord | undefined {
    const held = this.#held.get(id);
    return held?.owner === owner && held.untilMs > this.#clock.monotonicMs() ? held.shown : undefined;
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { untilMs }] of this.#held) {
      if (untilMs > nowMs && this.#held.size <= HANDLES_MAX) return;
      this.#held.delete(id);
    }
  }
}
