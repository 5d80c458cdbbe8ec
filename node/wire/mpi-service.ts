import { Failure } from "../base/failure.ts";
import { containsNhsNumber } from "../base/nhs-number.ts";
import type { Random } from "../base/random.ts";
import { mayClaimRole } from "../access/caller-rights.ts";
import type { PersonEvent } from "../mpi/person-events.ts";
import type { HandChange, HandOutcome } from "../mpi/review-desk.ts";
import type { Hairball } from "../mpi/review-reader.ts";
import type { LetterChoice } from "../requests/dead-letter-store.ts";
import type { LetterList, PurgeChoice, ReplayChoice, ReplayResult, ShownLetter } from "../requests/dead-letters.ts";
import type { Comparison, Quality, Reviewer, ReviewList } from "../requests/review.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid, required, requiredText, requiredUuid } from "./convert.ts";
import {
  fromComparison,
  fromHairballs,
  fromHistory,
  fromOutcome,
  fromQuality,
  fromReviewList,
  toChange,
} from "./convert-mpi.ts";
import {
  fromLetterList,
  fromReplayResult,
  fromShownLetter,
  toLetterChoice,
  toLetterId,
  toPurgeChoice,
  toReplayChoice,
} from "./convert-letters.ts";
import {
  type ListDeadLettersRequest,
  MpiServiceService,
  type PurgeDeadLettersRequest,
  type ReplayDeadLettersRequest,
  type Reviewer as WireReviewer,
  type ShowDeadLetterRequest,
} from "./generated/corridor/v1/mpi_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import type { Service } from "./service.ts";

const USER_CHARACTERS_MAX = 100;
const REASON_CHARACTERS_MAX = 500;
/** Identities from which a person is reported unless another figure is given. */
const HAIRBALL_IDENTITIES = 20;

/** What the door for reviewers and operators needs: its stories. */
export interface MpiNeeds {
  readonly listReview: (by: Reviewer) => Promise<ReviewList>;
  readonly showReview: (by: Reviewer, identityNo: number) => Promise<Comparison>;
  readonly changePersons: (by: Reviewer, change: HandChange) => Promise<HandOutcome>;
  readonly showHistory: (by: Reviewer, identityNo: number) => Promise<readonly PersonEvent[]>;
  readonly listHairballs: (by: Reviewer, from: number) => Promise<readonly Hairball[]>;
  readonly showQuality: (by: Reviewer) => Promise<Quality>;
  readonly listLetters: (by: Reviewer, choice: LetterChoice) => Promise<LetterList>;
  readonly showLetter: (by: Reviewer, id: string) => Promise<ShownLetter>;
  readonly replayLetters: (by: Reviewer, choice: ReplayChoice) => Promise<ReplayResult>;
  /** How many were dropped. */
  readonly purgeLetters: (by: Reviewer, choice: PurgeChoice) => Promise<number>;
}

/** The door to who is whom: for reviewers, and in figures for operators. */
export function mpiService(random: Random, log: Log, needs: MpiNeeds): Service {
  const service = MpiServiceService;
  const bound = <Request, Response>(method: Parameters<typeof boundRequest<Request, Response>>[0]) =>
    boundRequest(method, REQUEST_BYTES_MAX, "everything-known");
  const by = (message: WireReviewer | undefined, call: IncomingCall): Reviewer => toReviewer(message, call, random);
  return {
    name: "corridor.v1.MpiService",
    definition: {
      listReview: bound(service.listReview),
      showReview: bound(service.showReview),
      changePersons: bound(service.changePersons),
      showHistory: bound(service.showHistory),
      listHairballs: bound(service.listHairballs),
      showQuality: bound(service.showQuality),
      listDeadLetters: bound(service.listDeadLetters),
      showDeadLetter: bound(service.showDeadLetter),
      replayDeadLetters: bound(service.replayDeadLetters),
      purgeDeadLetters: bound(service.purgeDeadLetters),
    },
    implementation: {
      listReview: unary(log, async (request: { by: WireReviewer | undefined }, call) =>
        fromReviewList(await needs.listReview(by(request.by, call))),
      ),
      showReview: unary(log, async (request: IdentityRequest, call) =>
        fromComparison(await needs.showReview(by(request.by, call), request.identityNo)),
      ),
      changePersons: unary(log, async (request: ChangeRequest, call) =>
        fromOutcome(await needs.changePersons(by(request.by, call), toChange(request.change))),
      ),
      showHistory: unary(log, async (request: IdentityRequest, call) =>
        fromHistory(await needs.showHistory(by(request.by, call), request.identityNo)),
      ),
      listHairballs: unary(log, async (request: { by: WireReviewer | undefined; identitiesFrom: number }, call) => {
        const from = request.identitiesFrom === 0 ? HAIRBALL_IDENTITIES : request.identitiesFrom;
        return fromHairballs(await needs.listHairballs(by(request.by, call), from));
      }),
      showQuality: unary(log, async (request: { by: WireReviewer | undefined }, call) =>
        fromQuality(await needs.showQuality(by(request.by, call))),
      ),
      listDeadLetters: unary(log, async (request: ListDeadLettersRequest, call) =>
        fromLetterList(await needs.listLetters(by(request.by, call), toLetterChoice(request))),
      ),
      showDeadLetter: unary(log, async (request: ShowDeadLetterRequest, call) =>
        fromShownLetter(await needs.showLetter(by(request.by, call), toLetterId(request.id))),
      ),
      replayDeadLetters: unary(log, async (request: ReplayDeadLettersRequest, call) =>
        fromReplayResult(await needs.replayLetters(by(request.by, call), toReplayChoice(request))),
      ),
      purgeDeadLetters: unary(log, async (request: PurgeDeadLettersRequest, call) => ({
        dropped: await needs.purgeLetters(by(request.by, call), toPurgeChoice(request)),
      })),
    },
  };
}

type IdentityRequest = { readonly by: WireReviewer | undefined; readonly identityNo: number };
type ChangeRequest = { readonly by: WireReviewer | undefined; readonly change?: Parameters<typeof toChange>[0] };

/**
 * Who reviews. The right is the certificate's; a reviewer's role must be one that it lists, and whoever only operates is
 * an operator whatever they say.
 */
function toReviewer(message: WireReviewer | undefined, call: IncomingCall, random: Random): Reviewer {
  const peer = peerOf(call);
  if (peer.kind !== "caller") throw new Failure("not-permitted", "Only callers of this node may ask here.");
  const { userId, role, reason, requestId } = required(message, "by");
  const mayReview = peer.rights.review === true;
  if (mayReview && !mayClaimRole(role, peer.rights.roles)) {
    throw new Failure("not-permitted", "This caller's certificate does not list the role that it claimed.", {
      where: "by.role",
    });
  }
  const words = [
    ["by.user_id", requiredText(userId, USER_CHARACTERS_MAX, "by.user_id")],
    ["by.reason", requiredText(reason, REASON_CHARACTERS_MAX, "by.reason")],
  ] as const;
  for (const [where, text] of words) {
    if (containsNhsNumber(text)) throw invalid(where, "holds what looks like an NHS number");
  }
  return {
    requestId: requestId === "" ? random.uuid() : requiredUuid(requestId, "by.request_id"),
    ...{ caller: peer.name, userId, role: mayReview ? role : "operator", reason, mayReview },
  };
}
