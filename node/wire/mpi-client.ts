import type { MethodDefinition } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import type { HandChange } from "../mpi/review-desk.ts";
import type { Comparison, ReviewList } from "../requests/review.ts";
import { askOnce } from "./ask-once.ts";
import { type CallerTarget, openCallerChannel } from "./caller-client.ts";
import { fromChange, toComparison, toReviewList } from "./convert-mpi.ts";
import {
  type ChangePersonsResponse,
  type ListHairballsResponse,
  MpiServiceService,
  type Reviewer,
  type ShowHistoryResponse,
  type ShowQualityResponse,
} from "./generated/corridor/v1/mpi_service.ts";

/** A survey walks every person. */
const WITHIN_MS = 60_000;

/** A reviewer's, or an operator's, side of a node's door. Every method throws {@link Failure} as the node said. */
export interface MpiClient {
  listReview(by: Reviewer): Promise<ReviewList>;
  showReview(by: Reviewer, identityNo: number): Promise<Comparison>;
  changePersons(by: Reviewer, change: HandChange): Promise<ChangePersonsResponse>;
  showHistory(by: Reviewer, identityNo: number): Promise<ShowHistoryResponse["events"]>;
  listHairballs(by: Reviewer, identitiesFrom: number): Promise<ListHairballsResponse["hairballs"]>;
  showQuality(by: Reviewer): Promise<ShowQualityResponse>;
  close(): void;
}

/** @throws {Failure} `configuration`: the caller's files cannot be read, are not a pair, or name no node. */
export function connectReviewer(target: CallerTarget, clock: Clock): MpiClient {
  const client = openCallerChannel(target, clock);
  const ask = <Request, Response>(method: MethodDefinition<Request, Response>, request: Request): Promise<Response> =>
    askOnce(client, method, request, clock.wallMs() + WITHIN_MS);
  const service = MpiServiceService;
  return {
    listReview: async (by) => toReviewList(await ask(service.listReview, { by })),
    showReview: async (by, identityNo) => toComparison(await ask(service.showReview, { by, identityNo })),
    changePersons: (by, change) => ask(service.changePersons, { by, change: fromChange(change) }),
    showHistory: async (by, identityNo) => (await ask(service.showHistory, { by, identityNo })).events,
    listHairballs: async (by, identitiesFrom) => (await ask(service.listHairballs, { by, identitiesFrom })).hairballs,
    showQuality: (by) => ask(service.showQuality, { by }),
    close: () => client.close(),
  };
}
