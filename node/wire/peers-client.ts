import type { MethodDefinition } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import { askOnce } from "./ask-once.ts";
import { type CallerTarget, openCallerChannel } from "./caller-client.ts";
import {
  type ListPeersResponse,
  type Operator,
  PeerServiceService,
  type TestPeerResponse,
} from "./generated/corridor/v1/peer_service.ts";

/** To test a peer may take the time of a connection and a greeting. */
const WITHIN_MS = 20_000;

/** An operator's side of a node's door. Every method throws {@link Failure} as the node said. */
export interface PeersClient {
  listPeers(by: Operator): Promise<ListPeersResponse>;
  quarantinePeer(by: Operator, nodeId: string, forSeconds: number): Promise<void>;
  releasePeer(by: Operator, nodeId: string): Promise<boolean>;
  testPeer(by: Operator, nodeId: string): Promise<TestPeerResponse["steps"]>;
  close(): void;
}

/** @throws {Failure} `configuration`: the caller's files cannot be read, are not a pair, or name no node. */
export function connectOperator(target: CallerTarget, clock: Clock): PeersClient {
  const client = openCallerChannel(target, clock);
  const ask = <Request, Response>(method: MethodDefinition<Request, Response>, request: Request): Promise<Response> =>
    askOnce(client, method, request, clock.wallMs() + WITHIN_MS);
  const service = PeerServiceService;
  return {
    listPeers: (by) => ask(service.listPeers, { by }),
    async quarantinePeer(by, nodeId, forSeconds) {
      await ask(service.quarantinePeer, { by, nodeId, forSeconds });
    },
    releasePeer: async (by, nodeId) => (await ask(service.releasePeer, { by, nodeId })).wasQuarantined,
    testPeer: async (by, nodeId) => (await ask(service.testPeer, { by, nodeId })).steps,
    close: () => client.close(),
  };
}
