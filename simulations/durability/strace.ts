import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** Why this machine cannot look at a process's system calls; `undefined` where it can. */
export function whyNoStrace(): string | undefined {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "strace is missing, or may not trace here";
  }
}

/** One system call of a traced process. Times are milliseconds since the epoch. */
export interface SystemCall {
  readonly name: string;
  /** Everything between the brackets, as strace writes it: `21</data/index.db-wal>, ""..., 4096, 32`. */
  readonly args: string;
  readonly result: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface Trace {
  /** Ends the tracing; the process runs on. */
  stop(): Promise<void>;
}

export interface TraceOrder {
  /** Where strace writes. */
  readonly out: string;
  readonly calls: string;
  /** As strace's own option has it: `fdatasync:error=EIO:when=3+`. Counted for each thread from now on. */
  readonly inject?: string;
  /** Bytes written out of each text. */
  readonly textBytes?: number;
}

/** Attaches to a running process, its threads and those to come. */
export async function traceProcess(pid: number, { out, calls, inject, textBytes = 0 }: TraceOrder): Promise<Trace> {
  const injected = inject === undefined ? [] : ["-e", `inject=${inject}`];
  const form = ["-f", "-ttt", "-y", "-xx", "-s", String(textBytes)];
  const args = [...form, "-e", `trace=${calls}`, ...injected, "-o", out, "-p", String(pid)];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => strace.once("close", () => resolve()));
  await untilAttached(strace);
  return {
    async stop() {
      strace.kill("SIGINT");
      await ended;
    },
  };
}

function untilAttached(strace: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    strace.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("attached")) resolve();
    });
    strace.once("close", () => reject(new Error(`strace did not attach: ${said}`)));
  });
}

const LINE = /^(\d+)\s+(\d+\.\d+) (.*)$/;
const WHOLE = /^(\w+)\((.*)\)\s+= (.+)$/;
const BEGUN = /^(\w+)\((.*?)\s*<unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)\)\s+= (.+)$/;

/** Reads what strace wrote, in the order in which the calls ended. One that never ended is left out. */
export function readTrace(path: string): SystemCall[] {
  const begun = new Map<string, { readonly args: string; readonly startedMs: number }>();
  const calls: SystemCall[] = [];
  for (const line of readFileSync(path, "latin1").split("\n")) {
    const [, thread = "", time = "", rest = ""] = LINE.exec(line) ?? [];
    const atMs = Number(time) * 1_000;
    const whole = WHOLE.exec(rest);
    const unfinished = BEGUN.exec(rest);
    const resumed = RESUMED.exec(rest);
    if (resumed !== null) {
      const [, name = "", args = "", result = ""] = resumed;
      const start = begun.get(thread) ?? { args: "", startedMs: 0 };
      calls.push({ name, args: start.args + args, result, startedMs: start.startedMs, endedMs: atMs });
    } else if (unfinished !== null) {
      begun.set(thread, { args: unfinished[2] ?? "", startedMs: atMs });
    } else if (whole !== null) {
      const [, name = "", args = "", result = ""] = whole;
      calls.push({ name, args, result, startedMs: atMs, endedMs: atMs });
    }
  }
  return calls;
}

/** The file that a call is about, or the kind of its socket; empty where there is none. */
export function targetOf({ args }: SystemCall): string {
  const target = /^\d+<((?:\\x[0-9a-f]{2})+|[^>]*)>/.exec(args)?.[1] ?? "";
  return target.startsWith("\\x") ? bytesOf(target).toString() : target;
}

/** The bytes of a text that strace wrote in hexadecimal. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
