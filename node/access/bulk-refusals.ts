import type { Clock } from "../base/clock.ts";

const EVERY_MS = 60_000;

/** Refusals that one asker may make this node write by the thousand: in quarantine, or over its quota. */
export interface BulkRefusals {
  /** True of an asker's first in each minute: that one belongs in the audit. The others are counted. */
  readonly isFirst: (asker: string) => boolean;
  readonly close: () => void;
}

/**
 * Keeps an asker that goes on asking from filling the disk with what was never answered.
 *
 * @param tell told each minute of each asker that was refused more than once: how often, the first included.
 */
export function makeBulkRefusals(
  clock: Pick<Clock, "every">,
  tell: (asker: string, refused: number) => void,
): BulkRefusals {
  const counts = new Map<string, number>();
  const timer = clock.every(EVERY_MS, () => {
    for (const [asker, refused] of counts) if (refused > 1) tell(asker, refused);
    counts.clear();
  });
  return {
    isFirst(asker) {
      const refused = (counts.get(asker) ?? 0) + 1;
      counts.set(asker, refused);
      return refused === 1;
    },
    close: () => timer.cancel(),
  };
}
