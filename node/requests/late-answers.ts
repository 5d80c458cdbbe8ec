import { hash } from "node:crypto";

import type { AreaAnswer, Outcome, Verdict } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { inTime } from "../base/in-time.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import type { NetworkView } from "../federation/federation.ts";

/** Locates whose late answers are kept; the oldest goes first. */
const KEPT_MAX = 100;
/** For so long after the last of them could come. */
const KEPT_FOR_MS = 120_000;

/** An area that gave no answer, though it was asked: it may still give one. */
const MAY_STILL_ANSWER: ReadonlySet<Outcome> = new Set(["timed-out", "unreachable"]);

/** What a locate told its user, and what has come since. */
export interface KeptLocate {
  readonly network: NetworkView;
  readonly identified: Parameters<NetworkView["closeWith"]>[2];
  /** As areas gave them, not yet held against any permit; the own first. */
  readonly answers: () => readonly AreaAnswer[];
  /** Resolves when no more can come. */
  readonly complete: Promise<void>;
}

interface Entry extends KeptLocate {
  readonly asker: string;
  readonly atMs: number;
}

/**
 * The areas that had not answered when a verdict was due are asked once more, until late answers are of no more use. What they
 * say is kept in memory alone, for the same user and the same patient.
 */
export class LateAnswers {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Keeps a locate that is over, where an area may still answer. Emergency access is over with its verdict: nothing of it is
   * kept.
   *
   * @param asked by the user; `question` is what areas were asked.
   */
  keep(
    asked: Question,
    question: Question,
    answers: readonly AreaAnswer[],
    again: (missing: ReadonlySet<string>) => AsyncIterable<AreaAnswer>,
    of: Pick<KeptLocate, "network" | "identified">,
  ): void {
    const missing = answers.flatMap(({ own, outcome, area }) =>
      !own && MAY_STILL_ANSWER.has(outcome) && area.nodeId !== undefined ? [area.nodeId] : [],
    );
    if (missing.length === 0 || asked.claim.purpose === "BTG" || question.lateUntil.passed()) return;
    const latest = [...answers];
    const complete = (async () => {
      for await (const late of again(new Set(missing))) {
        const at = latest.findIndex(({ area }) => area.nodeId === late.area.nodeId);
        if (at >= 0 && !MAY_STILL_ANSWER.has(late.outcome)) latest[at] = late;
      }
    })();
    const asker = askerOf(asked);
    this.#kept.set(asked.requestId, { ...of, answers: () => latest, complete, asker, atMs: this.#clock.monotonicMs() });
    this.#forgetOld();
  }

  /** Resolves when no more can come of a locate that is over; at once where nothing is kept of it. */
  async settled(requestId: string): Promise<void> {
    await this.#kept.get(requestId)?.complete;
  }

  /** @throws {Failure} `invalid-input`: nothing is kept of such a locate by this user about this patient. */
  of(asked: Question): KeptLocate {
    this.#forgetOld();
    const kept = this.#kept.get(asked.lateOf ?? "");
    if (kept !== undefined && kept.asker === askerOf(asked)) return kept;
    throw new Failure(
      "invalid-input",
      "Nothing is kept of such a locate, by this user and about this patient: ask anew.",
      {
        where: "late_of",
      },
    );
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [requestId, { atMs }] of this.#kept) {
      if (this.#kept.size <= KEPT_MAX && nowMs - atMs < KEPT_FOR_MS) break;
      this.#kept.delete(requestId);
    }
  }
}

/** The kept answers once they are complete, or as they are at the deadline. */
export async function completed(kept: KeptLocate, deadline: Deadline, clock: Clock): Promise<readonly AreaAnswer[]> {
  await inTime(kept.complete, deadline, clock);
  return kept.answers();
}

/** Which areas were not asked anew: all but the own, which was not either, but has nobody to pair with. */
export function notAskedAnew(verdict: Verdict): ReadonlyMap<string, "not-asked"> {
  return new Map(verdict.areas.flatMap(({ nodeId }) => (nodeId === undefined ? [] : [[nodeId, "not-asked"]])));
}

/** User, organisation and patient, as one opaque text. */
function askerOf({ claim: { userId, organisation }, patient }: Question): string {
  return hash("sha256", [userId, organisation, ...fieldsOf(patient)].join("\0"));
}

function fieldsOf(patient: PatientQuery): readonly string[] {
  const names = [patient.familyName?.expose() ?? "", patient.givenName?.expose() ?? "", patient.birthDate.expose()];
  const which = patient.by === "number" ? patient.nhsNumber.expose() : (patient.postcode?.expose() ?? "");
  return [patient.by, which, ...names];
}
