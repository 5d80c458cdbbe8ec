import type { Clock } from "../base/clock.ts";

/** A node's clock is outside where it is further than this from the median of its peers' clocks. */
export const CLOCKS_APART_MS_MAX = 60_000;
/** What a peer said of its clock counts for so long. */
const HEARD_FOR_MS = 15 * 60_000;
const JUDGE_EVERY_MS = 5_000;
/** One peer alone can be as wrong as we are. */
const PEERS_TO_JUDGE = 2;

/** What the peers' clocks say of this node's. */
export interface ClockJudgement {
  /** `unknown`: too few peers were heard to say. */
  readonly state: "agrees" | "outside" | "unknown";
  /** Of the peers heard lately, their median; positive: this node's clock is ahead. */
  readonly aheadMs: number;
  /** For the operator: what was seen and, unless it agrees, what to do. */
  readonly text: string;
}

/** Compares the node's wall clock with its peers'. */
export interface ClockWatch {
  /** That a peer's wall clock stood at so much just now. */
  readonly note: (peer: string, wallMs: number) => void;
  readonly judge: () => ClockJudgement;
  /** How far this node's clock is ahead of a peer's now; `undefined` of one that was not heard lately. */
  readonly aheadOf: (peer: string) => number | undefined;
  /** Which clock is to be checked where an asker's is too far from this node's: the end of a refusal's sentence. */
  readonly whichClock: () => string;
  readonly close: () => void;
}

export interface ClockWatchNeeds {
  readonly clock: Clock;
  /** Told once whenever the judgement comes to be, or ceases to be, that the clock is outside. */
  readonly onChange: (judgement: ClockJudgement) => void;
}

/**
 * Makes the watch. What a peer said is held against the monotonic clock, so that a jump of this node's own wall clock shows
 * within {@link JUDGE_EVERY_MS}, without anybody being asked again.
 */
export function makeClockWatch({ clock, onChange }: ClockWatchNeeds): ClockWatch {
  /** How far each peer's wall clock is ahead of our monotonic one, and when that was heard. */
  const heard = new Map<string, { readonly aheadOfMonotonicMs: number; readonly atMs: number }>();
  let wasOutside = false;

  function aheadOf(peer: string): number | undefined {
    const said = heard.get(peer);
    const nowMs = clock.monotonicMs();
    if (said === undefined || nowMs - said.atMs > HEARD_FOR_MS) return undefined;
    return clock.wallMs() - (said.aheadOfMonotonicMs + nowMs);
  }

  function judge(): ClockJudgement {
    const ahead = [...heard.keys()].flatMap((peer) => aheadOf(peer) ?? []).toSorted((one, other) => one - other);
    return judgeClocks(ahead);
  }

  const timer = clock.every(JUDGE_EVERY_MS, () => {
    const judgement = judge();
    const isOutside = judgement.state === "outside";
    if (isOutside === wasOutside) return;
    wasOutside = isOutside;
    onChange(judgement);
  });

  return {
    note(peer, wallMs) {
      const atMs = clock.monotonicMs();
      heard.set(peer, { aheadOfMonotonicMs: wallMs - atMs, atMs });
    },
    aheadOf,
    judge,
    whichClock() {
      const { state, text } = judge();
      if (state === "outside") return `it is the holder's that is wrong. ${text}`;
      if (state === "unknown") return "check both clocks";
      return "the holder's agrees with its peers': check the asker's";
    },
    close: () => timer.cancel(),
  };
}

/** @param ahead how far this node's clock is ahead of each peer's, ascending. */
function judgeClocks(ahead: readonly number[]): ClockJudgement {
  const aheadMs = medianOf(ahead);
  if (ahead.length < PEERS_TO_JUDGE) {
    const [only] = ahead;
    const apart = only !== undefined && Math.abs(only) > CLOCKS_APART_MS_MAX;
    const text = apart
      ? `This node's clock is ${inWords(only)} the only peer's that was heard: one of the two is wrong. Check both.`
      : `Clocks of ${ahead.length} peers were heard: too few to judge this node's by.`;
    return { state: "unknown", aheadMs, text };
  }
  if (Math.abs(aheadMs) <= CLOCKS_APART_MS_MAX) {
    return {
      state: "agrees",
      aheadMs,
      text: `This node's clock is ${inWords(aheadMs)} the median of ${ahead.length} peers.`,
    };
  }
  const agreeing = ahead.filter((each) => each * Math.sign(aheadMs) > CLOCKS_APART_MS_MAX).length;
  const text = `This node's clock is ${inWords(aheadMs)} ${agreeing} of ${ahead.length} peers: set it by NTP, or peers refuse its questions.`;
  return { state: "outside", aheadMs, text };
}

/** Of an even count, that of the two in the middle which speaks less against this node's clock. */
function medianOf(ascending: readonly number[]): number {
  const upper = ascending[Math.floor(ascending.length / 2)] ?? 0;
  const lower = ascending[Math.floor((ascending.length - 1) / 2)] ?? 0;
  return Math.abs(lower) < Math.abs(upper) ? lower : upper;
}

function inWords(aheadMs: number): string {
  return `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs < 0 ? "behind" : "ahead of"}`;
}
