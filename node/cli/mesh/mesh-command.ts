import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { Command } from "commander";

import { readTopology } from "../../../topology/topology.ts";
import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import type { Connect, FeedFiles } from "../client.ts";
import { reportFailure } from "../exit.ts";
import { loadPeople } from "./load-people.ts";
import { startMesh } from "./mesh.ts";
import { MESH_DIR } from "./mesh-file.ts";

const PORT_BASE = "7400";

export interface MeshCommandNeeds {
  readonly connect: Connect;
  readonly feeds: FeedFiles;
  readonly clock: Clock;
  /** Aborts on the first wish to stop. */
  readonly stopSignal: () => AbortSignal;
}

interface UpOptions {
  readonly data: string;
  readonly portBase: string;
  readonly nodesPerProcess: string;
  readonly people?: string;
  readonly sandbox?: true;
}

/** `corridor mesh`: a whole network on this machine. */
export function meshCommand(needs: MeshCommandNeeds): Command {
  const up = new Command("up")
    .description("start every node of a topology on this machine and keep them up until Ctrl-C")
    .argument("<topology>", "the topology file")
    .option("--data <dir>", "where certificates, data and logs are kept", MESH_DIR)
    .option("--port-base <port>", "the first node's port; each node takes the next", PORT_BASE)
    .option("--nodes-per-process <n>", "how many nodes share a process", "1")
    .option(
      "--people <dir>",
      "people to load at the first start (default: beside the topology, <its name>.people or people)",
    )
    .option(
      "--sandbox",
      "for integrators: a door for FHIR, and patients with whom to meet each kind of answer; begins anew at every start",
    )
    .action(async (topology: string, options: UpOptions) => {
      try {
        await run(topology, options, needs);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
  return new Command("mesh").description("a whole record network on this machine").addCommand(up);
}

async function run(topologyPath: string, options: UpOptions, needs: MeshCommandNeeds): Promise<void> {
  const { clock } = needs;
  const signal = needs.stopSignal();
  const say = (line: string): void => console.log(line);
  // A sandbox begins anew at every start, so that its feeds are as fresh as they should be.
  if (options.sandbox) rmSync(join(options.data, "nodes"), { recursive: true, force: true });
  const isFirstStart = !existsSync(join(options.data, "nodes"));
  const portBase = parseCount("--port-base", options.portBase, 1_024, 65_000);
  const nodesPerProcess = parseCount("--nodes-per-process", options.nodesPerProcess, 1, 64);
  const peopleDir = options.people ?? peopleBeside(topologyPath);
  const sandbox = options.sandbox && (await sandboxOf(topologyPath, options.data, peopleDir, portBase, clock));
  const mesh = await startMesh({
    ...{ topologyPath, dataDir: options.data, portBase, nodesPerProcess, clock, say, signal },
    ...(sandbox && { settings: sandbox.settings }),
  });
  try {
    if (isFirstStart && existsSync(peopleDir)) {
      say(`People: ${await loadPeople({ mesh, peopleDir, ...needs, signal })} items loaded, all synthetic.`);
    }
    for (const line of sandbox?.lines ?? []) say(line);
    say("The record network is up. Ask it from another terminal with 'bin/corridor locate'; Ctrl-C stops it.");
    await untilStopped(
      mesh.nodes.map(({ id, process }) => ({ id, ended: process.ended })),
      signal,
    );
  } finally {
    await mesh.stop();
    say("Everything that was started has been stopped.");
  }
}

/** Its doors listen beside the nodes, on the next two ports. */
async function sandboxOf(topologyPath: string, dataDir: string, peopleDir: string, portBase: number, clock: Clock) {
  const { prepareSandbox } = await import("./sandbox.ts");
  const topology = readTopology(topologyPath);
  return prepareSandbox({ topology, dataDir, peopleDir, port: portBase + topology.nodes.length, clock });
}

/** A topology may have people of its own, in `<its name>.people`; otherwise those of its folder are meant. */
function peopleBeside(topologyPath: string): string {
  const own = topologyPath.replace(/\.ya?ml$/, ".people");
  return own !== topologyPath && existsSync(own) ? own : join(dirname(topologyPath), "people");
}

/** Ends when a stop is wished, or complains when a node ends by itself. */
async function untilStopped(
  nodes: readonly { id: string; ended: Promise<void> }[],
  signal: AbortSignal,
): Promise<void> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const lost = await Promise.race([stopped, ...nodes.map(({ id, ended }) => ended.then(() => id))]);
  if (lost !== undefined && !signal.aborted) {
    throw new Failure("internal", `The node ${lost} has ended by itself: its log says why.`);
  }
}

function parseCount(option: string, text: string, min: number, max: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= min && count <= max) return count;
  throw new Failure("invalid-input", `${option} must be a whole number from ${min} to ${max}.`);
}
