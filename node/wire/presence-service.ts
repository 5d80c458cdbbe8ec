import type { Client } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId } from "../base/words.ts";
import { FILTER_FILE_BYTES_MAX } from "../presence/filter-file.ts";
import type { PresenceTransport } from "../requests/follow-presence.ts";
import type { HandedFilter, SharedPresence } from "../requests/share-presence.ts";
import type { Log } from "../telemetry/log.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import { fromCoverage, toCoverage, toMs } from "./convert-answer.ts";
import {
  type FetchPresenceFilterResponse,
  PresenceServiceService,
  type ReadPresenceRequest,
} from "./generated/corridor/v1/presence_service.ts";
import { boundRequest, serverStream, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";
import type { Service } from "./service.ts";
import { failureOf, isCallError } from "./status.ts";

/** What the door for presence filters needs: its story. */
export type PresenceDoorNeeds = Pick<SharedPresence, "news" | "handOver">;

/** So much of a filter is in one message. */
const PART_BYTES = 64 * 1_024;

/** Lets members know whom they need not ask this node about. */
export function presenceService(log: Log, needs: PresenceDoorNeeds): Service {
  const service = PresenceServiceService;
  return {
    name: "corridor.v1.PresenceService",
    definition: {
      readPresence: boundRequest(service.readPresence, REQUEST_BYTES_MAX),
      fetchPresenceFilter: boundRequest(service.fetchPresenceFilter, REQUEST_BYTES_MAX),
    },
    implementation: {
      readPresence: unary(log, async (request: ReadPresenceRequest, call) => {
        const said = needs.news(askerOf(call), { epoch: place(request, "epoch"), number: place(request, "number") });
        return {
          ...{ epoch: BigInt(said.epoch), number: BigInt(said.number), tokens: [...said.tokens], more: said.more },
          ...{ asOfAgeMs: BigInt(said.asOfAgeMs), coverage: fromCoverage(said.coverage) },
        };
      }),
      fetchPresenceFilter: serverStream(log, (_request: object, call) => partsOf(needs.handOver(askerOf(call)))),
    },
  };
}

async function* partsOf(handed: Promise<HandedFilter>): AsyncGenerator<FetchPresenceFilterResponse, void> {
  const { key, file } = await handed;
  yield { part: { $case: "key", value: Buffer.from(key) } };
  for (let from = 0; from < file.length; from += PART_BYTES) {
    yield { part: { $case: "file", value: Buffer.from(file.subarray(from, from + PART_BYTES)) } };
  }
}

function place(request: ReadPresenceRequest, field: "epoch" | "number"): number {
  const value = Number(request[field]);
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(field, "is no place in a filter");
  return value;
}

function askerOf(call: IncomingCall): NodeId {
  const peer = peerOf(call);
  if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes share presence filters.");
  return peer.member.id as NodeId;
}

const ANSWERED_WITHIN_MS = 5_000;
const FETCHED_WITHIN_MS = 60_000;
/** Ten thousand additions, and the providers of a large node. */
const ANSWER_BYTES_MAX = 1_024 * 1_024;
/** So soon a connection is made anew, and both ends show who they are. */
const CONNECTION_MS_MAX = 60_000;

/** Asks members after their filters, each over a connection of its own. */
export function makePresenceClient(order: MemberChannelOrder): PresenceTransport {
  const open = new Map<string, { readonly client: Client; readonly sinceMs: number }>();
  const { clock } = order;

  function close(id: string): void {
    open.get(id)?.client.close();
    open.delete(id);
  }

  function clientOf(member: Member): Client {
    const nowMs = clock.monotonicMs();
    const last = open.get(member.id);
    if (last !== undefined && nowMs - last.sinceMs < CONNECTION_MS_MAX) return last.client;
    close(member.id);
    const client = openMemberChannel(member, ANSWER_BYTES_MAX, order);
    open.set(member.id, { client, sinceMs: nowMs });
    return client;
  }

  return {
    async readNews(member, { epoch, number }) {
      const request = { epoch: BigInt(epoch), number: BigInt(number) };
      const until = clock.wallMs() + ANSWERED_WITHIN_MS;
      const said = await askOnce(clientOf(member), PresenceServiceService.readPresence, request, until);
      return {
        ...{ epoch: toMs(said.epoch, "epoch"), number: toMs(said.number, "number") },
        ...{ tokens: said.tokens, more: said.more, asOfAgeMs: toMs(said.asOfAgeMs, "as_of_age_ms") },
        coverage: toCoverage(said.coverage ?? { providers: [] }),
      };
    },
    async fetchFilter(member) {
      const { path, requestSerialize, responseDeserialize } = PresenceServiceService.fetchPresenceFilter;
      const deadline = clock.wallMs() + FETCHED_WITHIN_MS;
      const call = clientOf(member).makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        { deadline },
      );
      try {
        return await collect(call as AsyncIterable<FetchPresenceFilterResponse>);
      } catch (thrown) {
        throw isCallError(thrown) ? failureOf(thrown) : thrown;
      } finally {
        call.cancel();
      }
    },
    keepOnly(members) {
      for (const id of open.keys()) if (!members.has(id)) close(id);
    },
  };
}

async function collect(parts: AsyncIterable<FetchPresenceFilterResponse>): Promise<HandedFilter> {
  let key: Uint8Array | undefined;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const { part } of parts) {
    if (part?.$case === "key") key = part.value;
    else if (part?.$case === "file") pieces.push(part.value);
    bytes += part?.value.length ?? 0;
    if (bytes > FILTER_FILE_BYTES_MAX)
      throw new Failure("incompatible", "The member's filter is larger than one may be.");
  }
  if (key === undefined) throw new Failure("incompatible", "The member's filter came without its key.");
  return { key, file: Buffer.concat(pieces) };
}
