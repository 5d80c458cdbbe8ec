/** Shares of the fastest samples that are looked at: what is slow for other reasons hides small differences. */
const KEPT = [1, 0.99, 0.9, 0.75, 0.5, 0.25, 0.1] as const;
/** Of fewer than so many nothing can be said. */
const SAMPLES_MIN = 50;

/**
 * How surely two sets of times differ, as dudect judges it (Reparaz and others, 2017): Welch's t of all samples and of those
 * below several percentiles of both together, whichever is greatest. Above 4.5 they differ.
 */
export function differenceOf(one: readonly number[], other: readonly number[]): number {
  const all = [...one, ...other].toSorted((a, b) => a - b);
  return Math.max(
    ...KEPT.map((share) => {
      const limit = all[Math.ceil(all.length * share) - 1] ?? 0;
      const below = (samples: readonly number[]): number[] => samples.filter((sample) => sample <= limit);
      return Math.abs(welchT(below(one), below(other)));
    }),
  );
}

function welchT(one: readonly number[], other: readonly number[]): number {
  if (one.length < SAMPLES_MIN || other.length < SAMPLES_MIN) return 0;
  const spread = varianceOf(one) / one.length + varianceOf(other) / other.length;
  const apart = meanOf(one) - meanOf(other);
  return apart === 0 ? 0 : apart / Math.sqrt(spread);
}

function meanOf(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

function varianceOf(samples: readonly number[]): number {
  const mean = meanOf(samples);
  return samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / (samples.length - 1);
}
