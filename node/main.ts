/** The entry of `corridor`: introduces the commands to the rest, and nothing more. */
import { Command } from "commander";

import { systemClock, today } from "./base/clock.ts";
import { systemRandom } from "./base/random.ts";
import { PROTOCOL } from "./base/words.ts";
import { certsCommand } from "./cli/certs.ts";
import type { Connect, FeedFiles } from "./cli/client.ts";
import { doctorCommand } from "./cli/doctor.ts";
import { EXIT, reportFailure } from "./cli/exit.ts";
import { loadCommand } from "./cli/load.ts";
import { locateCommand } from "./cli/locate.ts";
import { manifestCommand } from "./cli/manifest.ts";
import { meshCommand } from "./cli/mesh/mesh-command.ts";
import { nodeCommand } from "./cli/node.ts";
import { readSettings } from "./config/settings.ts";
import { readFeedFile } from "./feeds/read-feed-file.ts";
import { makeRejects } from "./feeds/rejects.ts";
import { checkNode, startNode } from "./node.ts";
import { type Log, makeLog } from "./telemetry/log.ts";
import { connectCaller } from "./wire/caller-client.ts";

const feeds: FeedFiles = { read: (path) => readFeedFile(path, { today: today(systemClock) }), makeRejects };

const connect: Connect = (target) => connectCaller(target, systemClock);

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function onStop(untilStdinCloses: boolean, stop: () => void): void {
  for (const signal of STOP_SIGNALS) process.once(signal, stop);
  if (!untilStdinCloses) return;
  process.stdin.once("close", stop).once("error", stop).resume();
  process.stdin.unref(); // what waits for its end must not keep a stopped node alive
}

function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of STOP_SIGNALS) process.on(signal, () => stopping.abort());
  return stopping.signal;
}

/** One node of this process, by its configuration file. */
function start(configPath: string) {
  const settings = readSettings(configPath);
  const log = makeLog(settings.logLevel, (line) => process.stdout.write(line)).with({ node: settings.id });
  stopOnLostMistake(log);
  return startNode(settings, {
    clock: systemClock,
    random: systemRandom,
    log,
    protocol: PROTOCOL,
    onFatal(failure) {
      log.error("fatal", failure);
      process.exitCode = EXIT.failed;
      process.kill(process.pid, "SIGTERM"); // stop in order; whoever runs it starts it again
    },
  });
}

/** Nothing is to get this far: every handler is wrapped. If it does, the node stops in order and is started again. */
function stopOnLostMistake(log: Log): void {
  process.once("uncaughtException", (thrown) => {
    log.error("lost-mistake", thrown);
    process.exitCode = EXIT.failed;
    process.kill(process.pid, "SIGTERM");
  });
}

async function readStdin(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) text += String(chunk);
  return text;
}

const program = new Command("corridor")
  .description("federation nodes for England's shared care records")
  .exitOverride()
  .addCommand(nodeCommand({ check: (path) => checkNode(readSettings(path), systemClock), start, onStop }))
  .addCommand(meshCommand({ connect, feeds, clock: systemClock, stopSignal }))
  .addCommand(locateCommand({ connect, clock: systemClock, random: systemRandom, readStdin }))
  .addCommand(loadCommand({ connect, feeds, clock: systemClock }))
  .addCommand(certsCommand())
  .addCommand(manifestCommand())
  .addCommand(doctorCommand(systemClock));

/** Every command, however deep, reports wrong usage by exit code 2. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach((each) => overrideExit(each));
}
overrideExit(program);

try {
  await program.parseAsync();
} catch (thrown) {
  if (isUsage(thrown)) process.exitCode = thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
  else reportFailure(thrown);
}

// A handshake that the other end never answers would keep a finished command alive. This timer itself keeps nothing alive.
systemClock.after(1_000, () => process.exit());

function isUsage(thrown: unknown): thrown is { exitCode: number } {
  return thrown instanceof Error && "code" in thrown && String(thrown.code).startsWith("commander.");
}
