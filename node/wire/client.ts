import {
  ANSWERED_OUTCOMES,
  type AreaAnswer,
  type CoverageGap,
  type PointerView,
  type Verdict,
} from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId } from "../base/words.ts";
import type { CallerClient, CallerQuestion } from "./caller-client.ts";

export { connectCaller } from "./caller-client.ts";
export type { CallerClient, CallerQuestion, CallerTarget } from "./caller-client.ts";

/**
 * For those who build on a node: a locate as one value, of which the records cannot be had without the verdict.
 *
 * Whoever reads `records` of a {@link Located} whose `kind` was not looked at, or of a partial one, is told so by the compiler.
 */

/** A record, and the area that named it. */
export interface LocatedRecord {
  readonly pointer: PointerView;
  readonly area: AreaAnswer["area"];
}

/** What keeps a locate from being whole. */
export interface Missing {
  /** Areas that did not answer, in the network's widest scope, and how each ended. */
  readonly areas: Verdict["areas"];
  /** Feeds that are behind or not connected, in areas that did. */
  readonly gaps: readonly CoverageGap[];
  /** Areas that answered although nobody feeds them now. */
  readonly unfed: readonly NodeId[];
}

interface Told {
  readonly verdict: Verdict;
  /** Everything that an area said, those without records among it: `identity-check` is for a person to see. */
  readonly answers: readonly AreaAnswer[];
}

/** Every area in scope answered, from feeds that are up to date. It still does not say that there is nothing else. */
export interface WholeLocate extends Told {
  readonly kind: "whole";
  readonly records: readonly LocatedRecord[];
}

/** Something could not be asked, or rests on an old feed. */
export interface PartialLocate extends Told {
  readonly kind: "partial";
  readonly missing: Missing;
  /**
   * The records that were found all the same.
   *
   * @param show puts what is missing before whoever will read the records; it is called first, and what it throws is thrown.
   */
  recordsWith(show: (missing: Missing, verdict: Verdict) => void): readonly LocatedRecord[];
}

export type Located = WholeLocate | PartialLocate;

/**
 * Asks, waits for the verdict, and gives both together.
 *
 * @throws {Failure} as {@link CallerClient.locate}; `unreachable` where the node ended the call without a verdict.
 */
export async function locate(client: Pick<CallerClient, "locate">, question: CallerQuestion): Promise<Located> {
  const answers: AreaAnswer[] = [];
  for await (const event of client.locate(question)) {
    if (event.kind === "answer") answers.push(event.answer);
    else return asLocated(event.verdict, answers);
  }
  throw new Failure("unreachable", "The node ended the locate without a verdict: nothing may be made of what it said.");
}

function asLocated(verdict: Verdict, answers: readonly AreaAnswer[]): Located {
  const records = answers.flatMap(({ area, pointers }) => pointers.map((pointer) => ({ pointer, area })));
  const missing = missingIn(verdict);
  const isWhole = missing.areas.length === 0 && missing.gaps.length === 0 && missing.unfed.length === 0;
  if (isWhole) return { kind: "whole", verdict, answers, records };
  return {
    ...{ kind: "partial", verdict, answers, missing },
    recordsWith(show) {
      show(missing, verdict);
      return records;
    },
  };
}

function missingIn({ areas, gaps, unfed, scopes }: Verdict): Missing {
  const isWhole = scopes.every(({ everyAreaAnswered }) => everyAreaAnswered);
  const unanswered = areas.filter(({ outcome }) => !ANSWERED_OUTCOMES.has(outcome));
  return { areas: isWhole ? [] : unanswered, gaps, unfed };
}
