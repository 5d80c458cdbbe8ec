import { writeFileSync } from "node:fs";

import Mocha from "mocha";

/** Where the counts go: set by `scripts/test.ts`, read back by it when mocha has ended. */
export const COUNTS_FILE = "CORRIDOR_TEST_COUNTS";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Full titles of skipped tests that do not say why. */
  readonly unexplained: readonly string[];
}

/** A skipped test says why in its title: "… (skipped where openssl is missing)". */
export function saysWhySkipped(title: string): boolean {
  return /\(skipped [^)]{3,}\)/.test(title);
}

/** Mocha's own `spec` output, and the counts in a file. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const unexplained: string[] = [];
    runner.on("pending", (test) => {
      if (!saysWhySkipped(test.fullTitle())) unexplained.push(test.fullTitle());
    });
    runner.once("end", () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      const counts: Counts = { passed, failed, skipped, unexplained };
      const file = process.env[COUNTS_FILE];
      if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    });
  }
}
