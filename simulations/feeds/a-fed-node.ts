import { readFileSync, writeFileSync } from "node:fs";

import { parse, stringify } from "yaml";

import { run } from "../testing/doors-cli.ts";
import { type DoorNetwork, type DoorNode, makeDoorNetwork, PROVIDER } from "../testing/doors-network.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { adt, type AdtOrder } from "../hl7/adt.ts";
import { type Hl7Line, openLine } from "../hl7/hl7-line.ts";

/** A node that a hospital feeds by HL7 v2: a real process, real certificates. */
export interface FedNode {
  readonly network: DoorNetwork;
  /** The process that runs now. */
  node(): DoorNode;
  /** Kills it, if it still runs, and starts it again. */
  restart(): Promise<void>;
  line(): Promise<Hl7Line>;
  /** An ADT message of the hospital's. */
  message(event: string, localId: string, more?: Partial<AdtOrder>): string;
  /** `corridor mpi …` by one of its callers, with its result as JSON. */
  mpi(
    caller: "operator" | "reviewer" | "feed",
    ...args: string[]
  ): Promise<{ code: number | null; result: unknown; err: string }>;
  stop(): Promise<void>;
}

/** The feed's name in the node's settings. */
export const FEED = "pas";

export async function startFedNode(): Promise<FedNode> {
  const network = await makeDoorNetwork();
  const port = await findFreePorts(1);
  const settings = parse(readFileSync(network.configPath, "utf8")) as object;
  const feeds = [{ sender: "feed", name: FEED, application: "PAS", provider: PROVIDER }];
  writeFileSync(network.configPath, stringify({ ...settings, hl7: { listen: `127.0.0.1:${port}`, feeds } }));
  let node = await network.start();
  let sent = 0;
  return {
    network,
    node: () => node,
    async restart() {
      await node.kill();
      node = await network.start();
    },
    line: () => openLine(port, network.callerTls("feed")),
    message: (event, localId, more = {}) =>
      adt({ event, localId, provider: PROVIDER, controlId: `M${++sent}`, ...more }),
    async mpi(caller, ...args) {
      const to = [
        "--via",
        `https://127.0.0.1:${node.port}`,
        "--certs",
        network.callerDir(caller),
        "--reason",
        "a test",
      ];
      const { code, out, err } = await run(["mpi", ...args, ...to, "--role", "R8010", "--json"]);
      return { code, err, result: out === "" ? undefined : (JSON.parse(out) as unknown) };
    },
    async stop() {
      await node.stop();
      network.remove();
    },
  };
}
