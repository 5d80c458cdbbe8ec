/** What every row is given. */
export interface Bench {
  /** For data, on a real disk; kept between runs. */
  readonly folder: string;
  /** Shorter phases: for a look, not for a record. */
  readonly isQuick: boolean;
  /** Where the processes that are measured write CPU profiles; absent: they are not profiled. */
  readonly profileFolder: string | undefined;
  readonly say: (line: string) => void;
}

/** One line of the table and of out/bench.json. */
export interface Result {
  readonly name: string;
  /** `null`: could not be measured; the note says why. */
  readonly value: number | null;
  readonly unit: string;
  /** What the value is held against, in the same unit; `null`: nothing but the target. */
  readonly baseline: number | null;
  /** Value by baseline. */
  readonly ratio: number | null;
  /** The number in the bar. */
  readonly target: number | null;
  /** What must hold, in words: "ratio >= 0.6". */
  readonly bar: string;
  readonly met: boolean;
  /** Least and greatest of what the bar judges, over the rounds. */
  readonly spread?: readonly [least: number, greatest: number];
  /** Figures beside it that no bar judges. */
  readonly beside?: Readonly<Record<string, number>>;
  readonly note?: string;
}

export interface Row {
  /** Of the results, in their order. */
  readonly names: readonly string[];
  readonly measure: (bench: Bench) => Promise<readonly Result[]>;
}
