/**
 * Makes the rows of the assurance catalogue at their full counts, and prints what was seen. A row is made in slices, each
 * kept in out/soak as soon as it passed: a soak that was stopped goes on where it was. Exit 0 when every trial of every
 * row was made and passed.
 *
 * COUNT=quick: the counts of `make test`, made anew each time. ONLY=D1,N2: these rows. SHARD=2/4: every fourth slice from
 * the second on, for several machines; put their out/soak together and run it once more to see the whole table.
 */
import { spawn } from "node:child_process";
import { globSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { SOAK_DIR, type SliceResult } from "./testing/catalogue.ts";

const root = join(import.meta.dirname, "..");
const count = process.env["COUNT"] === "quick" ? "quick" : "full";
const only = process.env["ONLY"]?.split(",").filter((id) => id !== "") ?? [];
const dir = join(root, "out", count === "quick" ? "soak-quick" : "soak");
if (count === "quick") rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });

let failed = 0;
for (const file of catalogueFiles()) {
  if ((await runFile(file)) !== 0) failed++;
}
const made = printTable();
if (failed > 0) console.log(`\n${failed} of the files above did not pass: see their output.`);
process.exitCode = failed === 0 && (made || process.env["SHARD"] !== undefined) ? 0 : 1;

/** The tests that define rows; where only some rows are wanted, those that name one of them. */
function catalogueFiles(): string[] {
  return globSync("{node,certs,topology,simulations}/**/*.test.ts", { cwd: root })
    .toSorted()
    .filter((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return text.includes("catalogueRow(") && (only.length === 0 || only.some((id) => text.includes(`"${id}"`)));
    });
}

async function runFile(file: string): Promise<number> {
  console.log(`\n${file}`);
  const wanted = only.length === 0 ? [] : ["--grep", `(^|\\s)(${only.join("|")}) `];
  // A timer that some library left behind is not waited for: the next file is.
  const run = spawn(join(root, "node_modules/.bin/mocha"), ["--exit", ...wanted, file], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, COUNT: count, [SOAK_DIR]: dir },
  });
  return new Promise((resolve) => run.once("exit", (code) => resolve(code ?? 1)));
}

/** @returns whether every trial of every row that is there was made. */
function printTable(): boolean {
  const slices = readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(dir, name), "utf8")) as SliceResult);
  const rows = Map.groupBy(slices, ({ id }) => id);
  console.log(`\nrow   made of full        seconds  what was seen (version)`);
  let whole = rows.size > 0;
  for (const id of [...rows.keys()].toSorted(byLetterThenNumber)) {
    const of = rows.get(id)!;
    const [trials, seconds] = [total(of, ({ from, to }) => to - from), total(of, (slice) => slice.seconds)];
    const { full, title } = of[0]!;
    if (count === "full" && trials < full) whole = false;
    const versions = [...new Set(of.map(({ version }) => version))].join(", ");
    const part = `${trials} of ${full}`.padEnd(18);
    console.log(`${id.padEnd(5)} ${part} ${seconds.toFixed(0).padStart(8)}  ${title}: ${figuresOf(of)} (${versions})`);
  }
  return whole;
}

function figuresOf(slices: readonly SliceResult[]): string {
  const seen = new Map<string, number>();
  for (const { counts = {}, worst = {} } of slices) {
    for (const [name, value] of Object.entries(counts)) seen.set(name, (seen.get(name) ?? 0) + value);
    for (const [name, value] of Object.entries(worst)) seen.set(name, Math.max(seen.get(name) ?? value, value));
  }
  return [...seen].map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toFixed(1)}`).join(", ");
}

function total<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((sum, each) => sum + of(each), 0);
}

/** D2 before D10, D10 before N1. */
function byLetterThenNumber(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}
