import { connect } from "node:net";

import type { Client } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import { type Manifest, type Member, manifestState } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { PROTOCOL, type ProtocolVersion } from "../base/words.ts";
import { type GreetPeer, type Greeting, NotGreeted } from "../requests/peers.ts";
import { checkMember } from "../trust/check-member.ts";
import { type PeerIdentity, chainOfCertificate, identifyPeer } from "../trust/peer-identity.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { openChannel } from "./channel.ts";
import { PeerServiceService } from "./generated/corridor/v1/peer_service.ts";
import { type TlsFiles, clientContext, readNodeTls } from "./tls-files.ts";

const ADDRESS_WITHIN_MS = 2_000;
const GREETED_WITHIN_MS = 5_000;

export interface PeerGreeterOrder {
  readonly domain: string;
  readonly tls: () => TlsFiles;
  readonly clock: Clock;
  readonly protocol: ProtocolVersion;
  /** Throws a Failure where this peer is not that member, by the directory in force. */
  readonly checkMember: (member: Member, identity: PeerIdentity) => void;
}

/** Makes greetings, each on a connection of its own, so that address, certificate and admission are looked at anew. */
export function makePeerGreeter(order: PeerGreeterOrder): GreetPeer {
  return async (member) => {
    const endpoint = member.endpoints[0] ?? "";
    await knock(endpoint);
    let proven = false;
    let unproven: Failure | undefined;
    const client = openChannel({
      ...{ endpoint, serverName: nodeDns(order.domain, member.id), clock: order.clock },
      context: clientContext(order.tls()),
      answerBytesMax: REQUEST_BYTES_MAX,
      checkServer(_host, certificate) {
        try {
          order.checkMember(member, identifyPeer(chainOfCertificate(certificate), order.domain));
          proven = true;
          return undefined;
        } catch (thrown) {
          unproven = asFailure(thrown);
          return unproven;
        }
      },
    });
    try {
      return await greet(client, order);
    } catch (thrown) {
      const failure = asFailure(thrown);
      throw proven ? new NotGreeted("admission", failure) : new NotGreeted("certificate", unproven ?? failure);
    } finally {
      client.close();
    }
  };
}

/** The same for a tool that has a node's certificate and a manifest, and no running node. */
export function greeterOf(certsDir: string, manifest: Manifest, clock: Clock): GreetPeer {
  const ageMs = clock.wallMs() - Date.parse(manifest.issuedAt);
  const inForce = () => ({ manifest, ageMs, state: manifestState(ageMs), atMs: clock.wallMs() });
  const directory = { inForce, member: (id: string) => manifest.members.find((each) => each.id === id) };
  const { domain } = manifest.network;
  return makePeerGreeter({
    ...{ domain, tls: () => readNodeTls(certsDir), clock, protocol: PROTOCOL },
    checkMember: (member, identity) => checkMember(member, identity, directory),
  });
}

/** Whether anything takes connections there, whoever it is. */
function knock(endpoint: string): Promise<void> {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(endpoint) ?? [];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ""), port: Number(port), timeout: ADDRESS_WITHIN_MS });
    const fail = (why: string): void => {
      socket.destroy();
      reject(new NotGreeted("address", new Failure("unreachable", `${endpoint} ${why}.`)));
    };
    socket.once("connect", () => (socket.destroy(), resolve()));
    socket.once("timeout", () => fail(`takes no connection within ${ADDRESS_WITHIN_MS / 1_000} s`));
    socket.once("error", ({ message }) => fail(`cannot be reached (${message})`));
  });
}

async function greet(client: Client, { clock, protocol }: PeerGreeterOrder): Promise<Greeting> {
  const request = { protocol: { ...protocol } };
  const deadline = clock.wallMs() + GREETED_WITHIN_MS;
  await askOnce(client, PeerServiceService.greet, request, deadline); // makes the connection, whose time would be counted too
  const askedMs = clock.monotonicMs();
  const said = await askOnce(client, PeerServiceService.greet, request, deadline);
  const wayBackMs = (clock.monotonicMs() - askedMs) / 2;
  return {
    nodeId: said.nodeId,
    wallMs: Number(said.wallMs) + wayBackMs,
    protocol: said.protocol ?? { major: 0, minor: 0 },
    directorySequence: Number(said.directorySequence),
    agreementIds: said.agreementIds,
    quarantined: said.quarantined,
  };
}
