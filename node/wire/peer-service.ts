import { Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import type { Greeting, Operator, PeerList, TestStep } from "../requests/peers.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid, required, requiredText, requiredUuid } from "./convert.ts";
import {
  type GreetResponse,
  type ListPeersResponse,
  type Peer,
  PeerServiceService,
  type QuarantinePeerRequest,
  type ReleasePeerRequest,
  type TestPeerRequest,
  type Operator as WireOperator,
} from "./generated/corridor/v1/peer_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

const USER_CHARACTERS_MAX = 100;
const REASON_CHARACTERS_MAX = 500;
const QUARANTINE_SECONDS_MAX = 366 * 86_400;

/** What the door between nodes, and for those who operate this one, needs: its stories. */
export interface PeersDoorNeeds {
  readonly answerGreeting: (asker: NodeId) => Greeting;
  readonly listPeers: (by: Operator) => Promise<PeerList>;
  /** @param forMs absent: until somebody releases it. */
  readonly quarantinePeer: (by: Operator, peer: string, forMs: number | undefined) => Promise<void>;
  readonly releasePeer: (by: Operator, peer: string) => Promise<boolean>;
  readonly testPeer: (by: Operator, peer: string) => Promise<readonly TestStep[]>;
}

/** Greetings of other nodes, and what an operator may know of them and do about them. */
export function peerService(random: Random, log: Log, needs: PeersDoorNeeds): Service {
  const service = PeerServiceService;
  const bound = <Request, Response>(method: Parameters<typeof boundRequest<Request, Response>>[0]) =>
    boundRequest(method, REQUEST_BYTES_MAX, "everything-known");
  const by = (message: WireOperator | undefined, call: IncomingCall): Operator => toOperator(message, call, random);
  return {
    name: "corridor.v1.PeerService",
    definition: {
      greet: boundRequest(service.greet, REQUEST_BYTES_MAX), // a newer node may say more
      listPeers: bound(service.listPeers),
      quarantinePeer: bound(service.quarantinePeer),
      releasePeer: bound(service.releasePeer),
      testPeer: bound(service.testPeer),
    },
    implementation: {
      greet: unary(log, (_request, call) => Promise.resolve(fromGreeting(needs.answerGreeting(askerOf(call))))),
      listPeers: unary(log, async (request: { by: WireOperator | undefined }, call) =>
        fromList(await needs.listPeers(by(request.by, call))),
      ),
      quarantinePeer: unary(log, async (request: QuarantinePeerRequest, call) => {
        const { nodeId, forSeconds } = request;
        if (forSeconds > QUARANTINE_SECONDS_MAX) throw invalid("for_seconds", "is over a year");
        await needs.quarantinePeer(by(request.by, call), nodeId, forSeconds === 0 ? undefined : forSeconds * 1_000);
        return {};
      }),
      releasePeer: unary(log, async (request: ReleasePeerRequest, call) => ({
        wasQuarantined: await needs.releasePeer(by(request.by, call), request.nodeId),
      })),
      testPeer: unary(log, async (request: TestPeerRequest, call) => ({
        steps: [...(await needs.testPeer(by(request.by, call), request.nodeId))],
      })),
    },
  };
}

function askerOf(call: IncomingCall): NodeId {
  const peer = peerOf(call);
  if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes may greet.");
  return peer.member.id as NodeId;
}

function toOperator(message: WireOperator | undefined, call: IncomingCall, random: Random): Operator {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may ask here.");
  const { userId, reason, requestId } = required(message, "by");
  const words = [
    ["by.user_id", requiredText(userId, USER_CHARACTERS_MAX, "by.user_id")],
    ["by.reason", requiredText(reason, REASON_CHARACTERS_MAX, "by.reason")],
  ] as const;
  for (const [where, text] of words) {
    if (containsNhsNumber(text)) throw invalid(where, "holds what looks like an NHS number");
  }
  const id = requestId === "" ? random.uuid() : requiredUuid(requestId, "by.request_id");
  return { requestId: id, caller: peer.name, userId, reason };
}

function fromGreeting({ wallMs, directorySequence, protocol, agreementIds, ...rest }: Greeting): GreetResponse {
  return {
    ...rest,
    wallMs: BigInt(Math.round(wallMs)),
    protocol: { ...protocol },
    directorySequence: BigInt(directorySequence),
    agreementIds: [...agreementIds],
  };
}

function fromList({ peers, clock, directorySequence }: PeerList): ListPeersResponse {
  return {
    peers: peers.map(fromPeer),
    ...{ clock: clock.text, clockIsOutside: clock.state === "outside" },
    directorySequence: BigInt(directorySequence),
  };
}

function fromPeer(peer: PeerList["peers"][number]): Peer {
  const { nodeId, status, clockAheadMs, directorySequence, directoryLagMs, quarantine, restingForMs } = peer;
  const { presenceAgeMs } = peer;
  return {
    ...{ nodeId, status, heard: clockAheadMs !== undefined },
    clockAheadMs: BigInt(Math.round(clockAheadMs ?? 0)),
    directorySequence: BigInt(directorySequence ?? 0),
    directoryLagMs: directoryLagMs === undefined ? undefined : BigInt(Math.round(directoryLagMs)),
    presenceAgeMs: presenceAgeMs === undefined ? undefined : BigInt(Math.round(presenceAgeMs)),
    ...{ rests: restingForMs !== undefined, restingForMs: BigInt(Math.round(restingForMs ?? 0)) },
    quarantine: quarantine && {
      ...{ reason: quarantine.reason, userId: quarantine.by },
      ...{ sinceMs: BigInt(quarantine.sinceMs), untilMs: BigInt(quarantine.untilMs ?? 0) },
    },
  };
}
