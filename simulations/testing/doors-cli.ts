import { spawn } from "node:child_process";

import { CORRIDOR } from "./doors-network.ts";

/** What a command printed, and how it ended. */
export interface Ran {
  /** `null`: it did not end by itself in time. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Given on standard input, which then ends. */
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  readonly withinMs?: number;
}

const WITHIN_MS = 30_000;

/** Runs `corridor` as a person or a script would, in a process of its own. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { stdin = "", cwd, withinMs = WITHIN_MS } = options;
  const child = spawn(CORRIDOR, args, { stdio: ["pipe", "pipe", "pipe"], ...(cwd !== undefined && { cwd }) });
  const late = setTimeout(() => child.kill("SIGKILL"), withinMs);
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(late);
  return { code, out, err };
}

/** Does the work for every row, a few at once, and fails with the names of all rows whose work failed. */
export async function eachOf<Row extends readonly [what: string, ...rest: unknown[]]>(
  rows: readonly Row[],
  work: (row: Row) => Promise<void>,
  atOnce = 3,
): Promise<void> {
  const waiting = [...rows];
  const failed: string[] = [];
  const lane = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      try {
        await work(row);
      } catch (thrown) {
        failed.push(`${row[0]}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (failed.length > 0) throw new Error(`${failed.length} of ${rows.length} failed:\n${failed.join("\n")}`);
}
