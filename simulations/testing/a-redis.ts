import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { findFreePorts } from "./free-ports.ts";

/** Why tests with a real Redis cannot be made here, in words that follow "since"; absent where they can. */
export const NO_REDIS: string | undefined =
  spawnSync("redis-server", ["--version"]).error === undefined ? undefined : "redis-server is missing";

const READY_WITHIN_MS = 20_000;

/** A real Redis of a test's own, on this machine, in a folder of its own. */
export interface TestRedis {
  readonly url: URL;
  /** Where its append-only file is: every change that was ever made. */
  readonly dir: string;
  /** Asks it something, over a connection of the test's own. */
  ask<Answer>(question: (client: Redis) => Promise<Answer>): Promise<Answer>;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again after it was killed, on the same port and files; resolves when it answers. */
  start(): Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts a Redis that writes each change to disk before it answers.
 *
 * @param more further settings, as on Redis' own command line; they win.
 * @param password which it then asks for.
 */
export async function startRedis(more: readonly string[] = [], password = ""): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), "corridor-redis-"));
  const port = await findFreePorts(1);
  const url = new URL(`redis://${password === "" ? "" : `:${password}@`}127.0.0.1:${port}`);
  const all = [...settings(dir, port), "--requirepass", password, ...more];
  let child: ChildProcess;
  const endWithTest = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithTest);
  const ask = async <Answer>(question: (client: Redis) => Promise<Answer>): Promise<Answer> => {
    const client = new Redis(url.href, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on("error", () => {});
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  };
  const isAnswering = (): Promise<boolean> =>
    ask(async (client) => (await client.ping()) === "PONG").catch(() => false);
  const start = async (): Promise<void> => {
    child = spawn("redis-server", all, { stdio: "ignore" });
    const untilMs = performance.now() + READY_WITHIN_MS;
    while (!(await isAnswering())) {
      if (child.exitCode !== null || performance.now() > untilMs) throw new Error("redis-server did not start");
      await sleep(20);
    }
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const stop = async (): Promise<void> => {
    await kill();
    process.off("exit", endWithTest);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    ...{ url, dir, ask, kill, start, stop },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}

function settings(dir: string, port: number): string[] {
  const given = {
    ...{ port, bind: "127.0.0.1", dir, save: "", appendonly: "yes", appendfsync: "always" },
    ...{ "maxmemory-policy": "noeviction", daemonize: "no" },
  };
  return Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
