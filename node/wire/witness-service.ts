import type { Client } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import type { WitnessReply } from "../audit/witness.ts";
import type { Log } from "../telemetry/log.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import {
  type AddCheckpointRequest,
  type ProveConsistencyRequest,
  WitnessServiceService,
} from "./generated/corridor/v1/witness_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import type { Service } from "./service.ts";

/** What the door for other nodes' audits needs: its story. */
export interface WitnessDoorNeeds {
  readonly addCheckpoint: (body: string) => Promise<WitnessReply>;
  readonly listCheckpoints: () => Promise<readonly string[]>;
  readonly proveConsistency: (from: number, to: number) => Promise<readonly Uint8Array[]>;
}

/** Vouches for other nodes' audits, and answers for this node's own. */
export function witnessService(log: Log, needs: WitnessDoorNeeds): Service {
  const service = WitnessServiceService;
  return {
    name: "corridor.v1.WitnessService",
    definition: {
      addCheckpoint: boundRequest(service.addCheckpoint, REQUEST_BYTES_MAX),
      listCheckpoints: boundRequest(service.listCheckpoints, REQUEST_BYTES_MAX),
      proveConsistency: boundRequest(service.proveConsistency, REQUEST_BYTES_MAX),
    },
    implementation: {
      addCheckpoint: unary(log, ({ body }: AddCheckpointRequest) => needs.addCheckpoint(body)),
      listCheckpoints: unary(log, async () => ({ checkpoints: [...(await needs.listCheckpoints())] })),
      proveConsistency: unary(log, async ({ from, to }: ProveConsistencyRequest) => {
        if (from < 0n || from > to || to > BigInt(Number.MAX_SAFE_INTEGER))
          throw invalid("from", "is no size before to");
        const proof = await needs.proveConsistency(Number(from), Number(to));
        return { proof: proof.map((hash) => Buffer.from(hash)) };
      }),
    },
  };
}

const ANSWERED_WITHIN_MS = 5_000;

/** What this node says to its members as a keeper of an audit and as a witness. */
export interface WitnessClient {
  /** @throws {Failure} `unreachable`, `timed-out` and what the member says; so do the others. */
  addCheckpoint(member: Member, body: string): Promise<WitnessReply>;
  listCheckpoints(member: Member): Promise<readonly string[]>;
  proveConsistency(member: Member, from: number, to: number): Promise<readonly Uint8Array[]>;
}

export function makeWitnessClient(order: MemberChannelOrder): WitnessClient {
  async function ask<Response>(member: Member, question: (client: Client, until: number) => Promise<Response>) {
    const client = openMemberChannel(member, REQUEST_BYTES_MAX, order);
    try {
      return await question(client, order.clock.wallMs() + ANSWERED_WITHIN_MS);
    } finally {
      client.close();
    }
  }
  const service = WitnessServiceService;
  return {
    addCheckpoint: (member, body) =>
      ask(member, (client, until) => askOnce(client, service.addCheckpoint, { body }, until)),
    listCheckpoints: async (member) => {
      const { checkpoints } = await ask(member, (client, until) => askOnce(client, service.listCheckpoints, {}, until));
      return checkpoints;
    },
    proveConsistency: async (member, from, to) => {
      const sizes = { from: BigInt(from), to: BigInt(to) };
      const { proof } = await ask(member, (client, until) => askOnce(client, service.proveConsistency, sizes, until));
      return proof;
    },
  };
}
