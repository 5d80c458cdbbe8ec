/** The entry of `corridor`: introduces the commands to the rest, and nothing more. */
import { Command } from "commander";

import { systemClock, today } from "./base/clock.ts";
import { systemRandom } from "./base/random.ts";
import { PROTOCOL } from "./base/words.ts";
import type { ClientTarget, Connect, FeedFiles } from "./cli/client.ts";
import { EXIT, reportFailure } from "./cli/exit.ts";
import type { PdsSettings, Settings } from "./config/settings.ts";
import type { NodeParts } from "./node.ts";
import type { Log } from "./telemetry/log.ts";

/** Each command loads what it needs and nothing else: a node at rest is to be small, and a question to start at once. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  async node() {
    const { nodeCommand } = await import("./cli/node.ts");
    const { readSettings } = await import("./config/settings.ts");
    const { checkNode, startNode } = await import("./node.ts");
    const { makeLog } = await import("./telemetry/log.ts");

    return nodeCommand({
      async check(path) {
        const settings = readSettings(path);
        await pdsOf(settings.pds);
        await nrlOf(settings);
        await checkNode(settings, systemClock);
      },
      async start(path) {
        const settings = readSettings(path);
        const log = makeLog(settings.logLevel, (line) => process.stdout.write(line)).with({ node: settings.id });
        return startNode(settings, { ...partsWith(log), ...(await pdsOf(settings.pds)), ...(await nrlOf(settings)) });
      },
      onStop,
    });
  },
  async mesh() {
    const { meshCommand } = await import("./cli/mesh/mesh-command.ts");
    return meshCommand({ connect, feeds: await feedFiles(), clock: systemClock, stopSignal });
  },
  async retrieve() {
    const { retrieveCommand } = await import("./cli/retrieve.ts");
    return retrieveCommand({ connect, clock: systemClock, random: systemRandom, readStdin });
  },
  async locate() {
    const { locateCommand } = await import("./cli/locate.ts");
    const { readVerdict } = await import("./wire/signed-verdict.ts");
    return locateCommand({
      ...{ connect, clock: systemClock, random: systemRandom, readStdin, readVerdict },
      async requestAccess(target, wish) {
        const client = await connectForEmergency(target);
        try {
          return await client.requestAccess(wish);
        } finally {
          client.close();
        }
      },
    });
  },
  token: async () => (await import("./cli/token.ts")).tokenCommand(systemClock),
  async search() {
    const { searchCommand } = await import("./cli/search.ts");
    return searchCommand({ connect, random: systemRandom });
  },
  async load() {
    const { loadCommand } = await import("./cli/load.ts");
    return loadCommand({ connect, feeds: await feedFiles(), clock: systemClock, random: systemRandom, stopSignal });
  },
  async objection() {
    const { objectionCommand } = await import("./cli/objection.ts");
    const load = await COMMANDS["load"]!();
    return objectionCommand({ connect, clock: systemClock, random: systemRandom, readStdin, load });
  },
  async mpi() {
    const { mpiCommand } = await import("./cli/mpi.ts");
    const { connectReviewer } = await import("./wire/mpi-client.ts");
    const connectAsReviewer = async (target: ClientTarget) => connectReviewer(target, systemClock);
    const { trainCommand } = await import("./cli/mpi-train.ts");
    const { explainCommand } = await import("./cli/mpi-explain.ts");
    return mpiCommand({ connect: connectAsReviewer, random: systemRandom, readStdin })
      .addCommand(trainCommand())
      .addCommand(explainCommand());
  },
  async peer() {
    const { peerCommand } = await import("./cli/peer.ts");
    const { connectOperator } = await import("./wire/peers-client.ts");
    return peerCommand({ connect: async (target) => connectOperator(target, systemClock), random: systemRandom });
  },
  async emergency() {
    const { emergencyCommand } = await import("./cli/emergency.ts");
    return emergencyCommand({ connect: connectForEmergency, random: systemRandom });
  },
  access: async () => (await import("./cli/access.ts")).accessCommand(systemClock),
  people: async () => (await import("./cli/people.ts")).peopleCommand({ clock: systemClock }),
  link: async () => (await import("./cli/link.ts")).linkCommand({ clock: systemClock }),
  async certs() {
    const { certsCommand } = await import("./cli/certs.ts");
    const { serveCommand } = await import("./cli/certs-serve.ts");
    const { makeLog } = await import("./telemetry/log.ts");
    const log = makeLog("info", (line) => process.stdout.write(line));
    return certsCommand().addCommand(serveCommand({ clock: systemClock, log, stopSignal }));
  },
  presence: async () => (await import("./cli/presence.ts")).presenceCommand(),
  manifest: async () => (await import("./cli/manifest.ts")).manifestCommand(),
  backup: async () => (await import("./cli/backup.ts")).backupCommand(systemClock),
  "backup-key": async () => (await import("./cli/backup.ts")).backupKeyCommand(),
  restore: async () => (await import("./cli/restore.ts")).restoreCommand(systemClock),
  audit: async () => (await import("./cli/audit.ts")).auditCommand({ random: systemRandom, readStdin }),
  async doctor() {
    const { doctorCommand } = await import("./cli/doctor.ts");
    const { greeterOf } = await import("./wire/peer-greeter.ts");
    return doctorCommand(systemClock, (settings, manifest) => greeterOf(settings.certsDir, manifest, systemClock));
  },
};

/** Loaded only where it is set up: most nodes do without. */
async function pdsOf(pds: PdsSettings | undefined): Promise<Pick<NodeParts, "pds">> {
  if (pds === undefined) return {};
  const { openPds } = await import("./mpi/pds-setup.ts");
  return { pds: openPds(pds, { fetch, clock: systemClock, random: systemRandom }) };
}

/** Likewise. By the application of the demographics service, without which settings name no locator. */
async function nrlOf({ nrl, pds }: Settings): Promise<Pick<NodeParts, "nrl">> {
  if (nrl === undefined || pds === undefined) return {};
  const { openNrl } = await import("./nrl/nrl-setup.ts");
  return { nrl: openNrl(nrl, pds, { fetch, clock: systemClock, random: systemRandom }) };
}

async function feedFiles(): Promise<FeedFiles> {
  const { readFeedFile } = await import("./feeds/read-feed-file.ts");
  const { makeRejects } = await import("./feeds/rejects.ts");
  return {
    read: (path, { sender = {}, ...reading } = {}) =>
      readFeedFile(path, { today: today(systemClock), sender }, reading),
    makeRejects,
  };
}

async function connectForEmergency(target: ClientTarget) {
  const { connectForEmergency: open } = await import("./wire/emergency-client.ts");
  return open(target, systemClock);
}

const connect: Connect = async (target) => {
  const { connectCaller } = await import("./wire/caller-client.ts");
  return connectCaller(target, systemClock);
};

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

/** What a node of this process is given. */
function partsWith(log: Log): NodeParts {
  stopOnLostMistake(log);
  return {
    clock: systemClock,
    random: systemRandom,
    log,
    protocol: PROTOCOL,
    onFatal(failure) {
      log.error("fatal", failure);
      process.exitCode = EXIT.failed;
      process.kill(process.pid, "SIGTERM"); // stop in order; whoever runs it starts it again
    },
  };
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

const program = new Command("corridor").description("federation nodes for England's shared care records");
const [, , named = ""] = process.argv;
for (const [name, load] of Object.entries(COMMANDS)) {
  if (!Object.hasOwn(COMMANDS, named) || name === named) program.addCommand(await load());
}

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
