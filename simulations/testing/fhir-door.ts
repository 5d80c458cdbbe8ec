import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "node:https";

import { parse, stringify } from "yaml";

import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { type DoorNetwork, type DoorNode, makeDoorNetwork } from "./doors-network.ts";
import { findFreePorts } from "./free-ports.ts";

/** The system of a provider's own patient identifiers. */
export function systemOf(provider: string): string {
  return `https://${provider.toLowerCase()}.example/Id/patient`;
}

export interface FhirRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface FhirAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A node with a door for FHIR: a real process, real certificates. */
export interface FhirDoor {
  readonly network: DoorNetwork;
  readonly port: number;
  /** The process that runs now. */
  node(): DoorNode;
  /** Kills the node and starts it again. @param fileBlocksMax as for a node of doors: a disk that fills up. */
  restart(fileBlocksMax?: number): Promise<void>;
  /** @param tls whose certificate is shown; the feed's where absent. */
  send(order: FhirRequest, tls?: TlsFiles): Promise<FhirAnswer>;
  stop(): Promise<void>;
}

export async function startFhirDoor(): Promise<FhirDoor> {
  const network = await makeDoorNetwork();
  const port = await findFreePorts(1);
  writeFhirSettings(network, port);
  let node = await network.start();
  const agents = new Map<TlsFiles, Agent>();
  const feed = network.callerTls("feed");
  return {
    network,
    port,
    node: () => node,
    async restart(fileBlocksMax) {
      await node.kill();
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
      node = await network.start({}, fileBlocksMax);
    },
    send(order, tls = feed) {
      const agent = agents.get(tls) ?? agentOf(tls);
      agents.set(tls, agent);
      return send(port, agent, order);
    },
    async stop() {
      for (const agent of agents.values()) agent.destroy();
      await node.stop();
      network.remove();
    },
  };
}

/** Gives the node a door for FHIR on a port, and each provider a system of identifiers. */
export function writeFhirSettings(network: DoorNetwork, port: number): void {
  const settings = parse(readFileSync(network.configPath, "utf8")) as Record<string, unknown>;
  writeFileSync(network.configPath, stringify({ ...settings, fhir: { listen: `127.0.0.1:${port}` } }));
  const path = join(network.dir, "topology.yaml");
  const topology = parse(readFileSync(path, "utf8")) as { providers: { code: string; feeds: object[] }[] };
  for (const provider of topology.providers) {
    provider.feeds = provider.feeds.map((feed) => ({ ...feed, fhirIdentifierSystem: systemOf(provider.code) }));
  }
  writeFileSync(path, stringify(topology));
}

/** One connection, used again. The node's name in its certificate is not that of this machine's address. */
export function agentOf({ certificate, key, trust }: TlsFiles): Agent {
  return new Agent({
    cert: certificate,
    key,
    ca: trust,
    keepAlive: true,
    maxSockets: 1,
    checkServerIdentity: () => undefined,
  });
}

export function send(
  port: number,
  agent: Agent,
  { method = "PUT", path, headers, body }: FhirRequest,
): Promise<FhirAnswer> {
  const isChunked = headers?.["transfer-encoding"] !== undefined;
  const length = body === undefined || isChunked ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", port, agent, method, path, headers: { ...length, ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.once("error", reject);
      },
    );
    call.once("error", reject);
    call.end(body);
  });
}
