import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Runs `corridor` as a person would, in its own process, and gives what it printed. */
export async function corridor(args: readonly string[], signal?: AbortSignal): Promise<CommandResult> {
  const startedMs = performance.now();
  const child = spawn(CORRIDOR, args, { stdio: ["ignore", "pipe", "pipe"], ...(signal && { signal }) });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  return { exitCode, stdout, stderr, elapsedMs: performance.now() - startedMs };
}
