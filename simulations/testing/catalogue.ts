import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A row of the assurance catalogue: a hazard's test, and how often it is made. */
export interface CatalogueRow {
  /** As the catalogue has it: `D1`. */
  readonly id: string;
  readonly title: string;
  /** Trials in `make test`. */
  readonly quick: number;
  /** Trials in `make soak`: the catalogue's figure, never fewer. */
  readonly full: number;
  /** Trials of a slice, the piece that a stopped soak loses; a tenth of the full count where absent. */
  readonly slice?: number;
  /** For the quick count, and for each slice of the full one; two minutes where absent. */
  readonly timeoutMs?: number;
  /** Why this machine cannot make it, in words that follow "since"; absent where it can. Never silent. */
  readonly cannot?: string | undefined;
}

/** The trials to make now, `from` to `to` (not included). A trial's number gives its seed: the same fault each time. */
export interface Trials {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  seed(trial: number): string;
  [Symbol.iterator](): Iterator<number>;
}

/** What was seen. Of several slices, counts are added up and of the worst the greatest is kept. */
export interface Figures {
  readonly counts?: Readonly<Record<string, number>>;
  readonly worst?: Readonly<Record<string, number>>;
}

/** What a slice leaves in the soak's folder. */
export interface SliceResult extends Figures {
  readonly id: string;
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly full: number;
  readonly seconds: number;
  /** Of the source that was run, as git describes it. */
  readonly version: string;
}

/** Set by the soak: the folder of its results. */
export const SOAK_DIR = "CORRIDOR_SOAK_DIR";

/**
 * Defines the test of a row. With `COUNT=full` it is made in slices; those whose result stands in the soak's folder are
 * not made again, and of `SHARD=2/4` every fourth slice from the second on.
 *
 * @param run makes the trials that it is given, asserts the row's bar itself, and returns what it saw.
 */
export function catalogueRow(row: CatalogueRow, run: (trials: Trials) => Promise<Figures>): void {
  const name = `${row.id} ${row.title}`;
  if (row.cannot !== undefined) {
    it.skip(`${name} (skipped since ${row.cannot})`);
    return;
  }
  const dir = process.env[SOAK_DIR];
  const slices = process.env["COUNT"] === "full" ? slicesOf(row) : [[0, row.quick] as const];
  for (const [from, to] of slices) {
    const title = `${name} (${from + 1} to ${to} of ${row.full})`;
    const path = dir === undefined ? undefined : join(dir, `${row.id}.${from}-${to}.json`);
    if (path !== undefined && existsSync(path)) {
      it.skip(`${title} (skipped since it was made before: ${path})`);
      continue;
    }
    it(title, async function () {
      this.timeout(row.timeoutMs ?? 120_000);
      const beganMs = performance.now();
      const figures = await run(trialsOf(row.id, from, to));
      if (path === undefined) return;
      const seconds = Math.round(performance.now() - beganMs) / 1_000;
      const { id, full } = row;
      keep(path, { id, title: row.title, from, to, full, seconds, version: version(), ...figures });
    });
  }
}

function slicesOf({ full, slice = Math.ceil(full / 10) }: CatalogueRow): (readonly [number, number])[] {
  const [shard = 1, shards = 1] = (process.env["SHARD"] ?? "1/1").split("/").map(Number);
  const slices: (readonly [number, number])[] = [];
  for (let from = 0; from < full; from += slice) slices.push([from, Math.min(full, from + slice)]);
  return slices.filter((_, index) => index % shards === shard - 1);
}

function trialsOf(id: string, from: number, to: number): Trials {
  return {
    ...{ from, to, count: to - from },
    seed: (trial) => `${id}:${trial}`,
    *[Symbol.iterator]() {
      for (let trial = from; trial < to; trial++) yield trial;
    },
  };
}

/** In one step: a soak may be stopped at any moment. */
function keep(path: string, result: SliceResult): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function version(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
  } catch {
    return (JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string })
      .version;
  }
}
