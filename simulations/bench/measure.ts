/** What a load of questions did. */
export interface Load {
  readonly perSecond: number;
  readonly count: number;
  /** From asking to the answer, in the order in which answers came. */
  readonly latenciesMs: readonly number[];
}

/**
 * Keeps so many questions in flight for so long: each answer sets the next question off. The clock stops at the last
 * answer, so that every question counted has cost its whole time.
 */
export async function keepInFlight(inFlight: number, forMs: number, ask: () => Promise<void>): Promise<Load> {
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + forMs;
  const askOneAfterAnother = async (): Promise<void> => {
    for (let askedMs = performance.now(); askedMs < untilMs;) {
      await ask();
      const nowMs = performance.now();
      latenciesMs.push(nowMs - askedMs);
      askedMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, askOneAfterAnother));
  const seconds = (performance.now() - startedMs) / 1_000;
  return { perSecond: latenciesMs.length / seconds, count: latenciesMs.length, latenciesMs };
}

/**
 * The smallest value that at least so many per cent of the values do not exceed (nearest rank).
 *
 * @param percent above 0, at most 100.
 */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new Error("a percentile needs at least one value");
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("a median needs at least one value");
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One round: the thing measured and what it is held against, one right after the other. */
export interface Round {
  readonly value: number;
  readonly baseline: number;
}

export interface Comparison {
  /** Medians over the rounds. */
  readonly value: number;
  readonly baseline: number;
  /** The median of the rounds' own ratios: what slows both of one round down cancels out. */
  readonly ratio: number;
  /** The least and the greatest of the rounds' own ratios. */
  readonly spread: readonly [least: number, greatest: number];
}

export function compareRounds(rounds: readonly Round[]): Comparison {
  const ratios = rounds.map(({ value, baseline }) => value / baseline);
  return {
    value: median(rounds.map(({ value }) => value)),
    baseline: median(rounds.map(({ baseline }) => baseline)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}
