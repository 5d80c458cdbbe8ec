import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";

const READY_WITHIN_MS = 30_000;
/** More for each further node of the process: they start one after the other. */
const READY_FURTHER_MS = 15_000;
const STOP_WITHIN_MS = 5_000;
const LAST_LINES_KEPT = 5;

/** One child process that runs one or more nodes, its log kept in a file. */
export interface NodeProcess {
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Asks it to drain and stop; ends it if it does not. */
  stop(): Promise<void>;
}

export interface NodeProcessSpec {
  readonly command: readonly [program: string, ...args: string[]];
  readonly configs: readonly string[];
  readonly logFile: string;
  /** Words for errors: which nodes these are. */
  readonly name: string;
}

/**
 * Starts `corridor node` and waits until every node in it listens.
 *
 * The child's standard input stays open as long as this process lives, so that a node never outlives the one who started
 * it.
 *
 * @throws {Failure} `configuration` with the node's last words where it ended before it listened.
 */
export async function startNodeProcess(spec: NodeProcessSpec, clock: Clock, signal: AbortSignal): Promise<NodeProcess> {
  signal.throwIfAborted();
  const [program, ...args] = spec.command;
  const configs = spec.configs.flatMap((config) => ["--config", config]);
  const child = spawn(program, [...args, "node", ...configs, "--until-stdin-closes"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {}); // it may end first
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const abandon = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", abandon, { once: true });
  try {
    await untilReady(child, spec, clock);
  } catch (thrown) {
    child.kill("SIGKILL");
    await ended;
    throw thrown;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
  return {
    pid: child.pid ?? 0,
    ended,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGCONT"); // a frozen process cannot stop
      child.kill("SIGTERM");
      const late = clock.after(STOP_WITHIN_MS, () => child.kill("SIGKILL"));
      await ended;
      late.cancel();
    },
  };
}

function untilReady(child: ChildProcess, spec: NodeProcessSpec, clock: Clock): Promise<void> {
  const log = createWriteStream(spec.logFile, { flags: "a", mode: 0o600 });
  const last: string[] = [];
  return new Promise((resolve, reject) => {
    let listening = 0;
    const fail = (what: string): void =>
      reject(new Failure("configuration", `${spec.name} ${what}: ${last.join(" | ")}`, { where: spec.logFile }));
    const withinMs = READY_WITHIN_MS + (spec.configs.length - 1) * READY_FURTHER_MS;
    const late = clock.after(withinMs, () => fail(`did not listen within ${withinMs / 1000} s`));
    const read = (stream: NodeJS.ReadableStream | null): void => {
      if (stream === null) return;
      createInterface({ input: stream }).on("line", (line) => {
        log.write(`${line}\n`);
        last.push(line);
        if (last.length > LAST_LINES_KEPT) last.shift();
        if (!line.includes('"event":"listening"') || ++listening < spec.configs.length) return;
        late.cancel();
        resolve();
      });
    };
    read(child.stdout);
    read(child.stderr);
    child.once("error", (cause) => fail(`could not be started (${cause.message})`));
    child.once("close", () => {
      late.cancel();
      log.end();
      fail("ended before it listened");
    });
  });
}
