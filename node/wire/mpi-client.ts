import type { MethodDefinition } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import type { HandChange } from "../mpi/review-desk.ts";
import type { LetterChoice } from "../requests/dead-letter-store.ts";
import type { LetterList, PurgeChoice, ReplayChoice, ReplayResult, ShownLetter } from "../requests/dead-letters.ts";
import type { Comparison, ReviewList } from "../requests/review.ts";
import { askOnce } from "./ask-once.ts";
import { type CallerTarget, openCallerChannel } from "./caller-client.ts";
import { fromLetterChoice, toLetterList, toReplayResult, toShownLetter } from "./convert-letters.ts";
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
  listLetters(by: Reviewer, choice: LetterChoice): Promise<LetterList>;
  showLetter(by: Reviewer, id: string): Promise<ShownLetter>;
  replayLetters(by: Reviewer, choice: ReplayChoice): Promise<ReplayResult>;
  /** How many were dropped. */
  purgeLetters(by: Reviewer, choice: PurgeChoice): Promise<number>;
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
    listLetters: async (by, choice) =>
      toLetterList(await ask(service.listDeadLetters, { by, ...fromLetterChoice(choice) })),
    showLetter: async (by, id) => toShownLetter(await ask(service.showDeadLetter, { by, id })),
    replayLetters: async (by, choice) =>
      toReplayResult(await ask(service.replayDeadLetters, { by, ...fromLetterChoice(choice) })),
    async purgeLetters(by, choice) {
      const olderThanMs = BigInt("olderThanMs" in choice ? choice.olderThanMs : 0);
      return (await ask(service.purgeDeadLetters, { by, ...fromLetterChoice(choice), olderThanMs })).dropped;
    },
    close: () => client.close(),
  };
}
