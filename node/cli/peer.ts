import { Command } from "commander";

import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { ClientTarget } from "./client.ts";
import { EXIT, reportFailure } from "./exit.ts";
import { FEED_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { type Peers, type Step, peerLines, stepLines } from "./peer-lines.ts";
import { findTarget } from "./target.ts";

/** Who operates, and why. */
interface By {
  readonly userId: string;
  readonly reason: string;
  readonly requestId: string;
}

/** What the commands need of a node's door for operators. Every method throws {@link Failure} as the node said. */
export interface OperatorClient {
  listPeers(by: By): Promise<Peers>;
  /** @param forSeconds 0 = until somebody releases it. */
  quarantinePeer(by: By, nodeId: string, forSeconds: number): Promise<void>;
  /** @returns false where it was not in quarantine. */
  releasePeer(by: By, nodeId: string): Promise<boolean>;
  testPeer(by: By, nodeId: string): Promise<readonly Step[]>;
  close(): void;
}

export interface PeerCommandNeeds {
  readonly connect: (target: ClientTarget) => Promise<OperatorClient>;
  readonly random: Random;
}

interface CommonOptions {
  readonly via: string;
  readonly user: string;
  readonly reason: string;
  readonly certs?: string;
  readonly mesh: string;
  readonly json?: true;
}

/** `corridor peer`: the other nodes, as one node has them. */
export function peerCommand(needs: PeerCommandNeeds): Command {
  return new Command("peer")
    .description("the other nodes, as one node has them: their clocks, the way to them, and whom not to answer")
    .addCommand(listCommand(needs))
    .addCommand(testCommand(needs))
    .addCommand(quarantineCommand(needs))
    .addCommand(releaseCommand(needs));
}

function listCommand(needs: PeerCommandNeeds): Command {
  const command = new Command("list").description("every other member; whose clock is off; who is not answered");
  return withCommon(command, "looked at the peers").action((options: CommonOptions) =>
    running(options, needs, async (client, by) => {
      const listed = await client.listPeers(by);
      print(options, spelledOut(listed), () => peerLines(listed));
    }),
  );
}

function testCommand(needs: PeerCommandNeeds): Command {
  const command = new Command("test").description("goes to a peer as a question would, and names each step");
  return withCommon(command, "tested the way to a peer")
    .argument("<id>", "the peer's node id")
    .action((nodeId: string, options: CommonOptions) =>
      running(options, needs, async (client, by) => {
        const steps = await client.testPeer(by, nodeId);
        print(options, steps, () => stepLines(steps));
        if (steps.some(({ state }) => state === "fault")) process.exitCode = EXIT.failed;
      }),
    );
}

interface QuarantineOptions extends CommonOptions {
  readonly for?: string;
}

function quarantineCommand(needs: PeerCommandNeeds): Command {
  const command = new Command("quarantine").description("answers nothing that a peer asks, from this moment on");
  return withCommon(command)
    .argument("<id>", "the peer's node id")
    .option("--for <time>", "ends by itself after this, for example 30m, 1h, 7d; otherwise when released")
    .action((nodeId: string, options: QuarantineOptions) =>
      running(options, needs, async (client, by) => {
        await client.quarantinePeer(by, nodeId, secondsOf(options.for));
        const until = options.for === undefined ? "until it is released" : `for ${options.for}`;
        print(options, { nodeId, quarantined: true }, () => [`${nodeId} is not answered any more, ${until}.`]);
      }),
    );
}

function releaseCommand(needs: PeerCommandNeeds): Command {
  return withCommon(new Command("release").description("answers a peer again"))
    .argument("<id>", "the peer's node id")
    .action((nodeId: string, options: CommonOptions) =>
      running(options, needs, async (client, by) => {
        const wasQuarantined = await client.releasePeer(by, nodeId);
        const text = wasQuarantined ? `${nodeId} is answered again.` : `${nodeId} was not in quarantine.`;
        print(options, { nodeId, wasQuarantined }, () => [text]);
      }),
    );
}

/** @param usualReason where nobody need say why. */
function withCommon(command: Command, usualReason?: string): Command {
  const reason = "why, in your words; it is audited";
  return (
    usualReason === undefined
      ? command.requiredOption("--reason <text>", reason)
      : command.option("--reason <text>", reason, usualReason)
  )
    .requiredOption("--via <url|id>", "the node: its id in a mesh on this machine, or https://HOST:PORT")
    .option("--user <id>", "who operates", process.env["USER"] ?? "operator")
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .option("--json", "print JSON instead of lines");
}

async function running(
  options: CommonOptions,
  { connect, random }: PeerCommandNeeds,
  work: (client: OperatorClient, by: By) => Promise<void>,
): Promise<void> {
  try {
    const client = await connect(findTarget(options, FEED_CALLER.name));
    try {
      await work(client, { userId: options.user, reason: options.reason, requestId: random.uuid() });
    } finally {
      client.close();
    }
  } catch (thrown) {
    reportFailure(thrown);
  }
}

const SECONDS = { m: 60, h: 3_600, d: 86_400 } as const;

/** 0 where none was given. */
function secondsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const [, count = "", unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (unit === "") throw new Failure("invalid-input", "--for must be a time like 30m, 1h or 7d.");
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

function print({ json }: CommonOptions, value: unknown, lines: () => readonly string[]): void {
  console.log(json === undefined ? lines().join("\n") : JSON.stringify(value, undefined, 2));
}

/** As numbers: all of them are far below what JSON's numbers can hold. */
function spelledOut({ peers, directorySequence, ...rest }: Peers): object {
  return {
    ...rest,
    directorySequence: Number(directorySequence),
    peers: peers.map(({ clockAheadMs, restingForMs, quarantine, ...peer }) => ({
      ...{ nodeId: peer.nodeId, status: peer.status, heard: peer.heard },
      ...(peer.heard && { clockAheadMs: Number(clockAheadMs), directorySequence: Number(peer.directorySequence) }),
      ...(peer.directoryLagMs !== undefined && { directoryLagMs: Number(peer.directoryLagMs) }),
      ...(peer.presenceAgeMs !== undefined && { presenceAgeMs: Number(peer.presenceAgeMs) }),
      ...(peer.rests && { restingForMs: Number(restingForMs) }),
      ...(quarantine !== undefined && {
        quarantine: {
          ...{ reason: quarantine.reason, userId: quarantine.userId, sinceMs: Number(quarantine.sinceMs) },
          ...(quarantine.untilMs > 0n && { untilMs: Number(quarantine.untilMs) }),
        },
      }),
    })),
  };
}
