import type { AreaAnswer, LocateEvent } from "../base/answer.ts";
import { ANSWERED_OUTCOMES } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Finding } from "./found.ts";
import { Refusal } from "./outcome.ts";
import type { RecordSearch } from "./record-search.ts";

/** A search that goes on while nobody waits for its answer, or that has ended. */
export interface LateSearch {
  readonly search: RecordSearch;
  /** Of the locate that asked. */
  readonly requestId: string;
  /** What has come so far. */
  readonly answers: readonly AreaAnswer[];
  /** What it ended with; `undefined` while it goes on. */
  readonly ended: Finding | { readonly thrown: unknown } | undefined;
}

interface Entry extends LateSearch {
  readonly as: string;
  readonly answers: AreaAnswer[];
  ended: LateSearch["ended"];
  readonly gone: AbortController;
  readonly untilMs: number;
}

/** Searches that are kept at once, of everybody together and of one user. */
const KEPT_MAX = 100;
const KEPT_OF_ONE_MAX = 5;
/** From the beginning; less than late answers are kept. */
const KEPT_MS = 100_000;

export interface LateSearchesNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves when no more can come of a locate that is over. */
  readonly lateSettled: (requestId: string) => Promise<void>;
}

/**
 * Searches whose answers are fetched later, because some areas need longer than anybody wants to wait. Each has an id that
 * nobody can guess, in this process's memory alone, for whoever began it; what is too much is refused, what is too old goes.
 */
export class LateSearches {
  readonly #needs: LateSearchesNeeds;
  readonly #kept = new Map<string, Entry>();

  constructor(needs: LateSearchesNeeds) {
    this.#needs = needs;
  }

  /**
   * Begins a search and gives its id, once areas may be asked: a refusal is thrown here and not kept.
   *
   * @param locate asks, until the signal aborts.
   * @throws {Refusal} 429, 503: this user, or all together, have too many under way.
   */
  async begin(
    as: string,
    search: RecordSearch,
    requestId: string,
    locate: (gone: AbortSignal) => AsyncGenerator<LocateEvent, void>,
  ): Promise<string> {
    this.#forgetOld();
    this.#checkRoom(as);
    const { clock, random } = this.#needs;
    const gone = new AbortController();
    const untilMs = clock.monotonicMs() + KEPT_MS;
    const entry: Entry = { as, search, requestId, answers: [], ended: undefined, gone, untilMs };
    const id = random.uuid();
    this.#kept.set(id, entry);
    const events = locate(gone.signal);
    try {
      const first = await events.next();
      if (first.done === true) throw withoutVerdict();
      void this.#follow(entry, first.value, events);
      return id;
    } catch (thrown) {
      this.#kept.delete(id);
      throw thrown;
    }
  }

  /** @throws {Refusal} 404: none under this id, or not this user's, or too long ago: nobody can tell which. */
  of(as: string, id: string): LateSearch {
    this.#forgetOld();
    const entry = this.#kept.get(id);
    if (entry?.as === as) return entry;
    const text = "No search is under way for this user under this id: search again.";
    throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
  }

  /** Ends a search: whoever is still being asked is told so. @throws {Refusal} as `of`. */
  cancel(as: string, id: string): void {
    this.of(as, id);
    this.#kept.get(id)?.gone.abort();
    this.#kept.delete(id);
  }

  async #follow(entry: Entry, first: LocateEvent, rest: AsyncGenerator<LocateEvent, void>): Promise<void> {
    try {
      let event: LocateEvent | undefined = first;
      while (event?.kind === "answer") {
        entry.answers.push(event.answer);
        const next: IteratorResult<LocateEvent, void> = await rest.next();
        event = next.done === true ? undefined : next.value;
      }
      if (event === undefined) throw withoutVerdict();
      await rest.return();
      await this.#needs.lateSettled(entry.requestId);
      entry.ended = { answers: entry.answers, verdict: event.verdict };
    } catch (thrown) {
      entry.ended = { thrown };
    }
  }

  #checkRoom(as: string): void {
    const retry = { headers: { "retry-after": "10" } };
    const own = [...this.#kept.values()].filter((entry) => entry.as === as).length;
    if (own >= KEPT_OF_ONE_MAX) {
      const text = `This user has ${KEPT_OF_ONE_MAX} searches to fetch: fetch them, or end them with DELETE.`;
      throw new Refusal(429, "throttled", text, retry);
    }
    if (this.#kept.size < KEPT_MAX) return;
    throw new Refusal(503, "throttled", "Too many searches are under way: search again shortly.", retry);
  }

  #forgetOld(): void {
    const nowMs = this.#needs.clock.monotonicMs();
    for (const [id, { untilMs, gone }] of this.#kept) {
      if (untilMs > nowMs) return;
      gone.abort();
      this.#kept.delete(id);
    }
  }
}

/** True where another area gave no answer, so that one may have come late. */
export function maySayMore({ answers }: Pick<Finding, "answers">): boolean {
  return answers.some(
    ({ own, outcome, area }) =>
      !own && area.nodeId !== undefined && (outcome === "timed-out" || outcome === "unreachable"),
  );
}

/** How far it has come, for whoever waits. */
export function progressOf({ answers }: Pick<LateSearch, "answers">): string {
  const answered = answers.filter(({ outcome }) => ANSWERED_OUTCOMES.has(outcome)).length;
  return `${answered} answered so far`;
}

/** A search that nobody waits for any more, or that broke: nothing follows from it. */
export function withoutVerdict(): Refusal {
  return new Refusal(503, "transient", "The search ended without a verdict: treat it as no answer at all.");
}
