import type { WitnessReply } from "../audit/witness.ts";
import type { Log } from "../telemetry/log.ts";
import type { Member } from "../../topology/manifest.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { type AddCheckpointRequest, WitnessServiceService } from "./generated/corridor/v1/witness_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import type { Service } from "./service.ts";

/** What the door for other nodes' audits needs: its story. */
export interface WitnessDoorNeeds {
  readonly addCheckpoint: (body: string) => Promise<WitnessReply>;
}

/** Vouches for other nodes' audits. */
export function witnessService(log: Log, needs: WitnessDoorNeeds): Service {
  return {
    name: "corridor.v1.WitnessService",
    definition: { addCheckpoint: boundRequest(WitnessServiceService.addCheckpoint, REQUEST_BYTES_MAX) },
    implementation: {
      addCheckpoint: unary(log, ({ body }: AddCheckpointRequest) => needs.addCheckpoint(body)),
    },
  };
}

const ANSWERED_WITHIN_MS = 5_000;

/** Asks a member to vouch for this node's audit. @throws {Failure} `unreachable`, `timed-out` and what the member says. */
export function makeWitnessClient(order: MemberChannelOrder): (member: Member, body: string) => Promise<WitnessReply> {
  return async (member, body) => {
    const client = openMemberChannel(member, REQUEST_BYTES_MAX, order);
    try {
      const until = order.clock.wallMs() + ANSWERED_WITHIN_MS;
      const { status, body: said } = await askOnce(client, WitnessServiceService.addCheckpoint, { body }, until);
      return { status, body: said };
    } finally {
      client.close();
    }
  };
}
