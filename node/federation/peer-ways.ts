import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import { Breaker } from "./breaker.ts";
import { Bulkhead } from "./bulkhead.ts";
import type { PeerTransport } from "./federation.ts";
import { Hedge } from "./hedge.ts";
import { Resting } from "./resting.ts";

/** Whoever was given less time than this and did not answer may only have been given too little. */
const TELLING_MS_MIN = 250;
/** Nobody is asked again with less time left, nor sooner, whatever they said. */
const ASK_AGAIN_MS_MIN = 25;
/** Of those who were told to wait, each waits up to this part longer, by chance. */
const WAIT_JITTER_PART = 0.2;
/** For this part of the time that a busy member asked for, it is not asked by anybody else either: it has work for longer. */
const SPARED_PART = 0.5;
/** However long it asked for: some questions cost it more than others. */
const SPARED_MS_MAX = 1_000;

/** A member that has begun to rest is greeted so often; one that has rested for long, more seldom. */
const KNOCK_EVERY_MS = 1_000;
const KNOCK_SELDOM_MS = 5_000;
const KNOCK_OFTEN_FOR_MS = 30_000;
const KNOCK_WITHIN_MS = 1_000;
const KNOCK_JITTER_PART = 0.2;
/** Nobody is greeted on behalf of questions that are no longer asked. */
const KNOCK_AFTER_QUESTION_MS = 60_000;

export interface PeerWaysNeeds {
  readonly transport: PeerTransport;
  /** Greets a member on the way of its questions. Rejects with a Failure: why that was not answered. */
  readonly knock: (member: Member, deadline: Deadline) => Promise<void>;
  readonly clock: Clock;
  readonly random: Pick<Random, "fraction">;
  /** Told where a member begins to rest, and where it answers again. */
  readonly onChange: (member: string, isResting: boolean) => void;
}

/** The ways to all members, each kept apart from the others: what one of them does or does not costs no other anything. */
export interface PeerWays extends PeerTransport {
  /** For how long a member has rested, in milliseconds; `undefined`: it does not. */
  readonly restingForMs: (member: string) => number | undefined;
  readonly close: () => void;
}

/**
 * Puts between questions and each member: a breaker, a bound on what is under way to it, a second attempt where it has two
 * addresses, and patience with one that says for how long it is busy.
 */
export function makePeerWays(needs: PeerWaysNeeds): PeerWays {
  const { clock } = needs;
  const ways = new Map<string, PeerWay>();
  const closed = new AbortController();

  function wayTo({ id }: Member): PeerWay {
    const known = ways.get(id);
    if (known !== undefined) return known;
    const fresh = new PeerWay(needs, closed.signal);
    ways.set(id, fresh);
    return fresh;
  }

  return {
    ask: (...question) => wayTo(question[0]).ask(...question),
    restingForMs(member) {
      const sinceMs = ways.get(member)?.restingSinceMs;
      return sinceMs === undefined ? undefined : clock.monotonicMs() - sinceMs;
    },
    close: () => closed.abort(),
  };
}

class PeerWay {
  readonly #needs: PeerWaysNeeds;
  readonly #closed: AbortSignal;
  readonly #breaker: Breaker;
  readonly #bulkhead: Bulkhead;
  readonly #hedge: Hedge;
  #askedAtMs = 0;
  #sparedUntilMs = 0;
  #isKnocking = false;
  #wasResting = false;

  constructor(needs: PeerWaysNeeds, closed: AbortSignal) {
    this.#needs = needs;
    this.#closed = closed;
    this.#breaker = new Breaker(needs.clock, needs.random);
    this.#bulkhead = new Bulkhead(needs.clock);
    this.#hedge = new Hedge(needs.clock);
  }

  get restingSinceMs(): number | undefined {
    return this.#breaker.restingSinceMs;
  }

  async ask(...[member, question, permit, deadline, signal]: Parameters<PeerTransport["ask"]>): Promise<HolderAnswer> {
    this.#askedAtMs = this.#needs.clock.monotonicMs();
    if (this.#breaker.isShut) {
      this.#knockUntilBack(member);
      throw new Resting();
    }
    const turn = this.#bulkhead.enter(deadline, signal);
    if (turn !== undefined) await turn;
    const pass = this.#breaker.pass();
    const [askedAtMs, givenMs] = [this.#needs.clock.monotonicMs(), deadline.remainingMs()];
    try {
      if (pass === undefined) throw new Resting();
      const isEmergency = question.claim.purpose === "BTG";
      const answer = await this.#askPatiently(isEmergency, deadline, signal, () =>
        this.#hedge.ask(member, signal, (at, cancelled) =>
          this.#needs.transport.ask(at, question, permit, deadline, cancelled),
        ),
      );
      this.#breaker.answered();
      return answer;
    } catch (thrown) {
      if (pass === undefined) throw thrown;
      // A timer may come a fraction early: whoever had but a moment left had all its time.
      const wasLeft = signal.aborted && deadline.remainingMs() > 5;
      if (!isSilence(thrown)) this.#breaker.answered();
      else if (wasLeft || (givenMs < TELLING_MS_MIN && asFailure(thrown).code === "timed-out")) {
        this.#breaker.leftOpen(pass);
      } else this.#breaker.failed(pass, askedAtMs);
      throw thrown;
    } finally {
      this.#bulkhead.leave();
      this.#tellOfChange(member);
    }
  }

  /**
   * Asks once more where the member says when, and there is time. What it said to one holds for the others, but for
   * emergency access: under a flood of questions, refusing them is most of its work.
   */
  async #askPatiently(
    isEmergency: boolean,
    deadline: Deadline,
    signal: AbortSignal,
    ask: () => Promise<HolderAnswer>,
  ): Promise<HolderAnswer> {
    const { clock } = this.#needs;
    for (let mayAskAgain = true; ; mayAskAgain = false) {
      const sparedMs = this.#sparedUntilMs - clock.monotonicMs();
      if (sparedMs > 0 && !isEmergency) await this.#wait(sparedMs, busy(sparedMs), deadline, signal);
      try {
        return await ask();
      } catch (thrown) {
        const failure = asFailure(thrown);
        if (failure.retryAfterMs === undefined) throw failure;
        if (failure.code === "overloaded") this.#spare(failure.retryAfterMs);
        if (!mayAskAgain) throw failure;
        await this.#wait(failure.retryAfterMs, failure, deadline, signal);
      }
    }
  }

  #spare(retryAfterMs: number): void {
    const untilMs = this.#needs.clock.monotonicMs() + Math.min(SPARED_MS_MAX, SPARED_PART * retryAfterMs);
    this.#sparedUntilMs = Math.max(this.#sparedUntilMs, untilMs);
  }

  /** @throws what is given, at once, where there is not the time, or once nobody waits any more. */
  async #wait(ms: number, otherwise: Failure, deadline: Deadline, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#needs;
    const waitMs = Math.max(ASK_AGAIN_MS_MIN, ms) * (1 + WAIT_JITTER_PART * random.fraction());
    if (deadline.remainingMs() < waitMs + ASK_AGAIN_MS_MIN) throw otherwise;
    await clock.sleep(waitMs, signal);
    if (signal.aborted) throw otherwise;
  }

  #tellOfChange(member: Member): void {
    const isResting = this.restingSinceMs !== undefined;
    if (isResting) this.#knockUntilBack(member);
    if (isResting === this.#wasResting) return;
    this.#wasResting = isResting;
    this.#needs.onChange(member.id, isResting);
  }

  #knockUntilBack(member: Member): void {
    if (this.#isKnocking || this.#closed.aborted) return;
    this.#isKnocking = true;
    void this.#goOnKnocking(member).finally(() => (this.#isKnocking = false));
  }

  async #goOnKnocking(member: Member): Promise<void> {
    const { clock, knock, random } = this.#needs;
    for (let sinceMs = this.restingSinceMs; sinceMs !== undefined; sinceMs = this.restingSinceMs) {
      const isAnswered = await knock(member, Deadline.in(clock, KNOCK_WITHIN_MS)).then(
        () => true,
        (thrown: unknown) => !isSilence(thrown),
      );
      this.#breaker.knocked(isAnswered);
      const nowMs = clock.monotonicMs();
      if (nowMs - this.#askedAtMs > KNOCK_AFTER_QUESTION_MS) return;
      const everyMs = nowMs - sinceMs < KNOCK_OFTEN_FOR_MS ? KNOCK_EVERY_MS : KNOCK_SELDOM_MS;
      await clock.sleep(everyMs * (1 + KNOCK_JITTER_PART * (2 * random.fraction() - 1)), this.#closed);
      if (this.#closed.aborted) return;
    }
  }
}

function busy(retryAfterMs: number): Failure {
  return new Failure("overloaded", "The node said a moment ago that it is busy.", { retryAfterMs });
}

/** True where the member said nothing. A refusal, a fault of its own, a word that it is busy: each is an answer. */
function isSilence(thrown: unknown): boolean {
  const { code } = asFailure(thrown);
  return code === "unreachable" || code === "timed-out";
}
