import { MANIFEST_BYTES_MAX, type Member } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId } from "../base/words.ts";
import type { ManifestOffer } from "../requests/exchange-manifests.ts";
import type { Log } from "../telemetry/log.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { type ExchangeManifestRequest, MembershipServiceService } from "./generated/corridor/v1/membership_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import type { Service } from "./service.ts";

/** What the door for the network's manifest needs: its story. */
export interface MembershipDoorNeeds {
  readonly answerExchange: (asker: NodeId, sequence: number) => ManifestOffer;
}

/** Hands the manifest on to members that have an older one. */
export function membershipService(log: Log, needs: MembershipDoorNeeds): Service {
  return {
    name: "corridor.v1.MembershipService",
    definition: { exchangeManifest: boundRequest(MembershipServiceService.exchangeManifest, REQUEST_BYTES_MAX) },
    implementation: {
      exchangeManifest: unary(log, async ({ sequence }: ExchangeManifestRequest, call) => {
        const offer = needs.answerExchange(askerOf(call), Number(sequence));
        return { sequence: BigInt(offer.sequence), manifest: offer.manifest ?? "" };
      }),
    },
  };
}

function askerOf(call: IncomingCall): NodeId {
  const peer = peerOf(call);
  if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes exchange manifests.");
  return peer.member.id as NodeId;
}

const ANSWERED_WITHIN_MS = 10_000;
/** Beside the manifest itself. */
const ENVELOPE_BYTES = 1_024;

/** Compares manifests with a member. @throws {Failure} `unreachable`, `timed-out` and what the member says. */
export function makeMembershipClient(
  order: MemberChannelOrder,
): (member: Member, sequence: number) => Promise<ManifestOffer> {
  return async (member, sequence) => {
    const client = openMemberChannel(member, MANIFEST_BYTES_MAX + ENVELOPE_BYTES, order);
    try {
      const until = order.clock.wallMs() + ANSWERED_WITHIN_MS;
      const request = { sequence: BigInt(sequence) };
      const offered = await askOnce(client, MembershipServiceService.exchangeManifest, request, until);
      return {
        sequence: Number(offered.sequence),
        ...(offered.manifest !== "" && { manifest: offered.manifest }),
      };
    } finally {
      client.close();
    }
  };
}
